//! Waking those who wait for something to change.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tokio::sync::{Notify, watch};

/// How often the writer looks for commits of other processes while somebody waits.
pub(crate) const POLL: Duration = Duration::from_millis(50);

/// The version that `changed` hands out, and who waits for the next one.
pub(crate) struct Wake {
    version: watch::Sender<u64>,
    waiting: AtomicUsize,
    arrived: Notify,
}

impl Wake {
    pub(crate) fn new() -> Self {
        Self { version: watch::Sender::new(1), waiting: AtomicUsize::new(0), arrived: Notify::new() }
    }

    /// Something changed.
    pub(crate) fn raise(&self) {
        self.version.send_modify(|version| *version += 1);
    }

    /// Waits until the version is greater than `since`.
    pub(crate) async fn changed(&self, since: u64) -> u64 {
        let mut version = self.version.subscribe();
        let now = *version.borrow_and_update();
        if now > since {
            return now;
        }
        let _waiting = Waiting::begin(self);
        // The sender lives as long as `self`.
        version.wait_for(|now| *now > since).await.map_or(since + 1, |now| *now)
    }

    /// Whether somebody waits.
    pub(crate) fn awaited(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// Returns when somebody begins to wait.
    pub(crate) async fn arrival(&self) {
        self.arrived.notified().await;
    }
}

struct Waiting<'a>(&'a Wake);

impl<'a> Waiting<'a> {
    fn begin(wake: &'a Wake) -> Self {
        wake.waiting.fetch_add(1, Ordering::AcqRel);
        wake.arrived.notify_one();
        Self(wake)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}
