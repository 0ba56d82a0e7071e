//! What happened at the server so far, and waiting for more of it.

use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::Notify;

use super::request::Request;

/// The server did not see as much as the test waited for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("waited {within:?} for {wanted} {what}, saw {seen}")]
pub struct TooFew {
    /// What was counted, such as `requests`.
    pub what: &'static str,
    /// How many were wanted.
    pub wanted: usize,
    /// How many there were at the deadline.
    pub seen: usize,
    /// How long it waited.
    pub within: Duration,
}

#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Requests for a completion.
    pub(super) completions: Vec<Request>,
    /// All others.
    pub(super) others: Vec<Request>,
    /// Answers that were sent as planned.
    pub(super) finished: usize,
    /// Answers that the client went away from.
    pub(super) abandoned: usize,
    pub(super) connections: usize,
}

/// The shared record. Two ways to wait, since some tests block a thread and others must not.
#[derive(Debug, Default)]
pub(super) struct Log {
    seen: Mutex<Seen>,
    changed: Condvar,
    notify: Notify,
}

impl Log {
    pub(super) fn read(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock()
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Seen) -> T) -> T {
        let result = change(&mut self.seen.lock());
        self.changed.notify_all();
        self.notify.notify_waiters();
        result
    }

    /// Blocks until `count` has reached `wanted`.
    pub(super) fn wait(
        &self,
        what: &'static str,
        wanted: usize,
        within: Duration,
        count: fn(&Seen) -> usize,
    ) -> Result<(), TooFew> {
        let mut seen = self.seen.lock();
        let waited = self.changed.wait_while_for(&mut seen, |seen| count(seen) < wanted, within);
        if waited.timed_out() { Err(TooFew { what, wanted, seen: count(&seen), within }) } else { Ok(()) }
    }

    /// The same without blocking the thread.
    pub(super) async fn reached(
        &self,
        what: &'static str,
        wanted: usize,
        within: Duration,
        count: fn(&Seen) -> usize,
    ) -> Result<(), TooFew> {
        let enough = async {
            loop {
                // Enrolled before looking, so that a change in between is not missed.
                let mut changed = std::pin::pin!(self.notify.notified());
                changed.as_mut().enable();
                if count(&self.seen.lock()) >= wanted {
                    return;
                }
                changed.await;
            }
        };
        let late = |_| TooFew { what, wanted, seen: count(&self.seen.lock()), within };
        tokio::time::timeout(within, enough).await.map_err(late)
    }
}
