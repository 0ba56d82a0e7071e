//! The audit log, for whoever looks after it.

use session_api::{AuditRow, AuditVerdict, SessionKey, TurnId};

use super::Factotum;
use crate::AgentError;

/// Most rows that one look goes through.
const MOST: usize = 100_000;

impl Factotum {
    /// Whether the audit log is whole.
    ///
    /// # Errors
    /// The store's.
    pub async fn verify_audit(&self) -> Result<AuditVerdict, AgentError> {
        Ok(self.ports.stores.audit.audit_verify().await?)
    }

    /// The newest rows, newest first: of one conversation or all, of one turn or all. What can be read in them names no
    /// secret.
    ///
    /// # Errors
    /// The store's.
    pub async fn audit(
        &self,
        session: Option<&SessionKey>,
        turn: Option<TurnId>,
        limit: usize,
    ) -> Result<Vec<AuditRow>, AgentError> {
        let looked_at = if turn.is_some() { MOST } else { limit.min(MOST) };
        let mut rows = self.ports.stores.audit.audit_rows(session, looked_at).await?;
        rows.retain(|row| turn.is_none() || row.entry.turn == turn);
        rows.truncate(limit);
        for row in &mut rows {
            row.entry.payload = self.ports.redact.redact(&row.entry.payload).into_owned();
        }
        Ok(rows)
    }
}
