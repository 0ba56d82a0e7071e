//! Who gets which turn next.

use std::time::Duration;

use super::{
    state::{Row, Session, Standing, State, TurnRow},
    verdict::stale,
};
use crate::{
    InboundKind, InboundRow, LeaseFrom, RunOverrides, Runner, SessionKey, StoreError, Timestamp, Turn,
    TurnId, TurnLease, TurnState, WhenBusy, WorkerId,
};

impl State {
    pub(super) fn lease(&mut self, worker: WorkerId, from: &LeaseFrom) -> Result<Option<Turn>, StoreError> {
        if self.dead.contains(&worker) {
            return Err(stale("the worker was declared dead"));
        }
        self.expire_questions();
        if let Some(id) = self.resumable(worker, from) {
            return Ok(self.take(id, worker));
        }
        let next = self.next_founders(worker, from);
        Ok(next.and_then(|(key, founders)| self.begin(worker, key, founders)))
    }

    /// Leases the row that was just accepted, if nothing of its session stands before it.
    pub(super) fn run_now(&mut self, worker: WorkerId, seq: u64) -> Option<Turn> {
        let key = self.rows.get(&seq)?.row.inbound.session.clone();
        let session = self.sessions.get(&key)?;
        let first = self.head(session)?;
        let free = session.open_turn.is_none() && first.row.seq == seq && !self.dead.contains(&worker);
        if free && self.may_run(worker, first.row.inbound.runner) {
            return self.begin(worker, key, vec![seq]);
        }
        None
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let after = |wait: Duration| self.now.plus(wait);
        let open =
            self.open.values().filter_map(|id| self.turns.get(id)).filter_map(|turn| match turn.state {
                TurnState::Running => Some(after(turn.until.saturating_sub(self.uptime))),
                TurnState::Suspended => {
                    let questions = turn.approvals.iter().filter_map(|no| self.approvals.get(no));
                    questions.map(|question| question.expires_at).min()
                }
                TurnState::Done | TurnState::Failed => None,
            });
        let waiting =
            self.sessions.values().filter(|session| session.open_turn.is_none()).filter_map(|session| {
                let first = self.rows.get(session.pending.first()?)?;
                let window = first.arrived.saturating_add(first.row.inbound.coalesce.unwrap_or_default());
                Some(after(first.retry_at.unwrap_or(window).saturating_sub(self.uptime)))
            });
        open.chain(waiting).min()
    }

    fn reaches(&self, from: &LeaseFrom, key: &SessionKey) -> bool {
        match from {
            LeaseFrom::Any => true,
            LeaseFrom::Sessions(roots) => self.descends(key, roots),
        }
    }

    pub(super) fn may_run(&self, worker: WorkerId, runner: Runner) -> bool {
        match runner {
            Runner::Any => true,
            Runner::Only(only) => only == worker || self.dead.contains(&only),
        }
    }

    /// Whether nobody holds a valid lease of this turn.
    pub(super) fn is_void(&self, turn: &TurnRow) -> bool {
        turn.state != TurnState::Running || self.uptime >= turn.until || self.dead.contains(&turn.worker)
    }

    /// The first turn that was begun and waits for nobody.
    fn resumable(&self, worker: WorkerId, from: &LeaseFrom) -> Option<TurnId> {
        let ready = |turn: &TurnRow| match turn.state {
            TurnState::Suspended => turn.stopped_by.is_some() || !self.is_waiting(&turn.approvals),
            _ => self.is_void(turn),
        };
        let allowed = |turn: &TurnRow| {
            let first = turn.founders.first().and_then(|seq| self.rows.get(seq));
            first.is_none_or(|row| self.may_run(worker, row.row.inbound.runner))
        };
        self.open.values().copied().find(|id| {
            self.turns
                .get(id)
                .is_some_and(|turn| ready(turn) && allowed(turn) && self.reaches(from, &turn.session))
        })
    }

    /// The session whose turn it is, with the rows of its next turn. A session's place is when it began to wait or was
    /// last served, whichever is later.
    fn next_founders(&self, worker: WorkerId, from: &LeaseFrom) -> Option<(SessionKey, Vec<u64>)> {
        let mut next: Option<(u64, &SessionKey, Vec<u64>)> = None;
        for (key, session) in &self.sessions {
            let Some(first) = session.pending.first().filter(|_| session.open_turn.is_none()) else {
                continue;
            };
            let place = session.served.max(*first);
            if next.as_ref().is_some_and(|(best, ..)| *best < place) || !self.reaches(from, key) {
                continue;
            }
            if let Some(founders) = self.founders(session, worker) {
                next = Some((place, key, founders));
            }
        }
        next.map(|(_, key, founders)| (key.clone(), founders))
    }

    fn is_held_back(&self, row: &Row) -> bool {
        row.retry_at.is_some_and(|at| self.uptime < at)
    }

    /// The row that is next in its session: the first one, or the first that passes where the first one is in back-off.
    fn head<'a>(&'a self, session: &'a Session) -> Option<&'a Row> {
        let mut pending = session.pending.iter().filter_map(|seq| self.rows.get(seq));
        let first = pending.next()?;
        if !self.is_held_back(first) {
            return Some(first);
        }
        pending.find(|row| row.row.inbound.kind.passes_back_off() && !self.is_held_back(row))
    }

