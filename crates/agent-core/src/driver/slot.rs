//! A place among the turns that run at the same time.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The place of one turn. It is free when this is dropped, and while the turn waits for other turns: those that it waits
/// for may need it.
pub(crate) struct Slot {
    slots: Arc<Semaphore>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    permit: Option<OwnedSemaphorePermit>,
    /// Calls of the turn that wait.
    waiting: usize,
}

impl Slot {
    /// The place that `permit` of `slots` stands for.
    pub(crate) fn new(slots: Arc<Semaphore>, permit: OwnedSemaphorePermit) -> Self {
        Self { slots, held: Mutex::new(Held { permit: Some(permit), waiting: 0 }) }
    }

    /// Lets others have it.
    pub(super) fn leave(&self) {
        let mut held = self.held.lock();
        held.waiting += 1;
        held.permit = None;
    }

    /// Waits for a place, when no other call of the turn waits any more.
    pub(super) async fn enter(&self) {
        {
            let mut held = self.held.lock();
            held.waiting = held.waiting.saturating_sub(1);
            if held.waiting > 0 {
                return;
            }
        }
        // Closed at no time; were it so, the turn would go on.
        if let Ok(permit) = self.slots.clone().acquire_owned().await {
            self.held.lock().permit = Some(permit);
        }
    }
}
