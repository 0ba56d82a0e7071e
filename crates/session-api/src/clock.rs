//! Time as a port.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// A point of wall-clock time: milliseconds since 1970-01-01T00:00:00Z. For people and schedules, never for order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This time and `duration`, saturating at the ends of the range.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero when it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The two clocks and the only way to wait.
pub trait Clock: Send + Sync {
    /// Wall-clock time. It may jump either way between two calls.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment of this process. It never goes back; deadlines are measured with it.
    fn monotonic(&self) -> Duration;

    /// Waits for `duration` of monotonic time.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// A clock that stands still until a test moves it.
#[derive(Debug, Clone, Default)]
pub struct ManualClock {
    state: Arc<Mutex<ManualTime>>,
    moved: Arc<Notify>,
}

#[derive(Debug, Default)]
struct ManualTime {
    now: Timestamp,
    monotonic: Duration,
}

impl ManualClock {
    /// A clock whose wall time is `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        let clock = Self::default();
        clock.state.lock().now = now;
        clock
    }

    /// Lets `duration` pass on both clocks and wakes whoever waited for it.
    pub fn advance(&self, duration: Duration) {
        {
            let mut time = self.state.lock();
            time.now = time.now.plus(duration);
            time.monotonic += duration;
        }
        self.moved.notify_waiters();
    }

    /// Sets the wall clock only, as an operator or NTP would.
    pub fn jump_to(&self, now: Timestamp) {
        self.state.lock().now = now;
        self.moved.notify_waiters();
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.state.lock().now
    }

    fn monotonic(&self) -> Duration {
        self.state.lock().monotonic
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        let until = clock.monotonic() + duration;
        Box::pin(async move {
            loop {
                // Registered before the time is read: a move in between is not missed.
                let moved = clock.moved.notified();
                if clock.monotonic() >= until {
                    return;
                }
                moved.await;
            }
        })
    }
}
