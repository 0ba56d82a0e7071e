//! What can go wrong in a store.

use std::error::Error;

/// An error of a store, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The lease, claim or epoch is no longer valid; nothing changed. Stop working on it.
    #[error("the lease is no longer valid: {what}")]
    Stale {
        /// What was found instead.
        what: String,
    },
    /// A compare-and-set found something else; nothing changed. Read again, then decide.
    #[error("conflict: {what}")]
    Conflict {
        /// What stood there.
        what: String,
    },
    /// Somebody stands in the way: a running turn, or another process that keeps the store's lock. Nothing changed. Wait
    /// for [`Mailbox::changed`](crate::Mailbox::changed), within a bound, then try again.
    #[error("busy: {what}")]
    Busy {
        /// Who holds it.
        what: String,
    },
    /// The request itself makes no sense; a retry does not help.
    #[error("invalid request to the store: {what}")]
    Invalid {
        /// What is wrong with it.
        what: String,
    },
    /// There is no room. A retry helps once somebody made some.
    #[error("storage is full: {what}")]
    Full {
        /// Where.
        what: String,
    },
    /// The store holds something it cannot have written. It was left as it is.
    #[error("{what}")]
    Corrupt {
        /// Which file or row, and what to do.
        what: String,
    },
    /// The store cannot be used at present; a retry may help.
    #[error("the store is not available: {what}")]
    Unavailable {
        /// Why.
        what: String,
        /// The cause.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
}

impl StoreError {
    /// Whether the same call may succeed later without anybody changing it.
    #[must_use]
    pub fn retry_helps(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Full { .. } | Self::Unavailable { .. })
    }
}
