//! The shared state, and waiting for it to change, with and without blocking a thread.

use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::Notify;

use super::state::State;

/// What a test waited for did not happen in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("waited {within:?} for {what}; there is: {there_is}")]
pub struct Late {
    /// What was waited for.
    pub what: String,
    /// What there was instead at the deadline.
    pub there_is: String,
    /// How long it waited.
    pub within: Duration,
}

/// The state behind its lock; every change wakes all who wait.
#[derive(Debug)]
pub(super) struct Bell {
    state: Mutex<State>,
    changed: Condvar,
    notify: Notify,
}

impl Bell {
    pub(super) fn new(state: State) -> Self {
        Self { state: Mutex::new(state), changed: Condvar::new(), notify: Notify::new() }
    }

    pub(super) fn read(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state.lock());
        self.changed.notify_all();
        self.notify.notify_waiters();
        result
    }

    /// Blocks until `look` finds something; `None` after `within`.
    pub(super) fn wait<T>(&self, within: Duration, mut look: impl FnMut(&State) -> Option<T>) -> Option<T> {
        let mut state = self.state.lock();
        let mut found = look(&state);
        self.changed.wait_while_for(
            &mut state,
            |state| {
                found = found.take().or_else(|| look(state));
                found.is_none()
            },
            within,
        );
        found
    }

    /// The same without blocking and without a limit.
    pub(super) async fn until<T>(&self, mut look: impl FnMut(&State) -> Option<T>) -> T {
        self.until_changed(|state| look(state)).await
    }

    /// Waits until `act`, which may change the state silently, gives something.
    pub(super) async fn until_changed<T>(&self, mut act: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            // Enrolled before looking, so that a change in between is not missed.
            let mut changed = std::pin::pin!(self.notify.notified());
            changed.as_mut().enable();
            let found = act(&mut self.state.lock());
            if let Some(found) = found {
                return found;
            }
            changed.await;
        }
    }
}
