//! Every store port of [`session_api`] on `SQLite`.
//!
//! A data directory holds `factotum.db`, `blobs/` and `run/`. [`SqliteStore::open`] gives the store and its [`Writer`].
//! No hidden task lasts: the writer is a future that its owner spawns, and it lives until the last clone of the store is
//! dropped. A store whose writer was dropped refuses every write; one whose writer was never started refuses after five
//! seconds. Reads go through connections that cannot write, opened when first needed, each in a task that ends with it.
//!
//! # One writer
//!
//! What waits is committed together: each operation runs in a savepoint of one transaction and is answered when that
//! is committed, so that one `fsync` serves all who wait for it. A caller that goes away cancels nothing. Processes
//! on one directory take turns through a file lock around each group, not through `SQLite`'s busy handler, which can
//! starve a neighbour for seconds. A write that has waited ten seconds for another process is refused as
//! [`Busy`](session_api::StoreError::Busy).
//!
//! # A worker lives as long as its writer
//!
//! [`Writer::run`] holds the lock on `run/<worker>.lock`. When it ends, by kill or by drop, the leases of its worker
//! are void at once.

mod accept;
mod answers;
mod apply;
mod approvals;
mod audit;
mod bell;
mod blob;
mod claim;
mod clock_set;
mod connect;
mod encode;
mod end;
mod erase;
mod error;
mod fence;
mod glance;
mod history;
mod integrity;
mod jobs;
mod kv;
mod layout;
mod lease;
mod liveness;
mod mailbox;
mod memory;
mod migrate;
mod open;
mod outbox;
mod overdue;
#[cfg(test)]
mod plans;
mod queue;
mod quiet;
mod readers;
mod script;
mod settle;
mod source;
mod steps;
mod transaction;
mod turnstile;
mod undelivered;
mod usage;
mod views;
mod wake;
mod writer;

pub use error::OpenError;
pub use integrity::Integrity;
pub use open::{Durability, OpenOptions, SqliteStore};
pub use writer::Writer;
