//! What an embedder is made of.

use serde::{Deserialize, Serialize};

/// Least and most of each number.
const SECONDS: (u64, u64) = (1, 3_600);
const BATCH: (u64, u64) = (1, 2_048);
const DIMENSIONS: (u64, u64) = (1, 16_384);

/// Where and how texts become vectors. The key is no part of it: it comes resolved, beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmbeddingsConfig {
    /// Where `/embeddings` is appended. A query is kept.
    pub base_url: String,
    /// The model. With another one, all vectors have to be made again.
    pub model: String,
    /// The length of the vectors, for models that can make shorter ones. Without it the model's own.
    pub dimensions: Option<u32>,
    /// The longest that one request may take, in seconds.
    pub timeout_seconds: u64,
    /// Most texts in one request.
    pub batch: usize,
}

impl Default for EmbeddingsConfig {
    fn default() -> Self {
        Self {
            base_url: "https://api.openai.com/v1".into(),
            model: "text-embedding-3-small".into(),
            dimensions: None,
            timeout_seconds: 30,
            batch: 64,
        }
    }
}

impl EmbeddingsConfig {
    /// The first value that makes no sense: its key, and what is wrong with it.
    pub(super) fn wrong(&self) -> Option<(&'static str, String)> {
        if self.model.trim().is_empty() {
            return Some(("model", "`model` must name a model, such as text-embedding-3-small".into()));
        }
        let dimensions = self.dimensions.map_or(DIMENSIONS.0, u64::from);
        for (key, value, (least, most)) in [
            ("dimensions", dimensions, DIMENSIONS),
            ("timeout_seconds", self.timeout_seconds, SECONDS),
            ("batch", self.batch as u64, BATCH),
        ] {
            if !(least..=most).contains(&value) {
                return Some((key, format!("`{key}` must be between {least} and {most}")));
            }
        }
        None
    }
}
