//! "The first model that the server lists", found out at the first call.

use std::sync::Arc;

use agent_core::{LlmProvider, ModelError, ModelErrorKind, ModelRequest, ModelStream, ProviderInfo};
use async_trait::async_trait;
use parking_lot::Mutex;

/// The name of a model that stands for the first one that its provider lists.
pub const FIRST: &str = "first";

/// A provider that understands [`FIRST`] as the name of a model.
pub struct FirstModelProvider {
    inner: Arc<dyn LlmProvider>,
    found: Mutex<Option<String>>,
}

impl FirstModelProvider {
    /// Wraps `inner`.
    pub fn new(inner: Arc<dyn LlmProvider>) -> Self {
        Self { inner, found: Mutex::default() }
    }

    /// Calls that come here at the same time may both ask; the answer is the same.
    async fn first(&self) -> Result<String, ModelError> {
        if let Some(found) = self.found.lock().clone() {
            return Ok(found);
        }
        let first = self.inner.models().await?.into_iter().next().ok_or_else(|| {
            let message = format!(
                "provider `{0}` lists no models; name one, as in agent.model = \"{0}/MODEL\"",
                self.inner.info().name
            );
            ModelError::new(ModelErrorKind::NotConfigured, message)
        })?;
        *self.found.lock() = Some(first.clone());
        Ok(first)
    }
}

#[async_trait]
impl LlmProvider for FirstModelProvider {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    async fn stream(&self, mut request: ModelRequest) -> Result<ModelStream, ModelError> {
        if request.model == FIRST {
            request.model = self.first().await?;
        }
        self.inner.stream(request).await
    }

    async fn models(&self) -> Result<Vec<String>, ModelError> {
        self.inner.models().await
    }
}
