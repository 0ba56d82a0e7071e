//! "The first model that the server lists", found out at the first call.

use std::sync::Arc;

use agent_core::{LlmProvider, ModelError, ModelErrorKind, ModelRequest, ModelStream, ProviderInfo};
use async_trait::async_trait;
use tokio::sync::OnceCell;

use super::FIRST;

/// A provider that understands [`FIRST`] as the name of a model.
pub(super) struct FirstModel {
    inner: Arc<dyn LlmProvider>,
    found: OnceCell<String>,
}

impl FirstModel {
    pub(super) fn new(inner: Arc<dyn LlmProvider>) -> Self {
        Self { inner, found: OnceCell::new() }
    }

    async fn find(&self) -> Result<String, ModelError> {
        let models = self.inner.models().await?;
        models.into_iter().next().ok_or_else(|| {
            let message = format!(
                "provider `{0}` lists no models; name one, as in agent.model = \"{0}/MODEL\"",
                self.inner.info().name
            );
            ModelError::new(ModelErrorKind::NotConfigured, message)
        })
    }
}

#[async_trait]
impl LlmProvider for FirstModel {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    async fn stream(&self, mut request: ModelRequest) -> Result<ModelStream, ModelError> {
        if request.model == FIRST {
            self.found.get_or_try_init(|| self.find()).await?.clone_into(&mut request.model);
        }
        self.inner.stream(request).await
    }

    async fn models(&self) -> Result<Vec<String>, ModelError> {
        self.inner.models().await
    }
}
