//! All store ports together.

use std::sync::Arc;

use crate::{
    AuditLog, BlobStore, JobStore, KvStore, Mailbox, MemoryIndex, SessionStore, UsageLedger, VectorIndex,
};

/// One of each store port. They share one transaction domain: what [`Mailbox`] commits, the others read.
#[derive(Clone)]
pub struct Stores {
    /// Inbox, turns, outbox.
    pub mailbox: Arc<dyn Mailbox>,
    /// Histories.
    pub sessions: Arc<dyn SessionStore>,
    /// Named values.
    pub kv: Arc<dyn KvStore>,
    /// Usage and reservations.
    pub usage: Arc<dyn UsageLedger>,
    /// Audit log.
    pub audit: Arc<dyn AuditLog>,
    /// Bytes.
    pub blobs: Arc<dyn BlobStore>,
    /// Jobs.
    pub jobs: Arc<dyn JobStore>,
    /// What was said and noted, by its words.
    pub memory: Arc<dyn MemoryIndex>,
    /// The same, by its meaning.
    pub vectors: Arc<dyn VectorIndex>,
}

impl Stores {
    /// All ports on one value.
    pub fn of<S>(store: Arc<S>) -> Self
    where
        S: Mailbox
            + SessionStore
            + KvStore
            + UsageLedger
            + AuditLog
            + BlobStore
            + JobStore
            + MemoryIndex
            + VectorIndex
            + 'static,
    {
        Self {
            mailbox: store.clone(),
            sessions: store.clone(),
            kv: store.clone(),
            usage: store.clone(),
            audit: store.clone(),
            blobs: store.clone(),
            jobs: store.clone(),
            memory: store.clone(),
            vectors: store,
        }
    }
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stores")
    }
}
