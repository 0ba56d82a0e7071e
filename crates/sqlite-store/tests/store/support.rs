//! A data directory that several stores open as processes would.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use session_api::{
    Clock, IdSource, LeasePolicy, ManualClock, Stores, Timestamp, WorkerId, contract::StoreHarness,
};
use sqlite_store::{Durability, OpenOptions, SqliteStore};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Time stands still unless a test moves it, but waiting is real: another process's commits are looked for by waiting.
#[derive(Debug, Clone)]
pub(crate) struct TestClock(pub(crate) ManualClock);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// Ids that no other store in the test makes.
#[derive(Debug)]
pub(crate) struct RandomIds;

impl IdSource for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "tests have no other source of ids unique among processes")]
    fn next_uuid(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// A worker's name.
pub(crate) fn worker(n: u128) -> WorkerId {
    WorkerId(Uuid::from_u128(n))
}

/// Options for tests: no fsync, which none of them can tell from a real one.
pub(crate) fn options(dir: impl Into<PathBuf>, n: u128) -> OpenOptions {
    OpenOptions { durability: Durability::Process, ..OpenOptions::new(dir, worker(n)) }
}

/// A store with its writer running.
pub(crate) struct Running {
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) writer: JoinHandle<Result<(), session_api::StoreError>>,
}

#[expect(clippy::disallowed_methods, reason = "the test owns the task and ends it")]
pub(crate) async fn start(options: OpenOptions, clock: ManualClock) -> Running {
    let opened = SqliteStore::open(options, Arc::new(TestClock(clock)), Arc::new(RandomIds)).await;
    let (store, writer) = opened.unwrap();
    Running { store: Arc::new(store), writer: tokio::spawn(writer.run()) }
}

/// What the contract suite opens.
pub(crate) struct Directory {
    dir: TempDir,
    clock: ManualClock,
    open: Mutex<HashMap<WorkerId, Running>>,
}

impl Directory {
    pub(crate) fn new() -> Self {
        let clock = ManualClock::at(Timestamp(1_790_000_000_000));
        Self { dir: tempfile::tempdir().unwrap(), clock, open: Mutex::default() }
    }
}

#[async_trait]
impl StoreHarness for Directory {
    async fn open(&self, worker: WorkerId) -> Stores {
        if let Some(running) = self.open.lock().get(&worker) {
            return Stores::of(running.store.clone());
        }
        let options = OpenOptions { worker, policy: LeasePolicy::default(), ..options(self.dir.path(), 0) };
        let running = start(options, self.clock.clone()).await;
        let stores = Stores::of(running.store.clone());
        self.open.lock().insert(worker, running);
        stores
    }

    async fn kill(&self, worker: WorkerId) {
        let running = self.open.lock().remove(&worker);
        if let Some(Running { store, writer }) = running {
            writer.abort();
            // Cancelled, and so is whatever it was doing.
            assert!(writer.await.is_err());
            drop(store);
        }
    }

    fn clock(&self) -> ManualClock {
        self.clock.clone()
    }
}
