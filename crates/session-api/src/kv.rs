//! Small named values of a person.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{PrincipalId, StoreError, Timestamp};

/// A value as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvEntry {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
    /// When it was last set.
    pub updated_at: Timestamp,
    /// From this moment on it does not exist.
    pub expires_at: Option<Timestamp>,
}

/// A change. Applied with the [`Writes`](crate::Writes) it stands in; a `Set` replaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum KvWrite {
    /// Sets a value.
    Set {
        /// Whose.
        owner: PrincipalId,
        /// Its name.
        key: String,
        /// Its value.
        value: String,
        /// When it ends.
        expires_at: Option<Timestamp>,
    },
    /// Deletes a value; a missing one is fine.
    Delete {
        /// Whose.
        owner: PrincipalId,
        /// Its name.
        key: String,
    },
}

/// Reads small named values. Nothing of another owner is ever returned, and an expired value does not exist.
#[async_trait]
pub trait KvStore: Send + Sync {
    /// The value named `key`.
    async fn kv_get(&self, owner: &PrincipalId, key: &str) -> Result<Option<KvEntry>, StoreError>;

    /// All values whose name starts with `prefix`, by name, at most `limit`.
    async fn kv_list(
        &self,
        owner: &PrincipalId,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<KvEntry>, StoreError>;

    /// Values whose name or value holds `text`, letter case ignored (ASCII at least), by name, at most `limit`.
    async fn kv_search(
        &self,
        owner: &PrincipalId,
        text: &str,
        limit: usize,
    ) -> Result<Vec<KvEntry>, StoreError>;
}
