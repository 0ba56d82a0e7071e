//! A provider that is asked no faster than a [`Rate`] allows.

use std::{sync::Arc, time::Duration};

use agent_core::{
    Finished, LlmProvider, ModelError, ModelErrorKind as Kind, ModelRequest, ModelStream, ProviderInfo, Retry,
};
use async_trait::async_trait;
use futures_util::StreamExt as _;
use session_api::Clock;

use super::{
    Rate,
    rate::Slot,
    watch::{Watch, Watched},
};

/// A provider whose requests wait for their turn, or fail when that is too far away. A server that says how long it wants to
/// be left alone is, by all requests.
pub struct RateLimitedProvider {
    inner: Arc<dyn LlmProvider>,
    rate: Arc<Rate>,
    clock: Arc<dyn Clock>,
    patient: bool,
}

impl RateLimitedProvider {
    /// Wraps `inner`. All that ask the same server with the same key share one `rate`. One that is not `patient` fails where
    /// it would have to wait: it has another provider to go to.
    pub fn new(inner: Arc<dyn LlmProvider>, rate: Arc<Rate>, clock: Arc<dyn Clock>, patient: bool) -> Self {
        Self { inner, rate, clock, patient }
    }

    /// Waits for a place.
    async fn turn(&self, tokens: u64) -> Result<Place, ModelError> {
        let policy = self.rate.policy();
        let longest =
            if self.patient { Duration::from_secs(policy.longest_wait_seconds) } else { Duration::ZERO };
        let now = self.clock.monotonic();
        let slot = self.rate.reserve(now, tokens, longest).map_err(|wait| self.refusal(wait))?;
        // Dropped while it waits, it gives its place back.
        let mut place = Place { rate: self.rate.clone(), slot, used: false };
        if slot.at > now {
            self.clock.sleep(slot.at - now).await;
        }
        loop {
            // The server may have asked for a pause meanwhile, and for another one after that.
            let still = self.clock.monotonic();
            let wait = self.rate.paused(still);
            if wait.is_zero() {
                place.used = true;
                return Ok(place);
            }
            if still + wait > now + longest {
                return Err(self.refusal(wait));
            }
            self.clock.sleep(wait).await;
        }
    }

    fn refusal(&self, wait: Duration) -> ModelError {
        let name = &self.inner.info().name;
        let seconds = wait.as_millis().div_ceil(1000);
        let text = if self.rate.paused(self.clock.monotonic()).is_zero() {
            format!(
                "provider `{name}` has had all the requests that its limit allows; the next is due in {seconds} s"
            )
        } else {
            format!("provider `{name}` wants no requests for {seconds} s more")
        };
        ModelError { retry: Retry::After(wait), ..ModelError::new(Kind::RateLimited, text) }
    }

    fn heed(rate: &Rate, clock: &dyn Clock, error: &ModelError) {
        if let (Kind::RateLimited, Retry::After(wait)) = (error.kind, error.retry) {
            rate.pause(clock.monotonic() + wait);
        }
    }
}

/// A place among the requests.
struct Place {
    rate: Arc<Rate>,
    slot: Slot,
    used: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.used {
            self.rate.cancel(self.slot);
        }
    }
}

/// A reply whose end says what was used.
struct Meter {
    place: Place,
    clock: Arc<dyn Clock>,
}

impl Watch for Meter {
    fn ended(&mut self, end: Result<&Finished, &ModelError>) {
        match end {
            Ok(finished) => {
                if let Some(usage) = finished.usage {
                    let used = usage.input_tokens.saturating_add(usage.output_tokens);
                    self.place.rate.settle(self.place.slot, used);
                }
            }
            Err(error) => RateLimitedProvider::heed(&self.place.rate, self.clock.as_ref(), error),
        }
    }
}

#[async_trait]
impl LlmProvider for RateLimitedProvider {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    async fn stream(&self, request: ModelRequest) -> Result<ModelStream, ModelError> {
        let tokens = if self.rate.counts_tokens() { super::estimate(&request) } else { 0 };
        let place = self.turn(tokens).await?;
        match self.inner.stream(request).await {
            Ok(stream) => Ok(Watched::new(stream, Meter { place, clock: self.clock.clone() }).boxed()),
            Err(error) => {
                Self::heed(&self.rate, self.clock.as_ref(), &error);
                Err(error)
            }
        }
    }

    async fn models(&self) -> Result<Vec<String>, ModelError> {
        self.inner.models().await
    }
}
