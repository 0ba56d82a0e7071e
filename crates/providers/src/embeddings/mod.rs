//! Vectors of texts at servers that speak the embeddings API of `OpenAI`, which nearly all do.
//!
//! `config` is what one is made of, `of` which server a provider's are.

mod config;
mod of;

use std::{fmt, sync::Arc};

use agent_core::{Embedded, Embedder, ModelError, ModelErrorKind as Kind};
use async_trait::async_trait;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use config::EmbeddingsConfig;
pub use of::{EmbedderOf, embedder_of};

use crate::{
    ProviderSetupError,
    exchange::read::count,
    oneshot::{Desk, Place, Words},
};

const WORDS: Words = Words {
    name: "embeddings",
    server: "embeddings server",
    section: "memory.embeddings",
    sent: "text",
    too_large: "lower batch in [memory.embeddings], or embed shorter texts",
    answer: "list of vectors",
    compatible: "a server with OpenAI's embeddings API",
};
/// Most bytes of an answer: the vectors of the largest batch, as generously written as servers do.
const LARGEST_ANSWER: usize = 64_000_000;

/// An embedder from its table, in which the key `api_key` no longer stands, and the resolved key. Starts nothing and touches
/// no network.
///
/// # Errors
/// [`ProviderSetupError`], which names the key at fault.
pub fn embedder(table: Value, key: Option<SecretString>) -> Result<Arc<dyn Embedder>, ProviderSetupError> {
    Ok(Arc::new(OpenAiEmbedder::new(crate::setup::read(WORDS.name, table)?, key)?))
}

/// A server that makes vectors.
pub struct OpenAiEmbedder {
    config: EmbeddingsConfig,
    desk: Desk,
}

impl fmt::Debug for OpenAiEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        f.debug_struct("OpenAiEmbedder")
            .field("server", &self.desk.server())
            .field("model", &self.config.model)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Question<'a> {
    model: &'a str,
    input: &'a [String],
    encoding_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u32>,
}

#[derive(Deserialize)]
struct Answered {
    data: Vec<Vector>,
    #[serde(default)]
    usage: Value,
}

#[derive(Deserialize)]
struct Vector {
    /// Its place; servers that leave it out keep the order.
    #[serde(default)]
    index: Option<usize>,
    embedding: Vec<f32>,
}

impl OpenAiEmbedder {
    /// An embedder with its resolved key, if it has one.
    ///
    /// # Errors
    /// When the URL, the key, or a value cannot be used.
    pub fn new(config: EmbeddingsConfig, key: Option<SecretString>) -> Result<Self, ProviderSetupError> {
        let place = Place {
            base_url: &config.base_url,
            path: &["embeddings"],
            model: &config.model,
            seconds: config.timeout_seconds,
            accept: "application/json",
        };
        let desk = Desk::new(&WORDS, &place, config.wrong(), key)?;
        Ok(Self { config, desk })
    }

    /// The vectors of as many texts as go into one request.
    async fn batch(&self, texts: &[String]) -> Result<(Vec<Vec<f32>>, Option<u64>), ModelError> {
        let question = Question {
            model: &self.config.model,
            input: texts,
            encoding_format: "float",
            dimensions: self.config.dimensions,
        };
        let answer = self.desk.ask(|call| call.json(&question), LARGEST_ANSWER).await?;
        let answered: Answered = serde_json::from_slice(&answer.body).map_err(|_| self.desk.nonsense())?;
        let used = count(&answered.usage["prompt_tokens"]);
        let vectors = in_order(answered.data, texts.len()).ok_or_else(|| self.desk.nonsense())?;
        Ok((vectors, used))
    }
}

/// The vectors in the order of their texts, if there is exactly one for each.
fn in_order(data: Vec<Vector>, texts: usize) -> Option<Vec<Vec<f32>>> {
    let mut places: Vec<Option<Vec<f32>>> = vec![None; texts];
    for (at, Vector { index, embedding }) in data.into_iter().enumerate() {
        let place = places.get_mut(index.unwrap_or(at))?;
        if place.replace(embedding).is_some() {
            return None;
        }
    }
    places.into_iter().collect()
}

/// Whether they can be compared with each other.
fn sound(vectors: &[Vec<f32>]) -> bool {
    let length = vectors.first().map_or(0, Vec::len);
    vectors.iter().all(|vector| {
        vector.len() == length
            && vector.iter().all(|part| part.is_finite())
            && vector.iter().any(|part| *part != 0.0)
    })
}

#[async_trait]
impl Embedder for OpenAiEmbedder {
    fn model(&self) -> &str {
        &self.config.model
    }

    /// Texts that do not go into one request go into several, one after the other.
    async fn embed(&self, texts: &[String]) -> Result<Embedded, ModelError> {
        if texts.iter().any(|text| text.trim().is_empty()) {
            return Err(ModelError::new(Kind::BadRequest, "an empty text has no vector"));
        }
        let mut vectors = Vec::with_capacity(texts.len());
        let mut input_tokens: Option<u64> = None;
        for batch in texts.chunks(self.config.batch) {
            let (more, used) = self.batch(batch).await?;
            vectors.extend(more);
            if let Some(used) = used {
                input_tokens = Some(input_tokens.unwrap_or(0).saturating_add(used));
            }
        }
        if !sound(&vectors) {
            return Err(self.desk.nonsense());
        }
        Ok(Embedded { vectors, input_tokens })
    }
}
