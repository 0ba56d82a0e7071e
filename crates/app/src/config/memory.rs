//! What a configuration may say about memory.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is remembered beyond a conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MemorySection {
    /// Working the notes of days into `MEMORY.md`.
    pub consolidation: ConsolidationSection,
}

/// Now and then the gateway has a model work the notes of the last days into `MEMORY.md`. Off while neither `every` nor `cron`
/// is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConsolidationSection {
    /// How often, as in `6h` or `1 day`; at least a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub every: Option<String>,
    /// When, as a cron expression by your time zone, as in `0 4 * * *`. It counts before `every`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub cron: Option<String>,
    /// The model, as `PROVIDER/MODEL`. Without it, the usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub model: Option<String>,
    /// The size that `MEMORY.md` is kept within, in bytes.
    #[schemars(range(min = 1000, max = 200_000))]
    pub max_bytes: u32,
}

impl Default for ConsolidationSection {
    fn default() -> Self {
        Self { every: None, cron: None, model: None, max_bytes: 16_384 }
    }
}
