//! The audit log: who did what, in a chain that shows when a row was changed or taken away.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{PrincipalId, SessionKey, StoreError, Timestamp, TurnId};

/// One thing that was done or refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// In which conversation.
    pub session: SessionKey,
    /// In which turn.
    pub turn: Option<TurnId>,
    /// For whom.
    pub principal: PrincipalId,
    /// `tool.ok`, `tool.error`, `tool.unknown`, `approval.allowed`, `security.denied`, …
    pub kind: String,
    /// The tool or other subject.
    pub subject: String,
    /// Details for a reader, as JSON text. The chain covers its digest, so that it can be deleted later.
    pub payload: String,
    /// How long it took, in milliseconds.
    pub millis: u64,
}

/// An entry as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its place in its session's chain, from 1.
    pub no: u64,
    /// The entry; its payload is empty where that was taken away.
    pub entry: AuditEntry,
    /// The digest of the payload that was taken away.
    pub erased: Option<String>,
    /// SHA-256 over the hash before it and this entry, as lower-case hexadecimal digits.
    pub hash: String,
}

/// What [`AuditLog::audit_verify`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditVerdict {
    /// Every chain holds.
    Intact {
        /// Rows checked.
        rows: u64,
        /// What the log came to on its newest day. Whoever keeps it elsewhere notices also when the log and its heads are
        /// put back together to what they were before.
        head: Option<AuditHead>,
    },
    /// A chain is broken at this row.
    Broken {
        /// The conversation.
        session: SessionKey,
        /// The first row that does not fit.
        no: u64,
    },
    /// The rows of a day are not those that were written on it: some were taken away, the end of a chain or a whole one.
    Cut {
        /// The head that was kept of that day; `None`: that of the newest rows is not there itself.
        head: Option<AuditHead>,
        /// How many rows there are now.
        found: u64,
    },
}

/// What the whole log came to on a day: a hash over all rows of that day, in the order in which they were written, after the
/// hash of the day before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    /// Days since 1970, by UTC. Where a clock was set back, rows belong to the day of the row before them.
    pub day: i64,
    /// Rows of the day.
    pub rows: u64,
    /// Lower-case hexadecimal digits.
    pub hash: String,
}

impl AuditHead {
    /// The head behind one more row, which is at place `no` of the chain of its session and has the hash `row` there.
    #[must_use]
    pub fn after(previous: Option<&Self>, entry: &AuditEntry, no: u64, row: &str) -> Self {
        let today = entry.at.0.div_euclid(24 * 60 * 60 * 1000);
        let day = previous.map_or(today, |previous| previous.day.max(today));
        let rows = previous.filter(|previous| previous.day == day).map_or(0, |previous| previous.rows) + 1;
        let before = previous.map_or("", |previous| previous.hash.as_str());
        let hash =
            digest([before, &day.to_string(), &entry.session.to_string(), &no.to_string(), row].into_iter());
        Self { day, rows, hash }
    }
}

/// A hash over fields. Each with its length first, so that moving bytes from one field to the next changes it.
fn digest<'a>(fields: impl Iterator<Item = &'a str>) -> String {
    let mut hasher = Sha256::new();
    for field in fields {
        hasher.update((field.len() as u64).to_be_bytes());
        hasher.update(field.as_bytes());
    }
    hex::encode(hasher.finalize())
}

/// Reads the audit log. Rows are appended through [`Writes`](crate::Writes), one chain for each session, and with each row the
/// head of its day is renewed. When a session is deleted, the payloads of its rows go; the rows stay, every chain holds, and
/// a row of kind `audit.erased` says how many it were.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// The newest rows, of one session or of all, newest first.
    async fn audit_rows(
        &self,
        session: Option<&SessionKey>,
        limit: usize,
    ) -> Result<Vec<AuditRow>, StoreError>;

    /// The newest rows whose subject is exactly this, in all sessions, newest first.
    async fn audit_about(&self, subject: &str, limit: usize) -> Result<Vec<AuditRow>, StoreError>;

    /// Checks every chain from its first row, and that the rows of each day are those of its head.
    async fn audit_verify(&self) -> Result<AuditVerdict, StoreError>;
}

impl AuditEntry {
    /// The digest of the payload, which the chain covers in its place.
    #[must_use]
    pub fn payload_digest(&self) -> String {
        hex::encode(Sha256::digest(self.payload.as_bytes()))
    }

    /// The hash of this entry at place `no` after `previous` (empty for the first): the one definition of the chain.
    /// `payload` is the digest of the payload, which may be there no more.
    #[must_use]
    pub fn chain_hash(&self, previous: &str, no: u64, payload: &str) -> String {
        let turn = self.turn.map(|turn| turn.to_string()).unwrap_or_default();
        digest(
            [
                previous,
                &no.to_string(),
                &self.at.to_string(),
                &self.session.to_string(),
                &turn,
                &self.principal.0,
                &self.kind,
                &self.subject,
                payload,
                &self.millis.to_string(),
            ]
            .into_iter(),
        )
    }

    /// What tells that payloads of a conversation were taken away with it.
    #[must_use]
    pub fn of_erasure(session: SessionKey, at: Timestamp, rows: u64) -> Self {
        Self {
            at,
            subject: session.to_string(),
            session,
            turn: None,
            principal: PrincipalId::installation(),
            kind: "audit.erased".into(),
            payload: format!("{{\"rows\":{rows}}}"),
            millis: 0,
        }
    }
}

impl AuditRow {
    /// Whether this row follows `previous`, the hash of the row before it, at place `no` of its chain.
    #[must_use]
    pub fn follows(&self, previous: &str, no: u64) -> bool {
        let payload = match &self.erased {
            // Something else in its place would stand there unnoticed.
            Some(_) if !self.entry.payload.is_empty() => return false,
            Some(digest) => digest.clone(),
            None => self.entry.payload_digest(),
        };
        self.no == no && self.hash == self.entry.chain_hash(previous, no, &payload)
    }
}
