//! Every store port in the memory of one process.

mod accept;
mod answers;
mod audit;
mod blobs;
mod deletion;
mod history;
mod jobs;
mod kv;
mod lease;
mod mailbox;
mod memory;
mod outbox;
mod overdue;
mod people;
mod retention;
mod scope;
mod sending;
mod state;
mod turn;
mod undelivered;
mod usage;
mod vectors;
mod verdict;
mod writes;

use std::{fmt, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::watch;

use self::state::State;
use crate::{Clock, IdSource, LeasePolicy, StoreError, WorkerId};

/// All store ports over plain maps behind one lock. A clone is another handle to the same data, which is gone with the
/// last handle: nothing here survives the process, whatever a port says of durability. It serves `--ephemeral`,
/// embedders that keep nothing, and tests.
///
/// Histories, usage, audit rows, blobs and the hashes of external ids stay until their session is deleted or the store
/// is dropped. Finished turns, with their rows and what they sent, are forgotten oldest first beyond 10,000; what could
/// not be delivered stays until it is sent again or dropped.
///
/// A worker lives until [`kill`](Self::kill) says otherwise.
#[derive(Clone)]
pub struct InMemoryStore {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    version: watch::Sender<u64>,
}

impl InMemoryStore {
    /// An empty store. Leases run out by `clock`'s monotonic time; windows and retries that people see, by its wall
    /// time.
    pub fn new(clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>, policy: LeasePolicy) -> Self {
        let state = Mutex::new(State::new(ids, policy));
        Self { shared: Arc::new(Shared { clock, state, version: watch::Sender::new(1) }) }
    }

    /// Declares `worker` dead: its leases and claims are void from now on, and what was kept for it is anybody's. A
    /// worker does not come back; a process that starts again is another one.
    pub fn kill(&self, worker: WorkerId) {
        self.with(|state| {
            state.dead.insert(worker);
            state.touched = true;
        });
    }

    /// Runs one operation at one moment of the clock, and wakes the waiters if it changed anything they wait for.
    fn with<T>(&self, operation: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.shared.state.lock();
        state.now = self.shared.clock.now();
        state.uptime = self.shared.clock.monotonic();
        let result = operation(&mut state);
        if std::mem::take(&mut state.touched) {
            // Still under the lock: whoever is woken by a version reads at least what it stands for.
            self.shared.version.send_modify(|version| *version += 1);
        }
        result
    }

    async fn newer_than(&self, since: u64) -> Result<u64, StoreError> {
        let mut versions = self.shared.version.subscribe();
        let newer = versions.wait_for(|version| *version > since).await;
        newer
            .map(|version| *version)
            .map_err(|_| StoreError::Unavailable { what: "the store is being closed".into(), source: None })
    }
}

impl fmt::Debug for InMemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InMemoryStore")
    }
}
