//! The immutable core: what a turn needs to know of the configuration, taken as one snapshot when it starts.

use std::{fmt, sync::Arc, time::Duration};

use schedule::Zones;
use session_api::{Effort, RunOverrides};
use sha2::{Digest, Sha256};
use tool_api::{Approver, Registry, ToolSpec};

use crate::{
    BudgetConfig, Compaction, Hook, Models, PromptSource, SkillSource, SpendingCaps, Transcriber,
    turn::Limits,
};

/// What the assistant does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Autonomy {
    /// After so many model calls of a turn its model is told how far it is; 0: never.
    pub self_report_every: u32,
    /// How long after the start of a goal's round the next one comes.
    pub goal_every: Duration,
    /// Most rounds of a goal.
    pub goal_rounds: u64,
    /// The most that a goal may cost, in millionths of a US dollar.
    pub goal_cost_micros: Option<u64>,
}

impl Default for Autonomy {
    fn default() -> Self {
        Self {
            self_report_every: 10,
            goal_every: Duration::from_secs(10 * 60),
            goal_rounds: 30,
            goal_cost_micros: None,
        }
    }
}

#[derive(Clone)]
/// A snapshot of everything configured. Immutable: a reload makes another one, and turns under way keep theirs.
pub struct Core {
    /// The providers.
    pub models: Models,
    /// The tools.
    pub tools: Registry,
    /// Who decides about calls.
    pub approver: Arc<dyn Approver>,
    /// What an embedder hung in.
    pub hooks: Vec<Arc<dyn Hook>>,
    /// Where instructions come from.
    pub prompts: Arc<dyn PromptSource>,
    /// The skills.
    pub skills: Arc<dyn SkillSource>,
    /// What hears voice notes; `None`: they are named, not heard.
    pub transcriber: Option<Arc<dyn Transcriber>>,
    /// How far a turn may go.
    pub limits: Limits,
    /// How much money may be spent.
    pub caps: SpendingCaps,
    /// How much room each thing has.
    pub budget: BudgetConfig,
    /// When older history is summarised, and by whom.
    pub compaction: Compaction,
    /// How hard models are to think where neither the conversation nor a preset says so.
    pub effort: Option<Effort>,
    /// How long a question stays open.
    pub approval_expiry: Duration,
    /// The time zones that scheduled jobs know.
    pub zones: Zones,
    /// What it does by itself.
    pub autonomy: Autonomy,
}

impl Core {
    /// The tools on offer to a run, by name.
    #[must_use]
    pub fn specs(&self, overrides: &RunOverrides) -> Arc<[ToolSpec]> {
        match &overrides.tools {
            None => self.tools.shared_specs(),
            Some(only) => self.tools.specs().filter(|spec| only.contains(&spec.name)).cloned().collect(),
        }
    }

    /// A digest of what decides how a turn goes on: default model, tools and limits.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(self.models.default_model().name());
        for spec in self.tools.specs() {
            hasher.update(spec.digest());
        }
        hasher.update(format!("{:?}{:?}", self.limits, self.budget));
        hex::encode(&hasher.finalize()[..8])
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("models", &self.models)
            .field("tools", &self.tools)
            .finish_non_exhaustive()
    }
}