    /// The rows of a session's next turn, if they need not wait and this worker may run them.
    fn founders(&self, session: &Session, worker: WorkerId) -> Option<Vec<u64>> {
        let head = self.head(session)?;
        let first = &head.row.inbound;
        if !self.may_run(worker, first.runner) {
            return None;
        }
        let window = first.coalesce.filter(|_| first.kind == InboundKind::Message);
        let Some(window) = window else { return Some(vec![head.row.seq]) };
        // Whoever cannot join waits for nobody but those before it.
        let gathers =
            |row: &Row| row.row.inbound.kind == InboundKind::Message && row.row.inbound.coalesce.is_some();
        let mut waiting = session.pending.iter().filter_map(|seq| self.rows.get(seq));
        if self.uptime < head.arrived.saturating_add(window) && waiting.all(gathers) {
            return None;
        }
        let joins = |row: &&Row| {
            let inbound = &row.row.inbound;
            inbound.kind == InboundKind::Message
                && inbound.coalesce.is_some()
                && inbound.runner == first.runner
                && inbound.overrides == first.overrides
                && !self.is_held_back(row)
        };
        let behind = session.pending.range(head.row.seq..).filter_map(|seq| self.rows.get(seq));
        Some(behind.take_while(joins).map(|row| row.row.seq).collect())
    }

    /// Makes a turn of rows that wait, and leases it.
    fn begin(&mut self, worker: WorkerId, key: SessionKey, founders: Vec<u64>) -> Option<Turn> {
        let id = TurnId::new(self.ids.as_ref());
        let no = self.next();
        let session = self.sessions.get_mut(&key)?;
        session.open_turn = Some(id);
        let (epoch, mut attempts) = (session.epoch, 0);
        for seq in &founders {
            session.pending.remove(seq);
            if let Some(row) = self.rows.get_mut(seq) {
                row.standing = Standing::Taken(id);
                row.retry_at = None;
                attempts = attempts.max(row.attempts);
                if let Some(failed) = row.failed_turn.take() {
                    self.outbox.inherit_drafts(failed, id);
                }
            }
        }
        let turn = TurnRow {
            session: key,
            state: TurnState::Running,
            no,
            worker,
            token: 0,
            epoch,
            until: self.uptime,
            founders,
            absorbed: Vec::new(),
            record: None,
            journal: Vec::new(),
            approvals: Vec::new(),
            said: Vec::new(),
            attempts,
            stopped_by: None,
            started_at: self.now,
        };
        self.turns.insert(id, turn);
        self.open.insert(no, id);
        self.take(id, worker)
    }

    /// Gives the lease of an open turn to `worker` and counts the attempt.
    fn take(&mut self, id: TurnId, worker: WorkerId) -> Option<Turn> {
        let token = self.next();
        self.ledger.abandon(id);
        let turn = self.turns.get_mut(&id)?;
        if let Some(session) = self.sessions.get_mut(&turn.session) {
            turn.epoch = session.epoch;
            session.served = token;
        }
        turn.state = TurnState::Running;
        (turn.worker, turn.token) = (worker, token);
        turn.until = self.uptime.saturating_add(self.policy.ttl);
        turn.attempts = turn.attempts.saturating_add(1);
        self.touched = true;
        let turn = self.turns.get(&id)?;
        Some(Turn {
            lease: TurnLease {
                turn: id,
                session: turn.session.clone(),
                worker,
                token,
                epoch: turn.epoch,
                expires_at: self.now.plus(self.policy.ttl),
            },
            founders: self.inbound_rows(&turn.founders),
            absorbed: self.inbound_rows(&turn.absorbed),
            record: turn.record.clone(),
            journal: turn.journal.clone(),
            approvals: turn.approvals.iter().filter_map(|no| self.approvals.get(no)).cloned().collect(),
            drafts: self.outbox.drafts_of(id),
            attempt: turn.attempts,
            exhausted: turn.attempts > self.policy.max_attempts,
            stopped_by: turn.stopped_by,
            started_at: turn.started_at,
        })
    }

    pub(super) fn inbound_rows(&self, seqs: &[u64]) -> Vec<InboundRow> {
        seqs.iter().filter_map(|seq| self.rows.get(seq)).map(|row| row.row.clone()).collect()
    }

    /// The rows at the head of a session that may join its running turn.
    pub(super) fn joining(&self, key: &SessionKey, worker: WorkerId) -> Vec<u64> {
        let Some(session) = self.sessions.get(key) else { return Vec::new() };
        let joins = |row: &&Row| {
            let inbound = &row.row.inbound;
            matches!(inbound.kind, InboundKind::Message | InboundKind::Result { .. })
                && inbound.overrides == RunOverrides::default()
                && inbound.busy == WhenBusy::Steer
                && self.may_run(worker, inbound.runner)
                && !self.is_held_back(row)
        };
        let pending = session.pending.iter().filter_map(|seq| self.rows.get(seq));
        pending.take_while(joins).map(|row| row.row.seq).collect()
    }
}
