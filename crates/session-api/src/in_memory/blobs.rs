//! `BlobStore`.

use async_trait::async_trait;
use bytes::Bytes;

use super::InMemoryStore;
use crate::{BlobId, BlobStore, StoreError};

#[async_trait]
impl BlobStore for InMemoryStore {
    async fn put_blob(&self, bytes: Bytes) -> Result<BlobId, StoreError> {
        // Outside the lock: the digest of a large file takes a while.
        let id = BlobId::of(&bytes);
        self.with(|state| {
            // Copied, so that a small piece does not keep a large buffer alive.
            state.blobs.entry(id.clone()).or_insert_with(|| Bytes::copy_from_slice(&bytes));
        });
        Ok(id)
    }

    async fn get_blob(&self, id: &BlobId) -> Result<Option<Bytes>, StoreError> {
        Ok(self.with(|state| state.blobs.get(id).cloned()))
    }
}
