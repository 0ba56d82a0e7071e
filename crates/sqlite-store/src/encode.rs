//! Values as columns.

use std::path::Path;

use serde::{Serialize, de::DeserializeOwned};
use session_api::{
    Approval, ApprovalState, InboundKind, InboundRow, JournalEntry, OutPart, OutboxId, Outcome, PartId,
    PartState, Purpose, Rank, Runner, StoreError, Timestamp, WorkerId,
};
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use crate::{
    error::{damaged, invalid},
    script::column,
};

/// `value` as JSON.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| invalid(format!("a value cannot be written as JSON: {error}")))
}

/// The 16 bytes of an id.
pub(crate) fn bytes(id: Uuid) -> Vec<u8> {
    id.as_bytes().to_vec()
}

/// A count or token as `SQLite` keeps numbers.
pub(crate) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(crate) fn limit(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(crate) fn uint(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// Reads the columns of one row; errors name the file.
pub(crate) struct Reading<'a> {
    pub(crate) file: &'a Path,
    pub(crate) row: &'a SqliteRow,
}

impl Reading<'_> {
    pub(crate) fn int(&self, index: usize) -> Result<i64, StoreError> {
        column(self.row, index).map_err(|error| self.damaged(&error.to_string()))
    }

    pub(crate) fn uint(&self, index: usize) -> Result<u64, StoreError> {
        self.int(index).map(uint)
    }

    pub(crate) fn bool(&self, index: usize) -> Result<bool, StoreError> {
        self.int(index).map(|value| value != 0)
    }

    pub(crate) fn time(&self, index: usize) -> Result<Timestamp, StoreError> {
        self.int(index).map(Timestamp)
    }

    pub(crate) fn maybe_int(&self, index: usize) -> Result<Option<i64>, StoreError> {
        column(self.row, index).map_err(|error| self.damaged(&error.to_string()))
    }

    pub(crate) fn text(&self, index: usize) -> Result<String, StoreError> {
        column(self.row, index).map_err(|error| self.damaged(&error.to_string()))
    }

    pub(crate) fn maybe_text(&self, index: usize) -> Result<Option<String>, StoreError> {
        column(self.row, index).map_err(|error| self.damaged(&error.to_string()))
    }

    pub(crate) fn blob(&self, index: usize) -> Result<Vec<u8>, StoreError> {
        column(self.row, index).map_err(|error| self.damaged(&error.to_string()))
    }

    /// The bytes of a text or a blob, of whatever encoding; none for NULL.
    pub(crate) fn raw(&self, index: usize) -> Result<&[u8], StoreError> {
        let bytes: Option<&[u8]> =
            column(self.row, index).map_err(|error| self.damaged(&error.to_string()))?;
        Ok(bytes.unwrap_or_default())
    }

    pub(crate) fn id(&self, index: usize) -> Result<Uuid, StoreError> {
        let bytes: &[u8] = column(self.row, index).map_err(|error| self.damaged(&error.to_string()))?;
        Uuid::from_slice(bytes).map_err(|error| self.damaged(&error.to_string()))
    }

    pub(crate) fn maybe_id(&self, index: usize) -> Result<Option<Uuid>, StoreError> {
        let bytes: Option<&[u8]> =
            column(self.row, index).map_err(|error| self.damaged(&error.to_string()))?;
        let id = bytes.map(Uuid::from_slice).transpose();
        id.map_err(|error| self.damaged(&error.to_string()))
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, index: usize) -> Result<T, StoreError> {
        let text: &str = column(self.row, index).map_err(|error| self.damaged(&error.to_string()))?;
        serde_json::from_str(text).map_err(|error| self.damaged(&error.to_string()))
    }

    pub(crate) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        index: usize,
    ) -> Result<T, StoreError> {
        let text: &str = column(self.row, index).map_err(|error| self.damaged(&error.to_string()))?;
        text.parse().map_err(|error: T::Err| self.damaged(&error.to_string()))
    }

    pub(crate) fn damaged(&self, what: &str) -> StoreError {
        damaged(&self.file.display().to_string(), what)
    }

    /// An inbound row from `no, body, accepted_at` at `index`.
    pub(crate) fn inbound(&self, index: usize) -> Result<InboundRow, StoreError> {
        Ok(InboundRow {
            seq: self.uint(index)?,
            inbound: self.json(index + 1)?,
            accepted_at: self.time(index + 2)?,
        })
    }

    /// A part of `message` from `id, idx, body, platform_id, attempts, doubted, state` at `index`.
    pub(crate) fn part(&self, index: usize, message: OutboxId) -> Result<OutPart, StoreError> {
        let count = |index| self.int(index).map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        Ok(OutPart {
            id: PartId(self.id(index)?),
            message,
            index: count(index + 1)?,
            body: self.maybe_text(index + 2)?.is_some().then(|| self.json(index + 2)).transpose()?,
            platform_id: self.maybe_text(index + 3)?,
            attempts: count(index + 4)?,
            doubted: self.bool(index + 5)?,
            state: match self.int(index + 6)? {
                0 => PartState::Pending,
                1 => PartState::Sending,
                2 => PartState::Sent,
                3 => PartState::Failed,
                _ => PartState::Unknown,
            },
        })
    }

    /// A journal entry from `no, at, body` at `index`.
    pub(crate) fn journal(&self, index: usize) -> Result<JournalEntry, StoreError> {
        Ok(JournalEntry { no: self.uint(index)?, at: self.time(index + 1)?, step: self.json(index + 2)? })
    }

    /// A question from `state, body` at `index`, as it stands at `now`.
    pub(crate) fn approval(&self, index: usize, now: Timestamp) -> Result<Approval, StoreError> {
        let mut approval: Approval = self.json(index + 1)?;
        approval.state = match self.int(index)? {
            0 if approval.expires_at <= now => ApprovalState::Expired,
            0 => ApprovalState::Open,
            1 => ApprovalState::Allowed,
            2 => ApprovalState::Denied,
            3 => ApprovalState::Superseded,
            _ => ApprovalState::Expired,
        };
        Ok(approval)
    }
}

