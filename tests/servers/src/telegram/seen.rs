//! What a test can wait for.

use super::hook::HookAttempt;
use super::state::{Shown, State};

/// What can be waited for.
#[derive(Debug)]
pub struct Seen<'a>(pub(super) &'a State);

impl Seen<'_> {
    /// What the bot shows in a chat now, in order.
    #[must_use]
    pub fn shown(&self, chat: i64) -> Vec<Shown> {
        shown(self.0, chat)
    }

    /// Whether an update was confirmed.
    #[must_use]
    pub fn acknowledged(&self, update_id: i64) -> bool {
        self.0.acknowledged.contains(&update_id)
    }

    /// How many updates wait to be confirmed.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.0.queue.len()
    }

    /// How many calls of a method (any case) there were.
    #[must_use]
    pub fn calls(&self, method: &str) -> usize {
        self.0.calls.iter().filter(|call| call.method.eq_ignore_ascii_case(method)).count()
    }

    /// How many polls wait for updates.
    #[must_use]
    pub fn polls_waiting(&self) -> usize {
        self.0.polls_waiting
    }

    /// How many messages have their answer.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.0.latencies.len()
    }

    /// Deliveries to the webhook so far.
    #[must_use]
    pub fn hook_attempts(&self) -> &[HookAttempt] {
        &self.0.hook_attempts
    }
}

pub(super) fn shown(state: &State, chat: i64) -> Vec<Shown> {
    state.shown.range((chat, i64::MIN)..=(chat, i64::MAX)).map(|(_, (shown, _))| shown.clone()).collect()
}
