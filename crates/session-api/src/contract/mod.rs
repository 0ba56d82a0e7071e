//! The contract suites of the store ports: one public async function for each sentence of their documentation.
//!
//! An adapter implements [`StoreHarness`] and writes `session_api::store_contract!(my_harness())` in its tests.

use async_trait::async_trait;

use crate::{ManualClock, Stores, WorkerId};

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
