//! Waiting inside a reply until the test says go.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// A gate that a reply waits at and the test opens. Clones are the same gate; once open it stays open.
#[derive(Debug, Clone)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Lets everyone pass who waits or comes later.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Whether it has been opened.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self.0.borrow()
    }

    pub(crate) async fn wait(&self) {
        // It fails only when the sender is gone, and this holds the sender.
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}

/// What a reply waits for at some point.
#[derive(Debug, Clone)]
pub enum Hold {
    /// A stretch of real time.
    For(Duration),
    /// A gate that the test opens.
    Until(Gate),
}

impl Hold {
    pub(crate) async fn wait(&self) {
        match self {
            Self::For(time) => tokio::time::sleep(*time).await,
            Self::Until(gate) => gate.wait().await,
        }
    }
}
