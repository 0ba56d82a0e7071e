//! A person's memory folder.

use std::{os::fd::OwnedFd, time::Duration};

use rustix::fs::{FlockOperation, flock};
use session_api::{Principal, Rank};
use sha2::{Digest, Sha256};
use tool_api::{ToolContext, ToolError};

use crate::Workspace;

/// The largest memory file that is read or written, in bytes. Longer ones are left as they are.
pub const MOST_MEMORY_BYTES: u64 = 256 << 10;
/// How long to wait for another writer. Each holds the folder for a few milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// `memory/` for the owner, `people/<id>/` for a member.
#[derive(Debug, Clone)]
pub struct MemoryFolder {
    workspace: Workspace,
    path: String,
}

/// A file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryText {
    /// Its text; empty where there is no file.
    pub text: String,
    /// [`digest_of`] its bytes.
    pub digest: String,
}

/// The file is not what the writer has read. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// What it is now.
    pub now: MemoryText,
}

/// While it lives, nobody else who uses this type writes in the folder.
#[derive(Debug)]
pub struct FolderLock {
    _directory: OwnedFd,
}

impl MemoryFolder {
    /// The folder at `path` of the workspace.
    #[must_use]
    pub fn new(workspace: Workspace, path: impl Into<String>) -> Self {
        Self { workspace, path: path.into() }
    }

    /// That of whoever speaks.
    ///
    /// # Errors
    /// `not_permitted` for guests, and where several people speak in one turn: a memory is for one pair of eyes.
    pub fn of_call(workspace: &Workspace, context: &ToolContext) -> Result<Self, ToolError> {
        let refused = |reason: &str| ToolError::Refused { class: "not_permitted", reason: reason.to_owned() };
        if !context.alone {
            return Err(refused("several people speak in this turn, and a memory belongs to one of them"));
        }
        match Self::path_for(&context.principal) {
            Some(path) => Ok(Self::new(workspace.clone(), path)),
            None => Err(refused("guests have no memory; the owner can make them members")),
        }
    }

    /// The folder of a person, from the workspace on; `None` for guests, who have none.
    #[must_use]
    pub fn path_for(principal: &Principal) -> Option<String> {
        match principal.rank {
            Rank::Owner => Some("memory".to_owned()),
            Rank::Member => Some(format!("people/{}", principal.id.folder())),
            Rank::Guest => None,
        }
    }

    /// Where it is, from the workspace on.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A file of it, from the workspace on.
    #[must_use]
    pub fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    /// Reads a file. One that does not exist is empty.
    ///
    /// # Errors
    /// `limit_file` for one that is too long; a failure for one that is not UTF-8, with the line, or cannot be read.
    pub fn read(&self, name: &str) -> Result<MemoryText, ToolError> {
        let file = self.file(name);
        let bytes = self.workspace.read_if_there(&file, MOST_MEMORY_BYTES).map_err(|error| match error {
            ToolError::Limit { class, reason } => {
                ToolError::Limit { class, reason: format!("{reason}; shorten it by hand or with edit_file") }
            }
            other => other,
        })?;
        let bytes = bytes.unwrap_or_default();
        let digest = digest_of(&bytes);
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
            ToolError::Failed(format!("`{file}` is not UTF-8 in line {line}; save it as UTF-8"))
        })?;
        Ok(MemoryText { text, digest })
    }

    /// Makes `text` the content of a file whose digest is still `read`. Hold the [`lock`](Self::lock).
    ///
    /// # Errors
    /// [`Conflict`] inside, where somebody has changed it since; `limit_file` for a text that is too long; a failure when
    /// it cannot be written.
    pub fn write(&self, name: &str, text: &str, read: &str) -> Result<Result<(), Conflict>, ToolError> {
        if text.len() as u64 > MOST_MEMORY_BYTES {
            let reason = format!(
                "`{}` would have {} bytes, and a memory file has at most {MOST_MEMORY_BYTES}; take out what no longer holds",
                self.file(name),
                text.len()
            );
            return Err(ToolError::Limit { class: "limit_file", reason });
        }
        let now = self.read(name)?;
        if now.digest != read {
            return Ok(Err(Conflict { now }));
        }
        self.workspace.write(&self.file(name), text.as_bytes())?;
        Ok(Ok(()))
    }

    /// Keeps other writers of this program, in this process and others, out of the folder. It blocks for some seconds at
    /// most; people with an editor are kept out by nothing, and noticed by the digest.
    ///
    /// # Errors
    /// When the folder cannot be made or opened, or somebody holds it for too long.
    pub fn lock(&self) -> Result<FolderLock, ToolError> {
        let directory = self.workspace.create_dirs(&self.workspace.resolve(&self.path)?)?;
        let mut waited = Duration::ZERO;
        while flock(&directory, FlockOperation::NonBlockingLockExclusive).is_err() {
            if waited >= PATIENCE {
                return Err(ToolError::Failed(format!(
                    "`{}` is being written by somebody else; try again",
                    self.path
                )));
            }
            std::thread::sleep(LOOK_AGAIN);
            waited += LOOK_AGAIN;
        }
        Ok(FolderLock { _directory: directory })
    }

    /// The notes of days, oldest first, at most the newest `most`.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn notes(&self, most: usize) -> Result<Vec<String>, ToolError> {
        let (entries, _) = self.workspace.entries(&self.path, 10_000)?;
        let mut notes: Vec<String> = entries
            .into_iter()
            .filter(|entry| !entry.is_dir && is_note(&entry.name))
            .map(|entry| entry.name)
            .collect();
        let left_out = notes.len().saturating_sub(most);
        notes.drain(..left_out);
        Ok(notes)
    }

    /// The workspace that it is in.
    #[must_use]
    pub fn workspace(&self) -> &Workspace {
        &self.workspace
    }
}

/// The digest of a file's bytes: what whoever writes must have read.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes)[..6])
}

/// Whether this is the name of a day's note: `2026-11-21.md`.
#[must_use]
pub fn is_note(name: &str) -> bool {
    name.strip_suffix(".md").is_some_and(|day| day.len() == 10 && day.parse::<jiff::civil::Date>().is_ok())
}
