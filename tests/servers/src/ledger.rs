//! Proof of side effects, kept outside of the product.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file to which each side effect adds a line, on disk before it returns. It outlives a `kill -9` of whoever writes,
/// and any program may write to it (`echo line >> file`).
#[derive(Debug, Clone)]
pub struct Ledger {
    path: PathBuf,
}

impl Ledger {
    /// A ledger at this path; the file appears with the first line.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line with a single write and waits until it is on disk.
    ///
    /// # Errors
    /// `InvalidInput` when the text holds a line feed, otherwise what the file system says.
    pub fn append(&self, line: &str) -> io::Result<()> {
        if line.contains('\n') {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "one entry is one line"));
        }
        let mut file = OpenOptions::new().append(true).create(true).open(&self.path)?;
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_all()
    }

    /// All lines, a torn last one included: it proves that its effect began.
    ///
    /// # Panics
    /// When the file is there and cannot be read.
    #[must_use]
    #[expect(clippy::panic, reason = "an unreadable ledger must not look like an empty one")]
    pub fn lines(&self) -> Vec<String> {
        match fs::read(&self.path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => panic!("the ledger {} cannot be read: {error}", self.path.display()),
        }
    }
}
