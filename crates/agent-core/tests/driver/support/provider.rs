//! A model whose replies follow from what it is asked.

use std::sync::Arc;

use agent_core::{
    LlmProvider, ModelError, ModelRequest, ModelStream, ProviderInfo, ScriptedProvider, ScriptedReply,
};
use async_trait::async_trait;

use super::Trap;

/// Answers the same request in the same way, however often a process dies in between.
pub(crate) struct Reacting {
    info: ProviderInfo,
    trap: Arc<Trap>,
    react: fn(&ModelRequest) -> ScriptedReply,
}

impl Reacting {
    pub(crate) fn new(trap: Arc<Trap>, react: fn(&ModelRequest) -> ScriptedReply) -> Self {
        let info =
            ProviderInfo { name: "reacting".into(), kind: "scripted".into(), images: false, files: &[] };
        Self { info, trap, react }
    }
}

#[async_trait]
impl LlmProvider for Reacting {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    async fn stream(&self, request: ModelRequest) -> Result<ModelStream, ModelError> {
        self.trap.place("model call".into()).await;
        ScriptedProvider::new(vec![(self.react)(&request)]).stream(request).await
    }

    async fn models(&self) -> Result<Vec<String>, ModelError> {
        Ok(vec!["model".into()])
    }
}
