//! Taking histories and sessions away.

use super::state::State;
use crate::{PrincipalId, Scope, SessionKey, StoreError};

impl State {
    /// [`StoreError::Busy`] while a living worker holds the lease of the session's turn.
    pub(super) fn refuse_while_held(&self, key: &SessionKey) -> Result<(), StoreError> {
        let open = self.sessions.get(key).and_then(|session| session.open_turn);
        match open.and_then(|id| self.turns.get(&id)) {
            Some(turn) if !self.is_void(turn) => {
                Err(StoreError::Busy { what: format!("worker {} runs a turn of {key}", turn.worker) })
            }
            _ => Ok(()),
        }
    }

    /// Marks the session's open turn as stopped, by its own first founder where nobody asked for it.
    fn stop_open_turn(&mut self, key: &SessionKey) {
        let open = self.sessions.get(key).and_then(|session| session.open_turn);
        let Some(turn) = open.and_then(|id| self.turns.get_mut(&id)) else { return };
        let founder = turn.founders.first().and_then(|seq| self.rows.get(seq));
        turn.stopped_by = turn.stopped_by.or(founder.map(|row| row.row.inbound.id));
        self.touched = true;
    }

    /// Stops the open turn, waits for nobody, and raises the epoch: what both ways of taking away begin with.
    fn take_away(&mut self, key: &SessionKey) -> Result<(), StoreError> {
        self.stop_open_turn(key);
        self.refuse_while_held(key)?;
        self.epochs += 1;
        self.touched = true;
        let own = [PrincipalId::of_session(key), PrincipalId::of_session_state(key)];
        self.kv.retain(|(owner, _), _| !own.contains(owner));
        Ok(())
    }

    pub(super) fn clear_session(&mut self, scope: &Scope, key: &SessionKey) -> Result<u64, StoreError> {
        if !self.sees(scope, key) || !self.sessions.contains_key(key) {
            return Ok(0);
        }
        self.take_away(key)?;
        self.mark_changed(key);
        let epoch = self.epochs;
        let Some(session) = self.sessions.get_mut(key) else { return Ok(0) };
        session.epoch = epoch;
        session.checkpoints.clear();
        session.message_ids.clear();
        Ok(std::mem::take(&mut session.messages).len() as u64)
    }

    /// Takes messages up to a place away, under the lease of the session's own turn.
    pub(super) fn trim_session(&mut self, key: &SessionKey, upto: u64) {
        self.epochs += 1;
        let epoch = self.epochs;
        let Some(session) = self.sessions.get_mut(key) else { return };
        session.epoch = epoch;
        let (gone, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut session.messages).into_iter().partition(|kept| kept.stored.seq <= upto);
        session.messages = kept;
        for message in gone {
            session.message_ids.remove(&message.stored.message.id);
        }
        session.checkpoints.retain(|checkpoint| checkpoint.summary.is_empty());
        if let Some(turn) = session.open_turn.and_then(|id| self.turns.get_mut(&id)) {
            turn.epoch = epoch;
        }
    }

    pub(super) fn delete_session(&mut self, scope: &Scope, key: &SessionKey) -> Result<bool, StoreError> {
        if !self.sees(scope, key) || !self.sessions.contains_key(key) {
            return Ok(false);
        }
        self.take_away(key)?;
        self.sessions.remove(key);
        self.rows.retain(|_, row| row.row.inbound.session != *key);
        let rows = &self.rows;
        self.row_ids.retain(|_, seq| rows.contains_key(seq));
        let outbox = &mut self.outbox;
        self.turns.retain(|id, turn| {
            let stays = turn.session != *key;
            if !stays {
                outbox.drop_drafts(*id);
            }
            stays
        });
        let turns = &self.turns;
        self.open.retain(|_, id| turns.contains_key(id));
        self.approvals.retain(|_, asked| asked.session != *key);
        let approvals = &self.approvals;
        self.approval_ids.retain(|_, no| approvals.contains_key(no));
        let said: Vec<u64> =
            self.outbox.newest_first().filter(|(_, said)| said.session == *key).map(|(no, _)| no).collect();
        for no in said {
            self.outbox.remove(no);
        }
        self.ledger.forget(key);
        self.erase_audit(key);
        Ok(true)
    }
}
