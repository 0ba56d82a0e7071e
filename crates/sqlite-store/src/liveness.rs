//! Which workers live: each holds an exclusive lock on its own file for as long as its writer runs.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};
use session_api::WorkerId;

use crate::turnstile::{open_lock, try_lock};

/// The sign that this worker lives. Dropping it is its death.
pub(crate) struct Alive {
    path: PathBuf,
    // Held, never read.
    _lock: File,
}

impl Alive {
    /// Takes the worker's lock; `None` when somebody else holds it.
    pub(crate) fn begin(run: &Path, worker: WorkerId) -> io::Result<Option<Self>> {
        let path = file_of(run, worker);
        loop {
            let lock = open_lock(&path)?;
            if !try_lock(&lock)? {
                return Ok(None);
            }
            // Somebody who found it stale may have removed it between opening and locking: then the lock is on a file
            // that nobody else can find.
            if fs::metadata(&path).is_ok_and(|meta| same_file(&meta, &lock)) {
                return Ok(Some(Self { path, _lock: lock }));
            }
        }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        // Still locked while it is removed. A file that stays is found stale by whoever asks next.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether `worker` holds its lock. In doubt (no permission, too many files) it lives: its leases run out by time.
pub(crate) fn lives(run: &Path, worker: WorkerId) -> bool {
    let path = file_of(run, worker);
    let lock = match File::options().write(true).open(&path) {
        Ok(lock) => lock,
        Err(error) => return error.kind() != io::ErrorKind::NotFound,
    };
    // Shared: two who ask at the same time must not take each other for the worker.
    match flock(&lock, FlockOperation::NonBlockingLockShared) {
        Ok(()) => {
            // Stale. Removed under the lock, and only if the name still means the locked file.
            if fs::metadata(&path).is_ok_and(|meta| same_file(&meta, &lock)) {
                let _ = fs::remove_file(&path);
            }
            false
        }
        Err(_) => true,
    }
}

fn same_file(meta: &fs::Metadata, file: &File) -> bool {
    file.metadata().is_ok_and(|other| (other.dev(), other.ino()) == (meta.dev(), meta.ino()))
}

fn file_of(run: &Path, worker: WorkerId) -> PathBuf {
    run.join(format!("{worker}.lock"))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_worker_lives_while_its_lock_is_held() {
        let dir = tempfile::tempdir().unwrap();
        let worker = WorkerId(Uuid::from_u128(1));
        assert!(!lives(dir.path(), worker));
        let alive = Alive::begin(dir.path(), worker).unwrap().unwrap();
        assert!(lives(dir.path(), worker));
        assert!(Alive::begin(dir.path(), worker).unwrap().is_none());
        drop(alive);
        assert!(!lives(dir.path(), worker));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_stale_lock_file_is_removed_by_whoever_asks() {
        let dir = tempfile::tempdir().unwrap();
        let worker = WorkerId(Uuid::from_u128(2));
        fs::write(file_of(dir.path(), worker), "").unwrap();
        assert!(!lives(dir.path(), worker));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
