//! Consolidation: now and then a model works the notes of the last days into the memory file.
//!
//! The model only proposes a text. Code looks whether it can be right ([`check`]), keeps the old one as a version, and
//! replaces the file only while it is what the model has read: whoever edits it by hand meanwhile wins.

mod check;
mod keeper;
mod request;

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use schedule::When;
use serde::{Deserialize, Serialize};
use session_api::Timestamp;

use check::check;
pub use keeper::{Consolidated, Keeper};
use request::{Proposal, proposal};

/// Files of the memory cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MemoryFilesError(pub String);

/// A file as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemoryFile {
    /// Its name in the folder.
    pub name: String,
    /// Its text; empty where there is none.
    pub text: String,
    /// Changes whenever the text does.
    pub digest: String,
}

/// A memory folder as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// The lasting facts.
    pub memory: MemoryFile,
    /// The notes of days, oldest first.
    pub notes: Vec<MemoryFile>,
    /// The day it is, by the user's clocks, as `2026-11-21.md`: its note may not be complete.
    pub today: String,
}

/// What a version is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionState {
    /// About to replace the file. Only a kill leaves one behind; the next look settles it.
    Prepared,
    /// It replaced the file.
    Applied,
    /// Somebody changed the file first.
    Superseded,
    /// The model could not be had, or what it proposed cannot be right.
    Failed,
    /// An older text was brought back.
    Restored,
}

/// One consolidation or restoration, kept to be looked at and undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Counts up in its folder, from 1.
    pub id: u64,
    /// When.
    pub at: Timestamp,
    /// What became of it.
    pub state: VersionState,
    /// The model that proposed it.
    pub model: String,
    /// Why it failed, or what was restored.
    pub reason: String,
    /// A digest of all that went in: the same work is not paid for twice.
    pub key: String,
    /// How often the same work failed.
    pub attempts: u32,
    /// The file before.
    pub before: String,
    /// The file afterwards.
    pub after: String,
    /// The digest of each note that has gone into the memory up to here.
    pub notes: BTreeMap<String, String>,
}

/// A version before it is stored: the store gives it its number.
pub type NewVersion = Version;

/// Stores memory folders with their versions. Each verb is whole or not at all, whatever is killed, and no two of them run
/// at the same time in one folder.
#[async_trait]
pub trait MemoryFiles: Send + Sync {
    /// The folders there are, from the workspace on: the owner's first.
    async fn folders(&self) -> Result<Vec<String>, MemoryFilesError>;

    /// Reads a folder. What a kill left half done is settled first.
    async fn snapshot(&self, folder: &str) -> Result<Snapshot, MemoryFilesError>;

    /// The versions, oldest first.
    async fn versions(&self, folder: &str) -> Result<Vec<Version>, MemoryFilesError>;

    /// Replaces the memory file by `version.after` if it still is `version.before`, and keeps the version as applied (or
    /// restored) with the next number. If the file is something else, it is kept as superseded, and nothing else changes.
    /// A version with the same key that was applied already is returned as it is.
    async fn apply(&self, folder: &str, version: NewVersion) -> Result<Version, MemoryFilesError>;

    /// Keeps a version that failed, in the place of an earlier one with the same key.
    async fn note_failure(&self, folder: &str, version: NewVersion) -> Result<(), MemoryFilesError>;
}

/// When memories are consolidated, and how.
#[derive(Clone)]
pub struct Consolidation {
    /// When; `None`: only when somebody asks for it.
    pub when: Option<When>,
    /// The model, where it is not the default.
    pub model: Option<String>,
    /// The size that a memory file is kept within, in bytes.
    pub max_bytes: usize,
    /// The files.
    pub files: Arc<dyn MemoryFiles>,
}

impl fmt::Debug for Consolidation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consolidation")
            .field("when", &self.when)
            .field("max_bytes", &self.max_bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
