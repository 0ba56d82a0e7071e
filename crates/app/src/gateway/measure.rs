//! What the servers of models are doing, as metrics. Names and meanings stand in `docs/operations.md`.

use std::collections::BTreeMap;

use providers::{LineState, layers::BreakerState};

/// The lines of one provider to one server: those with different keys are one for a reader, who must not see any.
#[derive(Default)]
struct Sum {
    calls: u64,
    failed: u64,
    breaker: u32,
    waiting: usize,
    paused_millis: u64,
}

/// Puts the state of each server into the metrics; called when they are asked for, so that it is never an old one.
pub(super) fn providers(states: &[LineState]) {
    let mut sums: BTreeMap<(&str, &str), Sum> = BTreeMap::new();
    for state in states {
        let sum = sums.entry((&state.provider, &state.server)).or_default();
        sum.calls += state.calls;
        sum.failed += state.failed;
        sum.breaker = sum.breaker.max(match state.breaker {
            BreakerState::Closed { .. } => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open { .. } => 2,
        });
        sum.waiting += state.rate.waiting;
        sum.paused_millis = sum.paused_millis.max(state.rate.paused_millis);
    }
    for ((provider, server), sum) in sums {
        let labels = [("provider", provider.to_owned()), ("server", server.to_owned())];
        metrics::counter!("factotum_provider_calls_total", &labels).absolute(sum.calls);
        metrics::counter!("factotum_provider_failures_total", &labels).absolute(sum.failed);
        metrics::gauge!("factotum_provider_breaker", &labels).set(f64::from(sum.breaker));
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; both are far below 2^52")]
        let (waiting, paused) = (sum.waiting as f64, sum.paused_millis as f64 / 1000.0);
        metrics::gauge!("factotum_provider_waiting", &labels).set(waiting);
        metrics::gauge!("factotum_provider_paused_seconds", &labels).set(paused);
    }
}
