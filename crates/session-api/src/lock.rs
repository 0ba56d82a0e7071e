//! The lock: nothing runs until somebody opens it again.

use serde::{Deserialize, Serialize};

use crate::{KvEntry, KvWrite, PrincipalId, Timestamp};

/// The name of the lock's value. While it exists, the installation is locked; deleting it unlocks.
pub const LOCK_KEY: &str = "locked";

/// Who locked, and when: the [installation's](PrincipalId::installation) value [`LOCK_KEY`], as JSON
/// (`{"by": "owner", "at": 1795000000000}`). Set in the commit that accepts a [`Lock`](crate::InboundKind::Lock).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locked {
    /// Who locked.
    pub by: PrincipalId,
    /// When the lock was accepted.
    pub at: Timestamp,
}

impl Locked {
    /// Sets the value. A later lock replaces an earlier one.
    #[must_use]
    pub fn set(&self) -> KvWrite {
        let Self { by, at } = self;
        let value = serde_json::json!({ "by": by, "at": at }).to_string();
        KvWrite::Set { owner: PrincipalId::installation(), key: LOCK_KEY.into(), value, expires_at: None }
    }

    /// Deletes the value.
    #[must_use]
    pub fn unset() -> KvWrite {
        KvWrite::Delete { owner: PrincipalId::installation(), key: LOCK_KEY.into() }
    }

    /// Reads the value; `None` where it was written by somebody else in another form. It is a lock all the same.
    #[must_use]
    pub fn read(entry: &KvEntry) -> Option<Self> {
        serde_json::from_str(&entry.value).ok()
    }
}
