//! Bytes as files, by their digest: `blobs/ab/<sha256>`.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use bytes::Bytes;
use session_api::{BlobId, BlobStore, StoreError};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::{layout::sync_dir, open::SqliteStore};

/// The folder and the file of a blob.
fn place(blobs: &Path, id: &BlobId) -> (PathBuf, PathBuf) {
    let digits = id.as_str();
    let folder = blobs.join(digits.get(..2).unwrap_or(digits));
    let file = folder.join(digits);
    (folder, file)
}

fn failed(path: &Path, error: io::Error) -> StoreError {
    let what = format!("{}: {error}", path.display());
    if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        return StoreError::Full { what };
    }
    StoreError::Unavailable { what, source: Some(Box::new(error)) }
}

/// Complete and on the disk before it gets its name; the name durable before this returns.
fn put(blobs: &Path, id: &BlobId, bytes: &[u8], draft: Uuid) -> Result<(), StoreError> {
    let (folder, file) = place(blobs, id);
    // One that is there was durable before it got its name, unless it was damaged since.
    if fs::read(&file).is_ok_and(|stored| BlobId::of(&stored) == *id) {
        return Ok(());
    }
    if !folder.is_dir() {
        fs::create_dir_all(&folder).and_then(|()| sync_dir(blobs)).map_err(|error| failed(&folder, error))?;
    }
    let draft = folder.join(format!("{draft}.tmp"));
    let written = fs::File::options()
        .create_new(true)
        .write(true)
        .open(&draft)
        .and_then(|mut out| out.write_all(bytes).and_then(|()| out.sync_all()))
        .and_then(|()| fs::rename(&draft, &file))
        .and_then(|()| sync_dir(&folder));
    written.map_err(|error| {
        // What is left of it has no name that anybody reads.
        let _ = fs::remove_file(&draft);
        failed(&file, error)
    })
}

fn get(blobs: &Path, id: &BlobId) -> Result<Option<Bytes>, StoreError> {
    let (_, file) = place(blobs, id);
    match fs::read(&file) {
        Ok(bytes) if BlobId::of(&bytes) == *id => Ok(Some(bytes.into())),
        Ok(_) => Err(StoreError::Corrupt {
            what: format!("{} does not match its digest; restore it from a backup", file.display()),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(&file, error)),
    }
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    spawn_blocking(work).await.map_err(|error| StoreError::Unavailable {
        what: "the thread that works on files ended".into(),
        source: Some(Box::new(error)),
    })?
}

#[async_trait]
impl BlobStore for SqliteStore {
    async fn put_blob(&self, bytes: Bytes) -> Result<BlobId, StoreError> {
        let (blobs, draft) = (self.shared.layout.blobs.clone(), self.shared.ids.next_uuid());
        off_thread(move || {
            let id = BlobId::of(&bytes);
            put(&blobs, &id, &bytes, draft)?;
            Ok(id)
        })
        .await
    }

    async fn get_blob(&self, id: &BlobId) -> Result<Option<Bytes>, StoreError> {
        let (blobs, id) = (self.shared.layout.blobs.clone(), id.clone());
        off_thread(move || get(&blobs, &id)).await
    }
}
