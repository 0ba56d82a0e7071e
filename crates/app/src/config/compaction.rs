//! The section `[compaction]`.

use std::time::Duration;

use agent_core::Compaction;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When the older part of a conversation is summarised. Nothing is deleted; the newest part always stays word for word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CompactionSection {
    /// Whether it is done unasked. `/compact`, and a request that a model refuses as too long, are not asked about this.
    pub enabled: bool,
    /// It is done when so many hundredths of the room of the history (`agent.budget.history`) or of
    /// `agent.budget.history_messages` are full.
    #[schemars(range(min = 20, max = 95))]
    pub threshold: u8,
    /// So many hundredths of that room stay word for word; less than `threshold`.
    #[schemars(range(min = 1, max = 90))]
    pub keep: u8,
    /// The model that writes summaries: a cheap one will do. Without it, the conversation's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub model: Option<String>,
    /// A conversation in which nothing was said for so many minutes is summarised too, by the gateway; 0: not for that.
    #[schemars(range(min = 0, max = 10_080))]
    pub idle_minutes: u32,
}

impl Default for CompactionSection {
    fn default() -> Self {
        let Compaction { enabled, threshold, keep, .. } = Compaction::default();
        Self { enabled, threshold, keep, model: None, idle_minutes: 0 }
    }
}

impl CompactionSection {
    /// For the core; `model` is what its name came to.
    pub(crate) fn compaction(&self, model: Option<agent_core::ChosenModel>) -> Compaction {
        let idle = Duration::from_secs(u64::from(self.idle_minutes) * 60);
        let idle = (!idle.is_zero()).then_some(idle);
        Compaction { enabled: self.enabled, threshold: self.threshold, keep: self.keep, model, idle }
    }
}
