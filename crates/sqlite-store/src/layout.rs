//! The data directory: names, and the signs that a store was here before.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use crate::error::OpenError;

/// Where everything is.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) dir: PathBuf,
    pub(crate) database: PathBuf,
    pub(crate) blobs: PathBuf,
    pub(crate) run: PathBuf,
}

/// What stands where the database belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing, or an empty file that a first start left behind: make a new one.
    Nothing,
    /// A file.
    File,
}

impl Layout {
    pub(crate) fn of(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            database: dir.join("factotum.db"),
            blobs: dir.join("blobs"),
            run: dir.join("run"),
        }
    }

    /// Written when the first schema is committed. It proves that an empty database is a loss and not a beginning.
    pub(crate) fn witness(&self) -> PathBuf {
        self.run.join("store.created")
    }

    /// The write-ahead log.
    pub(crate) fn log(&self) -> PathBuf {
        self.dir.join("factotum.db-wal")
    }

    /// What is rung after a commit.
    pub(crate) fn bells(&self) -> PathBuf {
        self.run.join("bells")
    }

    /// Rounded vectors of what was said and noted.
    pub(crate) fn vectors(&self) -> PathBuf {
        self.dir.join("memory.vectors")
    }

    /// The snapshot from before migration `version`.
    pub(crate) fn backup(&self, version: i64) -> PathBuf {
        self.dir.join(format!("backup-before-{version}.db"))
    }

    /// Makes the directories.
    pub(crate) fn prepare(&self) -> Result<(), OpenError> {
        for path in [&self.dir, &self.blobs, &self.run] {
            // Usually they are there: one look is cheaper than making them in vain.
            if !path.is_dir() {
                // For their owner alone: conversations are in them.
                fs::DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(path)
                    .map_err(|source| unusable(path, "cannot be made a directory", source))?;
            }
        }
        Ok(())
    }

    /// Looks at the database file without opening it: a descriptor that this process closes would drop the POSIX locks
    /// of every `SQLite` connection that it has on the same file.
    pub(crate) fn inspect(&self) -> Result<Found, OpenError> {
        let size = match fs::metadata(&self.database) {
            Ok(meta) if meta.is_dir() => {
                return Err(OpenError::Unusable {
                    path: self.database.clone(),
                    what: "is a directory; the database belongs there: move it away".into(),
                    source: None,
                });
            }
            Ok(meta) => Some(meta.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(unusable(&self.database, "cannot be read", error)),
        };
        if size.is_none() && fs::symlink_metadata(&self.database).is_ok() {
            return Err(OpenError::Unusable {
                path: self.database.clone(),
                what: "is a link to nowhere; mount what it points to, or remove the link".into(),
                source: None,
            });
        }
        match size {
            Some(size) if size >= 512 => Ok(Found::File),
            Some(size) if size > 0 => Err(OpenError::Corrupt {
                path: self.database.clone(),
                what: format!("only {size} bytes are left of it"),
            }),
            none_or_empty => {
                let state = if none_or_empty.is_some() { "empty" } else { "missing" };
                match self.earlier_store() {
                    Some(witness) => Err(OpenError::Vanished { path: self.database.clone(), state, witness }),
                    None => Ok(Found::Nothing),
                }
            }
        }
    }

    /// A file that only a store that was in use can have left behind.
    fn earlier_store(&self) -> Option<PathBuf> {
        let witness = self.witness();
        if witness.exists() {
            return Some(witness);
        }
        let wal = self.log();
        if fs::metadata(&wal).is_ok_and(|meta| meta.len() > 0) {
            return Some(wal);
        }
        let blob = fs::read_dir(&self.blobs).ok()?.flatten().next();
        blob.map(|entry| entry.path())
    }

    /// Marks that a store is here from now on.
    pub(crate) fn leave_witness(&self) -> Result<(), OpenError> {
        let witness = self.witness();
        if witness.exists() {
            return Ok(());
        }
        let text =
            "factotum.db was created. With this file here, a missing database is refused, never replaced.\n";
        fs::write(&witness, text)
            .and_then(|()| sync_dir(&self.run))
            .map_err(|source| unusable(&witness, "cannot be written", source))
    }
}

/// Makes the entries of `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

pub(crate) fn unusable(path: &Path, what: &str, source: io::Error) -> OpenError {
    OpenError::Unusable { path: path.to_owned(), what: what.to_owned(), source: Some(source) }
}
