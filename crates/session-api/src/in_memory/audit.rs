//! `AuditLog`.

use std::collections::HashMap;

use async_trait::async_trait;

use super::{InMemoryStore, state::State};
use crate::{AuditEntry, AuditLog, AuditRow, AuditVerdict, SessionKey, StoreError};

impl State {
    pub(super) fn append_audit(&mut self, entry: AuditEntry) {
        let (no, hash) = self.audit_tails.entry(entry.session.clone()).or_default();
        *no += 1;
        *hash = entry.chain_hash(hash, *no);
        self.audit.push(AuditRow { no: *no, hash: hash.clone(), entry });
    }

    fn verify_audit(&self) -> AuditVerdict {
        let mut tails: HashMap<&SessionKey, (u64, &str)> = HashMap::new();
        for row in &self.audit {
            let (no, hash) = tails.entry(&row.entry.session).or_default();
            let expected = row.entry.chain_hash(hash, *no + 1);
            if (row.no, &row.hash) != (*no + 1, &expected) {
                return AuditVerdict::Broken { session: row.entry.session.clone(), no: row.no };
            }
            (*no, *hash) = (row.no, &row.hash);
        }
        AuditVerdict::Intact { rows: self.audit.len() as u64 }
    }
}

#[async_trait]
impl AuditLog for InMemoryStore {
    async fn audit_rows(
        &self,
        session: Option<&SessionKey>,
        limit: usize,
    ) -> Result<Vec<AuditRow>, StoreError> {
        Ok(self.with(|state| {
            let rows = state.audit.iter().rev();
            rows.filter(|row| session.is_none_or(|only| row.entry.session == *only))
                .take(limit)
                .cloned()
                .collect()
        }))
    }

    async fn audit_about(&self, subject: &str, limit: usize) -> Result<Vec<AuditRow>, StoreError> {
        Ok(self.with(|state| {
            let rows = state.audit.iter().rev();
            rows.filter(|row| row.entry.subject == subject).take(limit).cloned().collect()
        }))
    }

    async fn audit_verify(&self) -> Result<AuditVerdict, StoreError> {
        Ok(self.with(|state| state.verify_audit()))
    }
}
