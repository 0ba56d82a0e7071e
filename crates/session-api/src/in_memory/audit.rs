//! `AuditLog`.

use std::collections::HashMap;

use async_trait::async_trait;

use super::{InMemoryStore, state::State};
use crate::{AuditEntry, AuditHead, AuditLog, AuditRow, AuditVerdict, SessionKey, StoreError};

impl State {
    pub(super) fn append_audit(&mut self, entry: AuditEntry) {
        let (no, hash) = self.audit_tails.entry(entry.session.clone()).or_default();
        *no += 1;
        *hash = entry.chain_hash(hash, *no, &entry.payload_digest());
        let head = AuditHead::after(self.audit_heads.last(), &entry, *no, hash);
        self.audit_heads.pop_if(|last| last.day == head.day);
        self.audit_heads.push(head);
        self.audit.push(AuditRow { no: *no, hash: hash.clone(), entry, erased: None });
    }

    /// Takes the payloads of a session's rows away, and says so.
    pub(super) fn erase_audit(&mut self, session: &SessionKey) {
        let mut erased = 0;
        for row in self.audit.iter_mut().filter(|row| row.entry.session == *session && row.erased.is_none()) {
            row.erased = Some(row.entry.payload_digest());
            row.entry.payload.clear();
            erased += 1;
        }
        if erased > 0 {
            self.append_audit(AuditEntry::of_erasure(session.clone(), self.now, erased));
        }
    }

    fn verify_audit(&self) -> AuditVerdict {
        let mut tails: HashMap<&SessionKey, (u64, &str)> = HashMap::new();
        let mut heads: Vec<AuditHead> = Vec::new();
        for row in &self.audit {
            let (no, hash) = tails.entry(&row.entry.session).or_default();
            if !row.follows(hash, *no + 1) {
                return AuditVerdict::Broken { session: row.entry.session.clone(), no: row.no };
            }
            (*no, *hash) = (row.no, &row.hash);
            let head = AuditHead::after(heads.last(), &row.entry, row.no, &row.hash);
            heads.pop_if(|last| last.day == head.day);
            heads.push(head);
        }
        let differs = |(at, kept): (usize, &AuditHead)| (heads.get(at) != Some(kept)).then_some(at);
        match self.audit_heads.iter().enumerate().find_map(differs) {
            Some(at) => AuditVerdict::Cut {
                head: self.audit_heads.get(at).cloned(),
                found: heads.get(at).map_or(0, |head| head.rows),
            },
            None => {
                AuditVerdict::Intact { rows: self.audit.len() as u64, head: self.audit_heads.last().cloned() }
            }
        }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{LeasePolicy, PrincipalId, SequentialIds, Timestamp};

    const DAY: i64 = 24 * 60 * 60 * 1000;

    /// Three days, two conversations.
    fn log() -> State {
        let mut state = State::new(Arc::new(SequentialIds::default()), LeasePolicy::default());
        for (at, chat) in [(0, "a"), (1, "b"), (DAY, "a"), (3 * DAY, "b"), (2 * DAY, "a"), (3 * DAY + 1, "b")]
        {
            let key =
                SessionKey { channel: "c".into(), account: "x".into(), chat: chat.into(), thread: None };
            state.append_audit(AuditEntry {
                at: Timestamp(at),
                session: key,
                turn: None,
                principal: PrincipalId("owner".into()),
                kind: "tool.ok".into(),
                subject: "exec".into(),
                payload: format!("{at}"),
                millis: 1,
            });
        }
        state
    }

    #[test]
    fn whatever_is_taken_away_is_noticed() {
        let whole = log();
        assert!(matches!(whole.verify_audit(), AuditVerdict::Intact { rows: 6, head: Some(_) }));
        let rows: Vec<u64> = whole.audit_heads.iter().map(|head| head.rows).collect();
        assert_eq!(rows, [2, 1, 3], "a clock that was set back opens no day again");
        for gone in 0..6 {
            let mut state = log();
            state.audit.remove(gone);
            assert!(!matches!(state.verify_audit(), AuditVerdict::Intact { .. }), "row {gone}");
        }
        let mut state = log();
        state.audit.retain(|row| row.entry.session.chat != "b");
        let AuditVerdict::Cut { head: Some(head), found } = state.verify_audit() else { panic!() };
        assert_eq!((head.day, head.rows, found), (0, 2, 1));
        let mut state = log();
        state.audit.truncate(3);
        let AuditVerdict::Cut { head: Some(head), found } = state.verify_audit() else { panic!() };
        assert_eq!((head.day, head.rows, found), (3, 3, 0));
    }

    #[test]
    fn a_payload_that_was_taken_away_may_not_come_back_as_another() {
        let mut state = log();
        let session = state.audit[0].entry.session.clone();
        state.erase_audit(&session);
        assert!(matches!(state.verify_audit(), AuditVerdict::Intact { rows: 7, .. }));
        state.audit[0].entry.payload = "another".into();
        assert!(matches!(state.verify_audit(), AuditVerdict::Broken { no: 1, .. }));
    }
}
