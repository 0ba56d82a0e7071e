//! Tries a model call again while nothing of its answer was seen.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use session_api::{Clock, IdSource};

use crate::{LlmProvider, ModelError, ModelRequest, ModelStream, ProviderInfo, Retry};

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

/// A provider that is asked again after an error that says that a retry helps, as long as no piece of an answer came.
pub struct RetryingProvider {
    inner: Arc<dyn LlmProvider>,
    policy: RetryPolicy,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
}

impl RetryingProvider {
    /// Wraps `inner`. `ids` is the source of the jitter.
    pub fn new(
        inner: Arc<dyn LlmProvider>,
        policy: RetryPolicy,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> Self {
        Self { inner, policy, clock, ids }
    }

    /// The first piece is awaited here, so that an error in its place is still one before any answer.
    async fn attempt(&self, request: ModelRequest) -> Result<ModelStream, ModelError> {
        let mut stream = self.inner.stream(request).await?;
        match stream.next().await {
            Some(Err(error)) => Err(error),
            Some(Ok(event)) => Ok(futures_util::stream::iter([Ok(event)]).chain(stream).boxed()),
            None => Ok(stream),
        }
    }

    fn wait(&self, error: &ModelError, attempt: u32) -> Option<Duration> {
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

    /// Waits until the next attempt; gives the error back where there is to be none.
    async fn hold(&self, error: ModelError, attempt: &mut u32) -> Result<(), ModelError> {
        let wait = self.wait(&error, *attempt).filter(|_| *attempt + 1 < self.policy.attempts);
        let Some(wait) = wait else { return Err(error) };
        *attempt += 1;
        tracing::warn!(
            provider = self.inner.info().name,
            attempt = *attempt,
            wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            %error,
            "model call failed, trying again"
        );
        self.clock.sleep(wait).await;
        Ok(())
    }
}

#[async_trait]
impl LlmProvider for RetryingProvider {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    async fn stream(&self, request: ModelRequest) -> Result<ModelStream, ModelError> {
        let mut attempt = 0;
        loop {
            match self.attempt(request.clone()).await {
                Ok(stream) => return Ok(stream),
                Err(error) => self.hold(error, &mut attempt).await?,
            }
        }
    }

    async fn models(&self) -> Result<Vec<String>, ModelError> {
        let mut attempt = 0;
        loop {
            match self.inner.models().await {
                Ok(models) => return Ok(models),
                Err(error) => self.hold(error, &mut attempt).await?,
            }
        }
    }
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
