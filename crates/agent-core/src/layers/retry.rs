//! Tries a model call again while nothing of its answer was seen.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use session_api::{Clock, IdSource};

use crate::{
    Attempt, LlmProvider, ModelError, ModelEvent, ModelRequest, ModelStream, ProviderInfo, Retry, TokenUsage,
};

/// How often and how patiently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryPolicy {
    /// Attempts in all.
    pub attempts: u32,
    /// The wait before the second attempt, in milliseconds; it doubles each time, and up to half of it is added.
    pub base_millis: u64,
    /// A server that asks for a longer wait than this many seconds is not waited for.
    pub longest_wait_seconds: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 3, base_millis: 500, longest_wait_seconds: 60 }
    }
}

/// A provider that is asked again after an error that says that a retry helps, as long as nothing of an answer was seen
/// that is not void. Each failed attempt is told as [`ModelEvent::Attempt`].
pub struct RetryingProvider {
    inner: Arc<dyn LlmProvider>,
    patience: Patience,
}

impl RetryingProvider {
    /// Wraps `inner`. `ids` is the source of the jitter.
    pub fn new(
        inner: Arc<dyn LlmProvider>,
        policy: RetryPolicy,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> Self {
        Self { inner, patience: Patience { policy, clock, ids } }
    }
}

/// Decides whether and when to try again, and waits.
#[derive(Clone)]
struct Patience {
    policy: RetryPolicy,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
}

impl Patience {
    /// How long to wait after the attempt of this number, from 0; `None`: there is to be no other one.
    fn wait(&self, error: &ModelError, attempt: u32) -> Option<Duration> {
        if attempt + 1 >= self.policy.attempts {
            return None;
        }
        let longest = Duration::from_secs(self.policy.longest_wait_seconds);
        let ladder = Duration::from_millis(self.policy.base_millis.saturating_mul(1 << attempt.min(16)));
        // The low bits of a fresh id are as good as random, and come through a port.
        let jitter = ladder.mul_f64((self.ids.next_uuid().as_u128() % 512) as f64 / 1024.0);
        match error.retry {
            Retry::Never => None,
            Retry::Backoff => Some((ladder + jitter).min(longest)),
            Retry::After(asked) if asked > longest => None,
            Retry::After(asked) => Some(asked.max(ladder) + jitter),
        }
    }

    fn tell(&self, provider: &str, attempt: u32, wait: Duration, error: &ModelError) {
        let wait_ms = millis(wait);
        tracing::warn!(provider, attempt, wait_ms, %error, "model call failed, trying again");
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// One call with all its attempts.
struct Call {
    inner: Arc<dyn LlmProvider>,
    patience: Patience,
    request: ModelRequest,
    /// Failed ones so far.
    attempts: u32,
    /// To be waited for before the next one.
    wait: Option<Duration>,
    /// When the one under way began.
    began: Duration,
    stream: Option<ModelStream>,
    /// Whether a piece of an answer was handed on that no later event made void.
    seen: bool,
    over: bool,
    /// Who is at it, as the layers below say.
    at: (String, String),
}

impl Call {
    async fn next(&mut self) -> Option<Result<ModelEvent, ModelError>> {
        if self.over {
            return None;
        }
        if let Some(wait) = self.wait.take() {
            self.patience.clock.sleep(wait).await;
        }
        let item = match &mut self.stream {
            Some(stream) => stream.next().await?,
            None => {
                self.began = self.patience.clock.monotonic();
                match self.inner.stream(self.request.clone()).await {
                    Ok(stream) => self.stream.insert(stream).next().await?,
                    Err(error) => Err(error),
                }
            }
        };
        Some(match item {
            Ok(event) => {
                match &event {
                    ModelEvent::Attempt(attempt) => {
                        self.seen = false;
                        self.at = (attempt.next_provider.clone(), attempt.next_model.clone());
                    }
                    _ => self.seen = true,
                }
                Ok(event)
            }
            Err(error) => self.failed(error),
        })
    }

    fn failed(&mut self, error: ModelError) -> Result<ModelEvent, ModelError> {
        self.stream = None;
        let wait = if self.seen { None } else { self.patience.wait(&error, self.attempts) };
        let Some(wait) = wait else {
            self.over = true;
            return Err(error);
        };
        self.attempts += 1;
        self.wait = Some(wait);
        let first = (self.inner.info().name.clone(), self.request.model.clone());
        let (provider, model) = std::mem::replace(&mut self.at, first.clone());
        self.patience.tell(&provider, self.attempts, wait, &error);
        Ok(ModelEvent::Attempt(Box::new(Attempt {
            provider,
            model,
            kind: error.kind,
            message: error.message,
            millis: millis(self.patience.clock.monotonic().saturating_sub(self.began)),
            wait_millis: millis(wait),
            usage: TokenUsage::default(),
            next_provider: first.0,
            next_model: first.1,
        })))
    }
}

#[async_trait]
impl LlmProvider for RetryingProvider {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    async fn stream(&self, request: ModelRequest) -> Result<ModelStream, ModelError> {
        let call = Call {
            inner: self.inner.clone(),
            patience: self.patience.clone(),
            at: (self.inner.info().name.clone(), request.model.clone()),
            request,
            attempts: 0,
            wait: None,
            began: Duration::ZERO,
            stream: None,
            seen: false,
            over: false,
        };
        Ok(stream::unfold(call, |mut call| async move { Some((call.next().await?, call)) }).boxed())
    }

    async fn models(&self) -> Result<Vec<String>, ModelError> {
        let mut attempts = 0;
        loop {
            let error = match self.inner.models().await {
                Ok(models) => return Ok(models),
                Err(error) => error,
            };
            let Some(wait) = self.patience.wait(&error, attempts) else { return Err(error) };
            attempts += 1;
            self.patience.tell(&self.inner.info().name, attempts, wait, &error);
            self.patience.clock.sleep(wait).await;
        }
    }
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
