//! What a lease holder does with its turn.

use super::{
    state::{Standing, State, TurnRow},
    verdict::{invalid, stale},
    writes::Origin,
};
use crate::{
    ApprovalWrite, Control, Draft, FailOutcome, InboundRow, JournalEntry, Outcome, Step, StepKind,
    StoreError, Timestamp, TurnId, TurnLease, TurnState, Writes,
};

impl State {
    /// The turn, if this lease still gives the right to it.
    fn held(&self, lease: &TurnLease) -> Result<&TurnRow, StoreError> {
        let turn = self.turns.get(&lease.turn).ok_or_else(|| stale("the turn is gone"))?;
        if (turn.worker, turn.token) != (lease.worker, lease.token) {
            return Err(stale("another worker has the turn"));
        }
        if self.is_void(turn) {
            return Err(stale("the turn has ended or its lease has run out"));
        }
        let epoch = self.sessions.get(&turn.session).map(|session| session.epoch);
        if epoch != Some(turn.epoch) {
            return Err(stale("the session's history was taken away"));
        }
        Ok(turn)
    }

    pub(super) fn control(&self, lease: &TurnLease) -> Result<Control, StoreError> {
        let turn = self.held(lease)?;
        let steering = !self.joining(&turn.session, turn.worker).is_empty();
        Ok(Control { stopped_by: turn.stopped_by, steering })
    }

    pub(super) fn renew(&mut self, lease: &TurnLease) -> Result<Control, StoreError> {
        let control = self.control(lease)?;
        let until = self.uptime.saturating_add(self.policy.ttl);
        if let Some(turn) = self.turns.get_mut(&lease.turn) {
            turn.until = until;
        }
        Ok(control)
    }

    pub(super) fn absorb(&mut self, lease: &TurnLease) -> Result<Vec<InboundRow>, StoreError> {
        let turn = self.held(lease)?;
        let joining = self.joining(&turn.session, turn.worker);
        if joining.is_empty() {
            return Ok(Vec::new());
        }
        for seq in &joining {
            if let Some(row) = self.rows.get_mut(seq) {
                row.standing = Standing::Taken(lease.turn);
            }
            if let Some(session) = self.sessions.get_mut(&lease.session) {
                session.pending.remove(seq);
            }
        }
        let rows = self.inbound_rows(&joining);
        if let Some(turn) = self.turns.get_mut(&lease.turn) {
            turn.absorbed.extend(joining);
        }
        let inbound = rows.iter().map(|row| row.inbound.id).collect();
        self.append_step(lease.turn, Step { kind: StepKind::Absorbed { inbound }, durable: false });
        self.touched = true;
        Ok(rows)
    }

    pub(super) fn journal(
        &mut self,
        lease: &TurnLease,
        step: Step,
        writes: Writes,
    ) -> Result<(), StoreError> {
        self.held(lease)?;
        let origin = Origin::turn(lease);
        self.validate(&origin, &writes)?;
        self.apply(&origin, writes);
        // A turn that crashes each time it is taken up would otherwise never run out of attempts.
        if !matches!(step.kind, StepKind::Resumed { .. })
            && let Some(turn) = self.turns.get_mut(&lease.turn)
        {
            turn.attempts = 0;
        }
        self.append_step(lease.turn, step);
        self.touched = true;
        Ok(())
    }

    pub(super) fn suspend(&mut self, lease: &TurnLease, writes: Writes) -> Result<(), StoreError> {
        self.held(lease)?;
        if !writes.approvals.iter().any(|write| matches!(write, ApprovalWrite::Ask(_))) {
            return Err(invalid("a turn is suspended for at least one question"));
        }
        let origin = Origin::turn(lease);
        self.validate(&origin, &writes)?;
        self.apply(&origin, writes);
        self.append_step(lease.turn, Step { kind: StepKind::Suspended, durable: true });
        if let Some(turn) = self.turns.get_mut(&lease.turn) {
            turn.state = TurnState::Suspended;
            turn.attempts = 0;
        }
        self.touched = true;
        Ok(())
    }

    pub(super) fn commit(
        &mut self,
        lease: &TurnLease,
        outcome: Outcome,
        writes: Writes,
    ) -> Result<(), StoreError> {
        self.held(lease)?;
        let origin = Origin::commit(lease);
        self.validate(&origin, &writes)?;
        self.apply(&origin, writes);
        let (founders, absorbed) = self.end(lease.turn, TurnState::Done);
        for seq in founders.into_iter().chain(absorbed) {
            if let Some(row) = self.rows.get_mut(&seq) {
                row.standing = Standing::Settled { turn: Some(lease.turn), outcome };
            }
        }
        self.finish_turn(lease.turn);
        Ok(())
    }

    pub(super) fn fail(
        &mut self,
        lease: &TurnLease,
        error: &str,
        retry_at: Option<Timestamp>,
        writes: Writes,
    ) -> Result<FailOutcome, StoreError> {
        let attempts = self.held(lease)?.attempts;
        let origin = Origin::turn(lease);
        self.validate(&origin, &writes)?;
        self.apply(&origin, writes);
        let again = retry_at.filter(|_| attempts < self.policy.max_attempts);
        let retry_at = again.map(|at| self.uptime.saturating_add(at.since(self.now)));
        let (founders, absorbed) = self.end(lease.turn, TurnState::Failed);
        for seq in absorbed {
            self.put_back(seq);
        }
        for seq in founders {
            if let Some(at) = retry_at {
                self.put_back(seq);
                if let Some(row) = self.rows.get_mut(&seq) {
                    (row.attempts, row.retry_at) = (attempts, Some(at));
                    row.failed_turn = Some(lease.turn);
                }
            } else {
                let (no, at) = (self.next(), self.now);
                if let Some(row) = self.rows.get_mut(&seq) {
                    row.standing = Standing::Dead { error: error.to_owned(), at, no };
                }
            }
        }
        self.finish_turn(lease.turn);
        Ok(if retry_at.is_some() { FailOutcome::Retry } else { FailOutcome::Dead })
    }

    pub(super) fn draft(&mut self, lease: &TurnLease, draft: Draft) -> Result<(), StoreError> {
        self.held(lease)?;
        self.outbox.put_draft(lease.turn, draft);
        Ok(())
    }

    /// Makes a row pending again, in its old place.
    pub(super) fn put_back(&mut self, seq: u64) {
        let Some(row) = self.rows.get_mut(&seq) else { return };
        row.standing = Standing::Pending;
        if let Some(session) = self.sessions.get_mut(&row.row.inbound.session) {
            session.pending.insert(seq);
        }
    }

    fn append_step(&mut self, id: TurnId, step: Step) {
        let at = self.now;
        if let Some(turn) = self.turns.get_mut(&id) {
            turn.journal.push(JournalEntry { no: turn.journal.len() as u64, at, step });
        }
    }

    /// Closes a turn; its founders and absorbed rows are the caller's.
    fn end(&mut self, id: TurnId, state: TurnState) -> (Vec<u64>, Vec<u64>) {
        self.touched = true;
        self.close_questions(id);
        self.ledger.abandon(id);
        let Some(turn) = self.turns.get_mut(&id) else { return Default::default() };
        turn.state = state;
        if state == TurnState::Done {
            turn.record = None;
        }
        self.open.remove(&turn.no);
        let rows = (turn.founders.clone(), turn.absorbed.clone());
        let key = turn.session.clone();
        if let Some(session) = self.sessions.get_mut(&key) {
            session.open_turn = None;
        }
        self.mark_changed(&key);
        rows
    }
}