/// What every row of a list reads as.
pub(crate) fn each<T>(
    file: &Path,
    rows: &[SqliteRow],
    read: impl Fn(&Reading<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    rows.iter().map(|row| read(&Reading { file, row })).collect()
}

/// `inbox.kind`.
pub(crate) fn kind(kind: InboundKind) -> i64 {
    match kind {
        InboundKind::Message => 0,
        InboundKind::Command => 1,
        InboundKind::Answer { .. } => 2,
        InboundKind::Stop => 3,
        InboundKind::Result { .. } => 4,
        InboundKind::Lock => 5,
    }
}

/// The worker that alone may run a row.
pub(crate) fn only(runner: Runner) -> Option<WorkerId> {
    match runner {
        Runner::Any => None,
        Runner::Only(worker) => Some(worker),
    }
}

pub(crate) fn rank(rank: Rank) -> i64 {
    match rank {
        Rank::Guest => 0,
        Rank::Member => 1,
        Rank::Owner => 2,
    }
}

pub(crate) fn outcome(outcome: Outcome) -> i64 {
    match outcome {
        Outcome::Replied => 0,
        Outcome::Refused => 1,
        Outcome::Failed => 2,
        Outcome::Stopped => 3,
        Outcome::Quiet => 4,
    }
}

pub(crate) fn outcome_of(value: i64) -> Outcome {
    match value {
        0 => Outcome::Replied,
        1 => Outcome::Refused,
        2 => Outcome::Failed,
        3 => Outcome::Stopped,
        _ => Outcome::Quiet,
    }
}

/// The purposes by their number in `usage.purpose`.
pub(crate) const PURPOSES: [(Purpose, &str); 6] = [
    (Purpose::Chat, "chat"),
    (Purpose::Compaction, "compaction"),
    (Purpose::Routing, "routing"),
    (Purpose::Subagent, "subagent"),
    (Purpose::Heartbeat, "heartbeat"),
    (Purpose::Consolidation, "consolidation"),
];

pub(crate) fn purpose(purpose: Purpose) -> i64 {
    PURPOSES.iter().zip(0..).find(|((known, _), _)| *known == purpose).map_or(0, |(_, number)| number)
}
