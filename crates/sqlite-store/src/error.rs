//! Errors of opening, and how `SQLite`'s errors become [`StoreError`].

use std::path::PathBuf;

use session_api::StoreError;

/// Why a store could not be opened. Nothing was changed by the attempt.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A directory or file cannot be used as it is.
    #[error("{path}: {what}")]
    Unusable {
        /// Which.
        path: PathBuf,
        /// What is wrong and what to do.
        what: String,
        /// The system's error.
        #[source]
        source: Option<std::io::Error>,
    },
    /// The file is a database of some other program.
    #[error(
        "{path} is a database of another program (application id {application_id:#x}); move it away or choose another data directory"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it says it belongs to.
        application_id: i64,
    },
    /// The file was written by a newer version.
    #[error(
        "{path} was written by a newer version (schema {found}, this program knows {known}); run the newer program, or restore {backup} that it made before it upgraded the file"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest version known here.
        known: i64,
        /// Where the snapshot from before the upgrade would be.
        backup: PathBuf,
    },
    /// The file is damaged.
    #[error(
        "{path} is damaged ({what}); it was left as it is. Stop every process that uses it, keep a copy, then restore a backup or run `sqlite3 {path} .recover | sqlite3 recovered.db`"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// There was a store here and its database is gone.
    #[error(
        "{path} is {state}, but {witness} shows that a store was here; restore the database from a backup, or move that away to start afresh"
    )]
    Vanished {
        /// The file.
        path: PathBuf,
        /// `missing` or `empty`.
        state: &'static str,
        /// What shows it.
        witness: PathBuf,
    },
    /// A pragma does not hold although it was set.
    #[error("{path}: SQLite did not take `PRAGMA {pragma}`: wanted {wanted}, got {got}")]
    Pragma {
        /// The file.
        path: PathBuf,
        /// Which.
        pragma: &'static str,
        /// What was set.
        wanted: String,
        /// What was read back.
        got: String,
    },
    /// Another process has it locked, the disk is full, or the like.
    #[error("{path} cannot be opened now: {what}")]
    Unavailable {
        /// The file.
        path: PathBuf,
        /// What to do.
        what: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// `SQLite`'s primary result code, where the error has one.
pub(crate) fn code(error: &sqlx::Error) -> Option<u32> {
    let code = error.as_database_error()?.code()?;
    code.parse::<u32>().ok().map(|code| code & 0xff)
}

/// `SQLITE_FULL`.
pub(crate) const FULL: u32 = 13;
/// `SQLITE_IOERR`.
pub(crate) const IOERR: u32 = 10;
/// `SQLITE_CORRUPT` and `SQLITE_NOTADB`.
pub(crate) const DAMAGED: [u32; 2] = [11, 26];

/// The store error for a database error, naming `file`.
pub(crate) fn from_sqlx(file: &std::path::Path, error: sqlx::Error) -> StoreError {
    let file = file.display();
    match code(&error) {
        Some(FULL) => StoreError::Full { what: format!("{file}: {error}; free some space on its disk") },
        Some(code) if DAMAGED.contains(&code) => damaged(&file.to_string(), &error.to_string()),
        // A value that does not decode: the schema says INTEGER where the code reads TEXT, or the other way round.
        None if matches!(error, sqlx::Error::ColumnDecode { .. }) => {
            damaged(&file.to_string(), &error.to_string())
        }
        _ => StoreError::Unavailable { what: format!("{file}: {error}"), source: Some(Box::new(error)) },
    }
}

/// The one text for damage: which file, what was found, what to do.
pub(crate) fn damaged(file: &str, what: &str) -> StoreError {
    StoreError::Corrupt {
        what: format!(
            "{file} is damaged ({what}); stop every process that uses it, then restore a backup or run `sqlite3 {file} .recover | sqlite3 recovered.db`"
        ),
    }
}

pub(crate) fn stale(what: impl Into<String>) -> StoreError {
    StoreError::Stale { what: what.into() }
}

pub(crate) fn invalid(what: impl Into<String>) -> StoreError {
    StoreError::Invalid { what: what.into() }
}

/// The same error once more, for each member of a group that was lost.
pub(crate) fn again(error: &StoreError) -> StoreError {
    match error {
        StoreError::Stale { what } => StoreError::Stale { what: what.clone() },
        StoreError::Conflict { what } => StoreError::Conflict { what: what.clone() },
        StoreError::Busy { what } => StoreError::Busy { what: what.clone() },
        StoreError::Invalid { what } => StoreError::Invalid { what: what.clone() },
        StoreError::Full { what } => StoreError::Full { what: what.clone() },
        StoreError::Corrupt { what } => StoreError::Corrupt { what: what.clone() },
        StoreError::Unavailable { what, .. } => StoreError::Unavailable { what: what.clone(), source: None },
    }
}
