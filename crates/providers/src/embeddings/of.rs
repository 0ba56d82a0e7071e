//! The embedder at a provider that is known already.

use std::sync::Arc;

use agent_core::{Embedder, WordEmbedder};
use secrecy::SecretString;

use super::{EmbeddingsConfig, OpenAiEmbedder, WORDS};
use crate::{
    ProviderSetupError, kinds,
    setup::{Embeddings, unknown_kind},
};

/// What one is made of beside the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbedderOf<'a> {
    /// The provider's name in the configuration.
    pub provider: &'a str,
    /// Its kind.
    pub kind: &'a str,
    /// Its address; without one that of its kind.
    pub base_url: Option<&'a str>,
    /// The model.
    pub model: &'a str,
    /// The length of the vectors; without it the model's own.
    pub dimensions: Option<u32>,
    /// Most texts in one request.
    pub batch: usize,
}

/// An embedder at the provider's server, with the provider's resolved key; of the kind `offline` one that knows words alone.
/// Starts nothing and touches no network.
///
/// # Errors
/// [`ProviderSetupError`]: the kind is unknown or makes no vectors, or a value cannot be used.
pub fn embedder_of(
    of: &EmbedderOf<'_>,
    key: Option<SecretString>,
) -> Result<Arc<dyn Embedder>, ProviderSetupError> {
    let Some(kind) = kinds().iter().find(|kind| kind.name == of.kind) else {
        return Err(unknown_kind(of.provider, of.kind));
    };
    match kind.embeddings {
        Embeddings::Words => Ok(Arc::new(WordEmbedder)),
        Embeddings::Servers => {
            let config = EmbeddingsConfig {
                base_url: of.base_url.unwrap_or(kind.base_url).to_owned(),
                model: of.model.to_owned(),
                dimensions: of.dimensions,
                batch: of.batch,
                ..EmbeddingsConfig::default()
            };
            Ok(Arc::new(OpenAiEmbedder::new(config, key)?))
        }
        Embeddings::None => {
            let able = kinds().iter().filter(|kind| kind.embeddings != Embeddings::None);
            let able: Vec<String> = able.map(|kind| format!("`{}`", kind.name)).collect();
            let message = format!(
                "`{}` is of the kind `{}`, which makes no vectors; name a provider of the kind {}",
                of.provider,
                of.kind,
                able.join(" or ")
            );
            Err(ProviderSetupError::Value { name: WORDS.name.into(), key: "model", message })
        }
    }
}
