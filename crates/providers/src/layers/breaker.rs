//! Whether a server is worth asking: a state machine without a clock of its own.

use std::time::Duration;

use agent_core::ModelErrorKind;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// When a server is left alone, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerPolicy {
    /// After so many failures in a row; 0: never.
    pub failures: u32,
    /// For so many seconds at first. It doubles each time the server fails again when it is tried.
    pub cool_down_seconds: u64,
    /// For so many seconds at most.
    pub longest_seconds: u64,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self { failures: 5, cool_down_seconds: 30, longest_seconds: 300 }
    }
}

impl BreakerPolicy {
    fn cool_down(&self, strikes: u32) -> Duration {
        let seconds = self.cool_down_seconds.saturating_mul(1 << strikes.min(16));
        Duration::from_secs(seconds.min(self.longest_seconds).max(1))
    }
}

/// How long others wait while one request tries the server.
const WHILE_TRIED: Duration = Duration::from_secs(1);

/// Leaves a server alone that failed several times in a row. After a while one request may try it; when that one gets an
/// answer, all may again.
///
/// Times are monotonic, from some fixed moment.
#[derive(Debug)]
pub struct Breaker(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    policy: BreakerPolicy,
    phase: Phase,
    /// Raised with each change of phase, so that what was begun in an earlier one no longer counts.
    round: u64,
    /// How often it opened without a good reply in between.
    strikes: u32,
    calls: u64,
    failed: u64,
    last: Option<ModelErrorKind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Closed {
        failures: u32,
    },
    Open {
        until: Duration,
    },
    /// One request tries the server.
    Trying,
}

/// Leave to ask; goes back to the breaker with a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    round: u64,
}

/// How a request went, as far as it says something of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The server answered, be it that it refused.
    Good,
    /// The server failed.
    Bad(ModelErrorKind),
    /// Nobody knows: it was never asked, or nobody waited for its answer.
    Unknown,
}

/// What a breaker is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum BreakerState {
    /// Requests pass.
    Closed {
        /// Failures in a row so far.
        failures: u32,
    },
    /// No request passes.
    Open {
        /// For so many milliseconds yet.
        for_millis: u64,
    },
    /// The next request, or the one under way, tries the server.
    HalfOpen,
}

impl Breaker {
    /// A breaker for a server of which nothing is known.
    #[must_use]
    pub fn new(policy: BreakerPolicy) -> Self {
        Self(Mutex::new(Inner {
            policy,
            phase: Phase::Closed { failures: 0 },
            round: 0,
            strikes: 0,
            calls: 0,
            failed: 0,
            last: None,
        }))
    }

    /// Another policy from now on; what is known of the server stays.
    pub fn set_policy(&self, policy: BreakerPolicy) {
        self.0.lock().policy = policy;
    }

    /// What it is at, at `now`.
    #[must_use]
    pub fn state(&self, now: Duration) -> BreakerState {
        match self.0.lock().phase {
            Phase::Closed { failures } => BreakerState::Closed { failures },
            Phase::Open { until } if now < until => {
                BreakerState::Open { for_millis: super::millis(until - now) }
            }
            Phase::Open { .. } | Phase::Trying => BreakerState::HalfOpen,
        }
    }

    /// Requests so far, those of them that failed, and why the last one of these did.
    #[must_use]
    pub fn counts(&self) -> (u64, u64, Option<ModelErrorKind>) {
        let inner = self.0.lock();
        (inner.calls, inner.failed, inner.last)
    }

    /// Leave to ask, or how long to wait at least, and how many failures brought that about.
    pub(super) fn admit(&self, now: Duration) -> Result<Ticket, (Duration, u32)> {
        let mut inner = self.0.lock();
        let failures = inner.policy.failures.max(1);
        match inner.phase {
            Phase::Closed { .. } => {}
            Phase::Open { until } if now < until => return Err((until - now, failures)),
            Phase::Trying => return Err((WHILE_TRIED, failures)),
            Phase::Open { .. } => inner.turn(Phase::Trying),
        }
        inner.calls += 1;
        Ok(Ticket { round: inner.round })
    }

    /// A piece of the reply came: a server on trial may be asked by all again, though its next failure counts as the last
    /// one that it had left.
    pub(super) fn began(&self, ticket: &mut Ticket) {
        let mut inner = self.0.lock();
        if inner.round == ticket.round && inner.phase == Phase::Trying {
            let failures = inner.policy.failures.saturating_sub(1);
            inner.turn(Phase::Closed { failures });
            ticket.round = inner.round;
        }
    }

    pub(super) fn settle(&self, ticket: Ticket, verdict: Verdict, now: Duration) {
        let mut inner = self.0.lock();
        if let Verdict::Bad(kind) = verdict {
            inner.failed += 1;
            inner.last = Some(kind);
        }
        if inner.round != ticket.round {
            return;
        }
        match (inner.phase, verdict) {
            (Phase::Closed { .. }, Verdict::Good) => {
                inner.phase = Phase::Closed { failures: 0 };
                inner.strikes = 0;
            }
            (Phase::Trying, Verdict::Good) => {
                inner.strikes = 0;
                inner.turn(Phase::Closed { failures: 0 });
            }
            (Phase::Closed { failures }, Verdict::Bad(_)) => {
                let failures = failures.saturating_add(1);
                inner.phase = Phase::Closed { failures };
                if inner.policy.failures > 0 && failures >= inner.policy.failures {
                    inner.open(now);
                }
            }
            (Phase::Trying, Verdict::Bad(_)) => inner.open(now),
            // The next one may try.
            (Phase::Trying, Verdict::Unknown) => inner.turn(Phase::Open { until: now }),
            (Phase::Open { .. }, _) | (Phase::Closed { .. }, Verdict::Unknown) => {}
        }
    }
}

impl Inner {
    fn turn(&mut self, phase: Phase) {
        self.phase = phase;
        self.round += 1;
    }

    fn open(&mut self, now: Duration) {
        let until = now + self.policy.cool_down(self.strikes);
        self.strikes = self.strikes.saturating_add(1);
        self.turn(Phase::Open { until });
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
