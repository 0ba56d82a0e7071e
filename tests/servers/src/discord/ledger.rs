//! What happened at the fake so far, and waiting for more of it.

use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};
use serde_json::Value;
use tokio::sync::Notify;

use super::call::Call;
use super::world::World;
use crate::TooFew;

/// A dispatch that was written to a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its sequence number.
    pub seq: u64,
    /// Its event name.
    pub name: String,
    /// The `id` of what it is about, or 0.
    pub id: u64,
}

/// What tests look at. Times are counted from the start of the fake.
#[derive(Debug, Default)]
pub struct Seen {
    /// All REST calls, in order of arrival.
    pub calls: Vec<Call>,
    /// When each Identify with a good token came.
    pub identifies: Vec<Duration>,
    /// The sequence number with which each Resume came.
    pub resumes: Vec<u64>,
    /// Gateway connections so far.
    pub connections: usize,
    /// Gateway connections that have ended.
    pub ended: usize,
    /// Heartbeats so far.
    pub heartbeats: usize,
    /// Dispatches that were written to a socket, in order, repetitions included.
    pub written: Vec<Written>,
    /// The last Identify.
    pub identify: Option<Value>,
}

impl Seen {
    /// The calls of this method whose path ends so.
    pub fn calls_to<'a>(&'a self, method: &'a str, end: &'a str) -> impl Iterator<Item = &'a Call> {
        self.calls.iter().filter(move |call| call.method == method && call.path.ends_with(end))
    }
}

/// The fake's state behind its lock. Two ways to wait, since some tests block a thread and others must not.
#[derive(Debug, Default)]
pub(super) struct Shared {
    world: Mutex<World>,
    changed: Condvar,
    notify: Notify,
}

impl Shared {
    pub(super) fn read(&self) -> MutexGuard<'_, World> {
        self.world.lock()
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let result = change(&mut self.world.lock());
        self.changed.notify_all();
        self.notify.notify_waiters();
        result
    }

    pub(super) fn wait(
        &self,
        what: &'static str,
        within: Duration,
        enough: impl Fn(&Seen) -> bool,
    ) -> Result<(), TooFew> {
        let mut world = self.world.lock();
        let waited = self.changed.wait_while_for(&mut world, |world| !enough(&world.seen), within);
        if waited.timed_out() { Err(TooFew { what, wanted: 1, seen: 0, within }) } else { Ok(()) }
    }

    pub(super) async fn reached(
        &self,
        what: &'static str,
        within: Duration,
        enough: impl Fn(&Seen) -> bool,
    ) -> Result<(), TooFew> {
        let wait = async {
            loop {
                // Enrolled before looking, so that a change in between is not missed.
                let mut changed = std::pin::pin!(self.notify.notified());
                changed.as_mut().enable();
                if enough(&self.world.lock().seen) {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(within, wait).await.map_err(|_| TooFew { what, wanted: 1, seen: 0, within })
    }
}
