//! Reads and checks the audit log.

use async_trait::async_trait;
use session_api::{AuditEntry, AuditLog, AuditRow, AuditVerdict, SessionKey, StoreError};

use crate::{
    encode::{Reading, each, limit},
    open::SqliteStore,
    script::Script,
};

/// Rows checked between two looks at the store, so that a long check holds up no checkpoint.
const PAGE: usize = 1000;

fn audit_row(row: &Reading<'_>) -> Result<AuditRow, StoreError> {
    Ok(AuditRow { no: row.uint(0)?, hash: row.text(1)?, entry: row.json(2)? })
}

#[async_trait]
impl AuditLog for SqliteStore {
    async fn audit_rows(
        &self,
        session: Option<&SessionKey>,
        most: usize,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let script = match session {
            Some(key) => {
                let mut script = Script::new(
                    "SELECT place, hash, body FROM audit WHERE session = ? ORDER BY place DESC LIMIT ?",
                );
                script.bind(key.to_string()).bind(limit(most));
                script
            }
            None => {
                let mut script = Script::new("SELECT place, hash, body FROM audit ORDER BY no DESC LIMIT ?");
                script.bind(limit(most));
                script
            }
        };
        let rows = self.read(script).await?.take(0);
        each(&self.shared.layout.database, &rows, audit_row)
    }

    async fn audit_about(&self, subject: &str, most: usize) -> Result<Vec<AuditRow>, StoreError> {
        let mut script =
            Script::new("SELECT place, hash, body FROM audit WHERE subject = ? ORDER BY no DESC LIMIT ?");
        script.bind(subject).bind(limit(most));
        let rows = self.read(script).await?.take(0);
        each(&self.shared.layout.database, &rows, audit_row)
    }

    async fn audit_verify(&self) -> Result<AuditVerdict, StoreError> {
        let (mut session, mut place, mut previous) = (String::new(), 0i64, String::new());
        let mut checked = 0;
        loop {
            let mut script = Script::new(
                "SELECT session, place, hash, body FROM audit WHERE (session, place) > (?, ?)
                 ORDER BY session, place LIMIT ?",
            );
            script.bind(session.as_str()).bind(place).bind(limit(PAGE));
            let rows = self.read(script).await?.take(0);
            for row in &rows {
                let row = Reading { file: &self.shared.layout.database, row };
                let (name, no, hash) = (row.text(0)?, row.int(1)?, row.text(2)?);
                if name != session {
                    (session, place) = (name, 0);
                    previous.clear();
                }
                // A body that cannot be read is a broken chain, too: this is where that is said.
                let expected = row
                    .json::<AuditEntry>(3)
                    .map(|entry| entry.chain_hash(&previous, row.uint(1).unwrap_or(0)));
                if no != place + 1 || expected.ok().as_deref() != Some(hash.as_str()) {
                    return Ok(AuditVerdict::Broken { session: row.parsed(0)?, no: row.uint(1)? });
                }
                (place, previous) = (no, hash);
                checked += 1;
            }
            if rows.len() < PAGE {
                return Ok(AuditVerdict::Intact { rows: checked });
            }
        }
    }
}
