//! The audit log: who did what, in a chain that shows when a row was changed or taken away.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

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
    /// The entry.
    pub entry: AuditEntry,
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
    },
    /// A chain is broken at this row.
    Broken {
        /// The conversation.
        session: SessionKey,
        /// The first row that does not fit.
        no: u64,
    },
}

/// Reads the audit log. Rows are appended through [`Writes`](crate::Writes), one chain for each session.
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

    /// Checks every chain from its first row.
    async fn audit_verify(&self) -> Result<AuditVerdict, StoreError>;
}

impl AuditEntry {
    /// The hash of this entry at place `no` after `previous` (empty for the first): the one definition of the chain.
    /// It covers the digest of `payload`, not its text.
    #[must_use]
    pub fn chain_hash(&self, previous: &str, no: u64) -> String {
        use sha2::{Digest, Sha256};
        let payload = hex::encode(Sha256::digest(self.payload.as_bytes()));
        let turn = self.turn.map(|turn| turn.to_string()).unwrap_or_default();
        let mut hasher = Sha256::new();
        for field in [
            previous,
            &no.to_string(),
            &self.at.to_string(),
            &self.session.to_string(),
            &turn,
            &self.principal.0,
            &self.kind,
            &self.subject,
            &payload,
            &self.millis.to_string(),
        ] {
            // Length first, so that moving bytes from one field to the next changes the hash.
            hasher.update((field.len() as u64).to_be_bytes());
            hasher.update(field.as_bytes());
        }
        hex::encode(hasher.finalize())
    }
}
