//! The contract suites of the store ports: one public async function for each sentence of their documentation.
//!
//! An adapter implements [`StoreHarness`] and writes `session_api::store_contract!(my_harness())` in its tests. The
//! expression makes a fresh data set; it stands in an async function, so it may await. The crate that expands the macro
//! needs tokio with `rt` and `macros`.
//!
//! No case sleeps: time moves by the harness's [`ManualClock`]. A case that waits for a wake-up hangs when the wake-up
//! never comes; let the test runner's time limit find it.

use async_trait::async_trait;

use crate::{ManualClock, Stores, WorkerId};

pub mod absorb;
pub mod accept;
pub mod approval;
pub mod audit;
pub mod backlog;
pub mod batch;
pub mod blob;
pub mod busy;
mod cases;
pub mod clock_set;
pub mod doubt;
pub mod fail;
pub mod fixture;
pub mod jobs;
pub mod kv;
pub mod lease;
pub mod lock;
pub mod memory;
pub mod orphan;
pub mod outbox;
pub mod overdue;
pub mod people;
pub mod sending;
pub mod sessions;
pub mod source;
pub mod stop;
pub mod suspend;
pub mod taking_away;
pub mod turn;
pub mod undelivered;
pub mod usage;
pub mod vectors;
pub mod wake;
pub mod window;

pub use cases::CASES;

/// One data set that several processes can open.
#[async_trait]
pub trait StoreHarness: Send + Sync {
    /// A process named `worker` opens the data set (for the first time, or besides others that have it open) with the
    /// default [`LeasePolicy`](crate::LeasePolicy) and the harness's clock. Opening with a worker that is open already
    /// returns the same stores.
    async fn open(&self, worker: WorkerId) -> Stores;

    /// The process dies as by `kill -9`: its leases become void at once, nothing it had not committed remains. Stores
    /// that `open` gave for it may not be used any more.
    async fn kill(&self, worker: WorkerId);

    /// The clock that all its processes read.
    fn clock(&self) -> ManualClock;
}
