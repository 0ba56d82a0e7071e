//! What a configuration may say about memory.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is remembered beyond a conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MemorySection {
    /// Working the notes of days into `MEMORY.md`.
    pub consolidation: ConsolidationSection,
    /// Finding by meaning what was said and noted.
    pub embeddings: EmbeddingsSection,
}

/// Texts get vectors from a model, and a search finds those of like meaning beside those that hold its words. Off without a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EmbeddingsSection {
    /// The model, as `PROVIDER/MODEL`: a provider of the configuration, or a vendor whose key is in the environment. Without it
    /// nothing gets vectors. With another one, all are made anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub model: Option<String>,
    /// The length of the vectors, for models that can make shorter ones. Without it the model's own. With another one, all are
    /// made anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 16384))]
    pub dimensions: Option<u32>,
    /// How near a text must be to what is looked for, as a cosine in percent: models differ in what they call near.
    #[schemars(range(min = 0, max = 100))]
    pub similarity_percent: u8,
    /// Most texts that are sent at once.
    #[schemars(range(min = 1, max = 2048))]
    pub batch: u32,
    /// How long a search waits for the model, in seconds; then it finds by words alone and says so.
    #[schemars(range(min = 1, max = 60))]
    pub wait_seconds: u32,
}

impl Default for EmbeddingsSection {
    fn default() -> Self {
        Self { model: None, dimensions: None, similarity_percent: 30, batch: 64, wait_seconds: 3 }
    }
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
