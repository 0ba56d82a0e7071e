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

/// A case that is written but not listed would run nowhere.
#[test]
fn every_case_that_is_written_is_listed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/contract");
    let mut written = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let area = path.file_stem().unwrap().to_str().unwrap().to_owned();
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let name =
                line.strip_prefix("pub async fn ").and_then(|line| line.split_once("(h: &dyn StoreHarness)"));
            written.extend(name.map(|(name, _)| format!("{area}::{name}")));
        }
    }
    written.sort();
    let mut listed: Vec<&str> = session_api::contract::CASES.to_vec();
    listed.sort_unstable();
    assert_eq!(written, listed);
}
