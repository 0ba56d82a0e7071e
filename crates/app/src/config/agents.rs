//! What a configuration may say about agents that a turn starts.

use std::{sync::Arc, time::Duration};

use agent_core::Autonomy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use session_api::{Clock, IdSource, Stores};
use subagents::AgentLimits;
use tools::Workspace;

/// How far agents may go that a turn starts. One that an agent starts never may more than that agent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AgentsSection {
    /// Whether the tools are offered that start agents.
    pub enabled: bool,
    /// How deep they may be nested; 1: an agent starts no others.
    #[schemars(range(min = 1, max = 8))]
    pub depth: u32,
    /// How many of one conversation or agent may be under way at once.
    #[schemars(range(min = 1, max = 10_000))]
    pub at_once: u32,
    /// How many may be under way at once in all.
    #[schemars(range(min = 1, max = 10_000))]
    pub in_all: u32,
    /// Most model calls of one.
    #[schemars(range(min = 1, max = 1000))]
    pub model_calls: u32,
    /// Most tool calls of one.
    #[schemars(range(min = 0, max = 10_000))]
    pub tool_calls: u32,
    /// Longest wall time of one, in seconds.
    #[schemars(range(min = 1, max = 86_400))]
    pub seconds: u64,
    /// The most that one may cost, in US dollars. A model whose price is not known is not asked then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1e6))]
    pub dollars: Option<f64>,
    /// How long after the start of a goal's round the next one comes, in minutes.
    #[schemars(range(min = 1, max = 1440))]
    pub goal_minutes: u32,
    /// Most rounds of a goal.
    #[schemars(range(min = 1, max = 10_000))]
    pub goal_rounds: u32,
    /// The most that a goal may cost, in US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1e6))]
    pub goal_dollars: Option<f64>,
}

impl Default for AgentsSection {
    fn default() -> Self {
        let AgentLimits { depth, at_once, in_all, model_calls, tool_calls, seconds, cost_micros: _ } =
            AgentLimits::default();
        Self {
            enabled: true,
            depth,
            at_once,
            in_all,
            model_calls,
            tool_calls,
            seconds,
            dollars: None,
            goal_minutes: 10,
            goal_rounds: 30,
            goal_dollars: None,
        }
    }
}

impl AgentsSection {
    /// What the tools stand on; `None`: they are not offered.
    pub(crate) fn tools(
        self,
        stores: &Stores,
        clock: &Arc<dyn Clock>,
        ids: &Arc<dyn IdSource>,
        workspace: &Workspace,
    ) -> Option<tools::Agents> {
        let Self { enabled, depth, at_once, in_all, model_calls, tool_calls, seconds, dollars, .. } = self;
        let cost_micros = micros(dollars);
        enabled.then(|| tools::Agents {
            stores: stores.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            workspace: workspace.clone(),
            limits: AgentLimits { depth, at_once, in_all, model_calls, tool_calls, seconds, cost_micros },
            known: Arc::default(),
        })
    }

    pub(super) fn autonomy(self, self_report_every: u32) -> Autonomy {
        Autonomy {
            self_report_every,
            goal_every: Duration::from_secs(u64::from(self.goal_minutes) * 60),
            goal_rounds: self.goal_rounds.into(),
            goal_cost_micros: micros(self.goal_dollars),
        }
    }
}

/// In millionths. A cast of a float ends at the bounds of the integer.
fn micros(dollars: Option<f64>) -> Option<u64> {
    dollars.map(|dollars| (dollars * 1e6).round() as u64)
}
