//! `BlobStore`.

use bytes::Bytes;

use super::{
    StoreHarness,
    fixture::{Must, Rig},
};
use crate::BlobId;

/// Bytes come back as they were, under their digest; no bytes at all are bytes too.
pub async fn bytes_come_back_by_their_digest(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    for bytes in [Bytes::new(), Bytes::from_static(b"\0\xff\nbytes"), Bytes::from(vec![7; 100_000])] {
        let id = rig.stores.blobs.put_blob(bytes.clone()).await.must();
        assert_eq!(id, BlobId::of(&bytes));
        assert_eq!(rig.stores.blobs.get_blob(&id).await.must(), Some(bytes));
    }
}

/// The same bytes are stored once, under one id.
pub async fn the_same_bytes_have_one_id(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let first = rig.stores.blobs.put_blob(Bytes::from_static(b"same")).await.must();
    assert_eq!(rig.stores.blobs.put_blob(Bytes::from_static(b"same")).await.must(), first);
}

/// What was never stored is not found.
pub async fn unknown_bytes_are_not_found(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    assert_eq!(rig.stores.blobs.get_blob(&BlobId::of(b"never")).await.must(), None);
}

/// Stored bytes are there after the death of whoever stored them.
pub async fn bytes_outlive_their_worker(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let id = rig.stores.blobs.put_blob(Bytes::from_static(b"kept")).await.must();
    h.kill(rig.worker).await;
    let other = Rig::open_as(h, 2).await;
    assert_eq!(other.stores.blobs.get_blob(&id).await.must(), Some(Bytes::from_static(b"kept")));
}
