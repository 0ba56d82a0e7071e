//! How far subagents may go.

use serde::{Deserialize, Serialize};
use session_api::{ChildRun, Purpose, RunOverrides};

use crate::Profile;

/// The limits that hold for all subagents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentLimits {
    /// How deep they may be nested: 1 lets only conversations with people start any.
    pub depth: u32,
    /// How many of one parent may be under way at once.
    pub at_once: u32,
    /// How many may be under way at once in all.
    pub in_all: u32,
    /// Most model calls of one.
    pub model_calls: u32,
    /// Most tool calls of one.
    pub tool_calls: u32,
    /// Longest wall time of one, in seconds.
    pub seconds: u64,
    /// The most that one may cost, in millionths of a US dollar.
    pub cost_micros: Option<u64>,
}

impl Default for AgentLimits {
    fn default() -> Self {
        Self {
            depth: 2,
            at_once: 8,
            in_all: 64,
            model_calls: 30,
            tool_calls: 100,
            seconds: 20 * 60,
            cost_micros: None,
        }
    }
}

/// Why a subagent cannot be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpawnError {
    /// It would be nested too deep.
    #[error(
        "an agent at depth {limit} starts no others: that is the limit (agents.depth); do the work yourself"
    )]
    Depth {
        /// The limit.
        limit: u32,
    },
    /// Too many are under way.
    #[error(
        "{active} agents are under way {whose}, and {limit} is the limit ({key}); wait for one of them, or cancel one"
    )]
    AtOnce {
        /// How many.
        active: usize,
        /// `here` or `in all`.
        whose: &'static str,
        /// The limit.
        limit: u32,
        /// The key that sets it.
        key: &'static str,
    },
}

/// Tools that a subagent has only where its profile names them: they speak to people, or leave something behind that
/// outlives it. None is more than its parent has.
const NAMED_ONLY: [&str; 5] =
    ["message", "schedule_prompt", "cancel_scheduled_prompt", "delete_scheduled_prompt", "goal_progress"];

/// How a subagent called `name` runs: no further than `limits`, its parent, and its profile allow. `offered` are the tools
/// that the parent's turn has.
///
/// # Errors
/// It would be nested too deep.
pub fn narrowed(
    limits: &AgentLimits,
    parent: &RunOverrides,
    offered: &[String],
    name: String,
    profile: Option<&Profile>,
) -> Result<RunOverrides, SpawnError> {
    let depth = parent.child.as_ref().map_or(0, |child| child.depth) + 1;
    if depth > limits.depth {
        return Err(SpawnError::Depth { limit: limits.depth });
    }
    let wanted = |tool: &String| match profile.and_then(|profile| profile.tools.as_ref()) {
        Some(named) => named.contains(tool),
        None => !NAMED_ONLY.contains(&tool.as_str()),
    };
    let own = profile.map(|profile| profile.limits).unwrap_or_default();
    let least = |config, parent: Option<_>, own: Option<_>| {
        Some([parent, own].into_iter().flatten().fold(config, Ord::min))
    };
    let inherited = parent.child.as_ref().and_then(|child| child.max_cost_micros);
    let model = profile.and_then(|profile| profile.model.clone());
    Ok(RunOverrides {
        preset: parent.preset.clone().filter(|_| model.is_none()),
        model: model.or_else(|| parent.model.clone()),
        effort: parent.effort,
        max_model_calls: least(limits.model_calls, parent.max_model_calls, own.model_calls),
        max_tool_calls: least(limits.tool_calls, parent.max_tool_calls, own.tool_calls),
        max_seconds: Some(
            [parent.max_seconds, own.seconds].into_iter().flatten().fold(limits.seconds, Ord::min),
        ),
        tools: Some(offered.iter().filter(|tool| wanted(tool)).cloned().collect()),
        purpose: Some(Purpose::Subagent),
        child: Some(Box::new(ChildRun {
            name,
            depth,
            profile: profile.map(|profile| profile.name.clone()),
            instructions: profile.map(|profile| profile.prompt.clone()).filter(|prompt| !prompt.is_empty()),
            max_cost_micros: [limits.cost_micros, inherited, own.cost_micros()].into_iter().flatten().min(),
            plan: None,
        })),
        ..RunOverrides::default()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ProfileLimits;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn an_agent_that_starts_itself_ends_at_the_depth_limit() {
        let limits = AgentLimits { depth: 3, ..AgentLimits::default() };
        let (mut parent, offered) = (RunOverrides::default(), names(&["spawn_agent"]));
        for depth in 1..=3 {
            parent = narrowed(&limits, &parent, &offered, "again".into(), None).unwrap();
            assert_eq!(parent.child.as_ref().unwrap().depth, depth);
        }
        let refused = narrowed(&limits, &parent, &offered, "again".into(), None);
        assert_eq!(refused, Err(SpawnError::Depth { limit: 3 }));
    }

    #[test]
    fn what_speaks_to_people_must_be_named_and_must_be_there() {
        let limits = AgentLimits::default();
        let tools = |offered: &[&str], profile: Option<&Profile>| {
            let run = narrowed(&limits, &RunOverrides::default(), &names(offered), "a".into(), profile);
            run.unwrap().tools.unwrap()
        };
        assert_eq!(tools(&["grep", "message"], None), ["grep"]);
        let profile = Profile { tools: Some(names(&["message", "exec"])), ..Profile::default() };
        assert_eq!(tools(&["grep", "message"], Some(&profile)), ["message"]);
        assert!(tools(&["grep"], Some(&profile)).is_empty());
    }

    proptest! {
        /// Whatever is asked for, a child never gets more than its parent has.
        #[test]
        fn nothing_is_widened(
            calls in proptest::option::of(0..100_u32), own in proptest::option::of(0..100_u32),
            seconds in proptest::option::of(0..5_000_u64), cost in proptest::option::of(1..1_000_u64),
            own_cost in proptest::option::of(1..1_000_u32), offered in proptest::collection::vec("[a-e]", 0..5),
            named in proptest::option::of(proptest::collection::vec("[a-g]", 0..5)),
        ) {
            let limits = AgentLimits { depth: 5, cost_micros: cost, ..AgentLimits::default() };
            let parent = RunOverrides { max_model_calls: calls, max_seconds: seconds, ..RunOverrides::default() };
            let own = ProfileLimits {
                model_calls: own,
                dollars: own_cost.map(|micros| f64::from(micros) / 1e6),
                ..ProfileLimits::default()
            };
            let profile = Profile { tools: named, limits: own, ..Profile::default() };
            let child = narrowed(&limits, &parent, &offered, "a".into(), Some(&profile)).unwrap();
            let grandchild = narrowed(&limits, &child, child.tools.as_deref().unwrap(), "b".into(), None).unwrap();
            for (parent, child) in [(&parent, &child), (&child, &grandchild)] {
                prop_assert!(child.max_model_calls.unwrap() <= parent.max_model_calls.unwrap_or(u32::MAX).min(30));
                prop_assert!(child.max_seconds.unwrap() <= parent.max_seconds.unwrap_or(u64::MAX).min(1_200));
                let most = |run: &RunOverrides| run.child.as_ref().and_then(|child| child.max_cost_micros);
                prop_assert!(most(child).unwrap_or(u64::MAX) <= most(parent).or(cost).unwrap_or(u64::MAX));
            }
            prop_assert!(child.tools.iter().flatten().all(|tool| offered.contains(tool)));
            prop_assert!(grandchild.tools.iter().flatten().all(|tool| child.tools.as_ref().unwrap().contains(tool)));
        }
    }
}
