//! Places where a process can be made to die.

use std::{
    future::pending,
    sync::atomic::{AtomicUsize, Ordering},
};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Counts the places that a run passes, and holds it for ever at one of them.
pub(crate) struct Trap {
    at: usize,
    passed: AtomicUsize,
    names: Mutex<Vec<String>>,
    reached: Notify,
}

impl Trap {
    /// Holds whoever comes to place number `at`, from 0.
    pub(crate) fn at(at: usize) -> Self {
        Self { at, passed: AtomicUsize::new(0), names: Mutex::default(), reached: Notify::new() }
    }

    /// Holds nobody.
    pub(crate) fn never() -> Self {
        Self::at(usize::MAX)
    }

    /// A place.
    pub(crate) async fn place(&self, name: String) {
        self.names.lock().push(name);
        if self.passed.fetch_add(1, Ordering::SeqCst) == self.at {
            self.reached.notify_one();
            pending::<()>().await;
        }
    }

    /// Waits until somebody is held.
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }

    /// The places passed, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        self.names.lock().clone()
    }
}
