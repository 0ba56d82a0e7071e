//! A provider behind a [`Breaker`].

use std::sync::Arc;

use agent_core::{
    Finished, LlmProvider, ModelError, ModelErrorKind as Kind, ModelRequest, ModelStream, ProviderInfo, Retry,
};
use async_trait::async_trait;
use futures_util::StreamExt as _;
use session_api::Clock;

use super::{
    Breaker,
    breaker::{Ticket, Verdict},
    watch::{Watch, Watched},
};

/// A provider that is left alone for a while after it failed several times in a row.
pub struct BreakingProvider {
    inner: Arc<dyn LlmProvider>,
    breaker: Arc<Breaker>,
    clock: Arc<dyn Clock>,
}

impl BreakingProvider {
    /// Wraps `inner`. All that ask the same server share one `breaker`.
    pub fn new(inner: Arc<dyn LlmProvider>, breaker: Arc<Breaker>, clock: Arc<dyn Clock>) -> Self {
        Self { inner, breaker, clock }
    }

    fn refusal(&self, (wait, failures): (std::time::Duration, u32)) -> ModelError {
        let text = format!(
            "provider `{}` failed {failures} times in a row and is left alone for {} s more",
            self.inner.info().name,
            wait.as_millis().div_ceil(1000)
        );
        ModelError { retry: Retry::After(wait), ..ModelError::new(Kind::Unavailable, text) }
    }
}

/// One request under way. Dropped without a verdict, it says nothing of the server.
struct Trial {
    breaker: Arc<Breaker>,
    clock: Arc<dyn Clock>,
    ticket: Option<Ticket>,
}

impl Trial {
    fn settle(&mut self, verdict: Verdict) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.settle(ticket, verdict, self.clock.monotonic());
        }
    }
}

impl Watch for Trial {
    fn began(&mut self) {
        if let Some(ticket) = &mut self.ticket {
            self.breaker.began(ticket);
        }
    }

    fn ended(&mut self, end: Result<&Finished, &ModelError>) {
        self.settle(end.map_or_else(verdict, |_| Verdict::Good));
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.settle(Verdict::Unknown);
    }
}

/// What an error says of the server. One that refuses is well; one that wants fewer requests may not have been asked at all.
fn verdict(error: &ModelError) -> Verdict {
    match error.kind {
        Kind::Unavailable | Kind::Timeout | Kind::BadReply => Verdict::Bad(error.kind),
        Kind::RateLimited | Kind::NotConfigured => Verdict::Unknown,
        Kind::Auth | Kind::Quota | Kind::NotFound | Kind::ContextTooLong | Kind::BadRequest => Verdict::Good,
    }
}

#[async_trait]
impl LlmProvider for BreakingProvider {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    async fn stream(&self, request: ModelRequest) -> Result<ModelStream, ModelError> {
        let ticket = self.breaker.admit(self.clock.monotonic()).map_err(|refused| self.refusal(refused))?;
        let (breaker, clock) = (self.breaker.clone(), self.clock.clone());
        let mut trial = Trial { breaker, clock, ticket: Some(ticket) };
        match self.inner.stream(request).await {
            Ok(stream) => Ok(Watched::new(stream, trial).boxed()),
            Err(error) => {
                trial.settle(verdict(&error));
                Err(error)
            }
        }
    }

    async fn models(&self) -> Result<Vec<String>, ModelError> {
        self.inner.models().await
    }
}
