//! Waking those who wait for something to change: at once for what is committed here, and for other processes' commits when
//! they ring, or by looking.

use std::{
    sync::atomic::{AtomicU32, AtomicUsize, Ordering},
    time::Duration,
};

use tokio::sync::{Notify, watch};

/// How often the writer looks for commits of other processes while somebody waits and a turn runs here: a stop may come
/// from there.
const QUICK: Duration = Duration::from_millis(50);

/// How often it looks while somebody waits and nothing runs. With the look itself it is within the 250 ms that are
/// promised.
const CALM: Duration = Duration::from_millis(240);

/// How often it looks where others ring after a commit: one that dies in between does not.
const RUNG: Duration = Duration::from_secs(5);

/// The version that `changed` hands out, and who waits for the next one.
pub(crate) struct Wake {
    version: watch::Sender<u64>,
    waiting: AtomicUsize,
    arrived: Notify,
    /// Quick looks that are left.
    haste: AtomicU32,
    /// How many there are after a lease was given or renewed: enough until it is renewed again.
    most: u32,
}

impl Wake {
    /// For leases that hold for `ttl`.
    pub(crate) fn new(ttl: Duration) -> Self {
        let most = u32::try_from(ttl.as_millis() / 2 / QUICK.as_millis()).unwrap_or(u32::MAX);
        Self {
            version: watch::Sender::new(1),
            waiting: AtomicUsize::new(0),
            arrived: Notify::new(),
            haste: AtomicU32::new(0),
            most,
        }
    }

    /// A turn runs here: looks are quick for half the time of its lease. It is renewed at a third.
    pub(crate) fn hasten(&self) {
        self.haste.store(self.most, Ordering::Relaxed);
    }

    /// How long to wait before the next look; `rung`: commits are heard of.
    pub(crate) fn pause(&self, rung: bool) -> Duration {
        if rung {
            return RUNG;
        }
        let quick = self.haste.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if quick.is_ok() { QUICK } else { CALM }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_quick_until_a_running_turn_must_have_been_renewed() {
        let ttl = Duration::from_secs(30);
        let wake = Wake::new(ttl);
        assert_eq!(wake.pause(false), CALM);
        wake.hasten();
        let quick: Duration =
            std::iter::from_fn(|| Some(wake.pause(false))).take_while(|pause| *pause == QUICK).sum();
        assert!(quick > ttl / 3, "{quick:?}");
        assert_eq!(wake.pause(false), CALM);
        assert!(CALM < Duration::from_millis(250));
    }
}
