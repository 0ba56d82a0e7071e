//! The machine as stored.

use session_api::TurnRecord;

use super::Machine;

/// The version that this program writes. A record of another version is not guessed at.
pub const RECORD_VERSION: u32 = 1;

/// A record that cannot be taken up.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Written by another version of Factotum.
    #[error("the turn was recorded in format {found}, this version reads {RECORD_VERSION}")]
    Version {
        /// Its version.
        found: u32,
    },
    /// It does not say what a record says.
    #[error("the turn's record is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
}

impl Machine {
    /// The machine as a record.
    pub fn record(&self) -> Result<TurnRecord, RecordError> {
        Ok(TurnRecord { version: RECORD_VERSION, body: serde_json::to_string(self)? })
    }

    /// The machine that `record` was made of.
    pub fn restore(record: &TurnRecord) -> Result<Self, RecordError> {
        if record.version != RECORD_VERSION {
            return Err(RecordError::Version { found: record.version });
        }
        Ok(serde_json::from_str(&record.body)?)
    }
}
