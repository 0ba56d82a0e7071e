//! The in-memory store keeps the ports' promises.

use std::sync::Arc;

use async_trait::async_trait;
use session_api::{
    InMemoryStore, LeasePolicy, ManualClock, SequentialIds, Stores, Timestamp, WorkerId,
    contract::StoreHarness,
};

struct InMemory {
    clock: ManualClock,
    store: InMemoryStore,
}

impl InMemory {
    fn new() -> Self {
        let clock = ManualClock::at(Timestamp(1_795_000_000_000));
        let ids = Arc::new(SequentialIds::default());
        let store = InMemoryStore::new(Arc::new(clock.clone()), ids, LeasePolicy::default());
        Self { clock, store }
    }
}

#[async_trait]
impl StoreHarness for InMemory {
    async fn open(&self, _: WorkerId) -> Stores {
        Stores::of(Arc::new(self.store.clone()))
    }

    async fn kill(&self, worker: WorkerId) {
        self.store.kill(worker);
    }

    fn clock(&self) -> ManualClock {
        self.clock.clone()
    }
}

session_api::store_contract!(InMemory::new());
