//! How many requests and tokens a server gets in a minute: a plan without a clock of its own.

use std::{collections::VecDeque, time::Duration};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// For how long a request counts.
const WINDOW: Duration = Duration::from_secs(60);

/// What a server may be asked for with one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RatePolicy {
    /// Most requests in any 60 seconds; without it there is no limit but the server's own.
    pub requests_per_minute: Option<u32>,
    /// Most tokens in any 60 seconds, read and written; what is written is not known before and counts afterwards.
    pub tokens_per_minute: Option<u64>,
    /// The longest that a request waits for its turn, in seconds. One that has another provider to go to does not wait.
    pub longest_wait_seconds: u64,
}

impl Default for RatePolicy {
    fn default() -> Self {
        Self { requests_per_minute: None, tokens_per_minute: None, longest_wait_seconds: 60 }
    }
}

/// The requests of the last minute and those that have a place after them.
///
/// Times are monotonic, from some fixed moment. Requests get their places in the order in which they come.
#[derive(Debug)]
pub struct Rate(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    policy: RatePolicy,
    /// By time. Only kept while there is a limit, which also bounds their number.
    entries: VecDeque<Entry>,
    /// Until then the server wants no requests.
    paused: Duration,
    next: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    id: u64,
    at: Duration,
    tokens: u64,
}

/// A place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) id: u64,
    pub(super) at: Duration,
}

/// How much of a rate is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateState {
    /// Requests in the last minute; 0 where there is no limit.
    pub requests: usize,
    /// Tokens in the last minute; 0 where there is no limit.
    pub tokens: u64,
    /// Requests that wait for their turn.
    pub waiting: usize,
    /// For how many milliseconds yet the server wants no requests.
    pub paused_millis: u64,
    /// The limits.
    pub policy: RatePolicy,
}

impl Rate {
    /// A rate of which nothing is used.
    #[must_use]
    pub fn new(policy: RatePolicy) -> Self {
        let inner = Inner { policy, entries: VecDeque::new(), paused: Duration::ZERO, next: 0 };
        Self(Mutex::new(inner))
    }

    /// Another policy from now on; what was used stays used.
    pub fn set_policy(&self, policy: RatePolicy) {
        self.0.lock().policy = policy;
    }

    /// How much is used at `now`.
    #[must_use]
    pub fn state(&self, now: Duration) -> RateState {
        let mut inner = self.0.lock();
        inner.forget(now);
        let waiting = inner.entries.iter().filter(|entry| entry.at > now).count();
        let begun = inner.entries.iter().filter(|entry| entry.at <= now);
        RateState {
            requests: inner.entries.len() - waiting,
            tokens: begun.map(|entry| entry.tokens).fold(0, u64::saturating_add),
            waiting,
            paused_millis: super::millis(inner.paused.saturating_sub(now)),
            policy: inner.policy,
        }
    }

    /// Whether tokens count, so that it is worth estimating them.
    pub(super) fn counts_tokens(&self) -> bool {
        self.0.lock().policy.tokens_per_minute.is_some()
    }

    /// The limits, and the longest that a request waits.
    pub(super) fn policy(&self) -> RatePolicy {
        self.0.lock().policy
    }

    /// A place for a request of so many tokens, or how long it would have to wait where that is longer than `longest`.
    pub(super) fn reserve(&self, now: Duration, tokens: u64, longest: Duration) -> Result<Slot, Duration> {
        let mut inner = self.0.lock();
        inner.forget(now);
        let at = inner.earliest(now, tokens);
        if at - now > longest {
            return Err(at - now);
        }
        let id = inner.next;
        inner.next += 1;
        if inner.policy.requests_per_minute.is_some() || inner.policy.tokens_per_minute.is_some() {
            inner.entries.push_back(Entry { id, at, tokens });
        }
        Ok(Slot { id, at })
    }

    /// Gives a place back that was never used.
    pub(super) fn cancel(&self, slot: Slot) {
        self.0.lock().entries.retain(|entry| entry.id != slot.id);
    }

    /// What a request really used.
    pub(super) fn settle(&self, slot: Slot, tokens: u64) {
        if let Some(entry) = self.0.lock().entries.iter_mut().find(|entry| entry.id == slot.id) {
            entry.tokens = tokens;
        }
    }

    /// The server wants no requests until then.
    pub(super) fn pause(&self, until: Duration) {
        let mut inner = self.0.lock();
        inner.paused = inner.paused.max(until);
    }

    /// For how long the server wants no requests.
    pub(super) fn paused(&self, now: Duration) -> Duration {
        self.0.lock().paused.saturating_sub(now)
    }
}

impl Inner {
    fn forget(&mut self, now: Duration) {
        while self.entries.front().is_some_and(|entry| entry.at + WINDOW <= now) {
            self.entries.pop_front();
        }
    }

    /// The first moment at which a request of so many tokens fits, behind all that have a place.
    fn earliest(&self, now: Duration, tokens: u64) -> Duration {
        let last = self.entries.back().map_or(now, |entry| entry.at);
        let mut at = now.max(self.paused).max(last);
        if let Some(most) = self.policy.requests_per_minute {
            let most = usize::try_from(most.max(1)).unwrap_or(usize::MAX);
            if let Some(entry) = self.entries.len().checked_sub(most).and_then(|n| self.entries.get(n)) {
                at = at.max(entry.at + WINDOW);
            }
        }
        if let Some(most) = self.policy.tokens_per_minute {
            let mut sum = self.entries.iter().fold(tokens, |sum, entry| sum.saturating_add(entry.tokens));
            // One that is larger than the limit goes alone: it would wait for ever.
            for entry in &self.entries {
                if sum <= most {
                    break;
                }
                at = at.max(entry.at + WINDOW);
                sum = sum.saturating_sub(entry.tokens);
            }
        }
        at
    }
}

#[cfg(test)]
#[path = "rate_tests.rs"]
mod tests;
