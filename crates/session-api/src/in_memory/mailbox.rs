//! `Mailbox`: each verb is one operation on the state, and the readers.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{
    InMemoryStore,
    state::{Row, Standing, State},
};
use crate::{
    Accepted, Approval, Backlog, Batch, Control, DeadLetter, Draft, FailOutcome, InboundId, InboundRow,
    InboundState, InboundView, JobLease, LeaseFrom, Mailbox, OutPart, OutboxId, OutboxMessage, Outcome,
    PartClaim, Route, RunNow, Scope, SessionKey, Settled, Settlement, SourceLease, Splitter, Step,
    StoreError, Timestamp, Turn, TurnId, TurnLease, TurnState, TurnView, Undelivered, WorkerId, Writes,
};

/// Whether two routes lead to the same place. Which message is answered there makes no difference.
fn same_place(one: &Route, other: &Route) -> bool {
    let place = |route: &Route| Route { reply_to: None, ..route.clone() };
    place(one) == place(other)
}

impl State {
    fn row(&self, id: InboundId) -> Option<&Row> {
        self.rows.get(self.row_ids.get(&id)?)
    }

    fn inbound_view(&self, id: InboundId) -> Option<InboundView> {
        let row = self.row(id)?;
        let state = match &row.standing {
            Standing::Pending => InboundState::Pending { ahead: self.ahead(row) },
            Standing::Taken(turn) => match self.turns.get(turn).map(|turn| turn.state) {
                Some(TurnState::Suspended) => InboundState::Suspended(*turn),
                _ => InboundState::Running(*turn),
            },
            Standing::Settled { turn, outcome } => InboundState::Settled(Settled {
                turn: *turn,
                outcome: *outcome,
                replies: self.replies(*turn, &row.row.inbound.reply),
            }),
            Standing::Dead { error, .. } => InboundState::Dead { error: error.clone() },
        };
        Some(InboundView { row: row.row.clone(), state })
    }

    /// How many rows of its session stand before a row.
    fn ahead(&self, row: &Row) -> u64 {
        let Some(session) = self.sessions.get(&row.row.inbound.session) else { return 0 };
        let open = session.open_turn.and_then(|id| self.turns.get(&id));
        let taken = open.map_or(0, |turn| turn.founders.len() + turn.absorbed.len());
        (session.pending.range(..row.row.seq).count() + taken) as u64
    }

    fn replies(&self, turn: Option<TurnId>, route: &Route) -> Vec<OutboxMessage> {
        let Some(turn) = turn.and_then(|id| self.turns.get(&id)) else { return Vec::new() };
        let said = turn.said.iter().filter_map(|no| self.outbox.message(*no));
        said.filter(|message| same_place(&message.route, route)).cloned().collect()
    }

    fn dead_letters(&self, scope: &Scope, limit: usize) -> Vec<DeadLetter> {
        let mut dead: Vec<(u64, DeadLetter)> = Vec::new();
        for row in self.rows.values().filter(|row| self.sees(scope, &row.row.inbound.session)) {
            if let Standing::Dead { error, at, no } = &row.standing {
                dead.push((*no, DeadLetter { row: row.row.clone(), error: error.clone(), at: *at }));
            }
        }
        dead.sort_by_key(|(no, _)| *no);
        dead.into_iter().take(limit).map(|(_, letter)| letter).collect()
    }

    /// The row with this id, if it is a dead letter.
    fn dead_row(&mut self, id: InboundId) -> Option<&mut Row> {
        let row = self.rows.get_mut(self.row_ids.get(&id)?)?;
        matches!(row.standing, Standing::Dead { .. }).then_some(row)
    }

    fn redrive(&mut self, id: InboundId) -> bool {
        let Some(row) = self.dead_row(id) else { return false };
        row.attempts = 0;
        let seq = row.row.seq;
        self.put_back(seq);
        self.touched = true;
        true
    }

    fn drop_dead_letter(&mut self, id: InboundId) -> bool {
        let Some(row) = self.dead_row(id) else { return false };
        row.standing = Standing::Settled { turn: None, outcome: Outcome::Refused };
        let seq = row.row.seq;
        self.finish_row(seq);
        self.touched = true;
        true
    }

    fn turn_view(&self, id: TurnId) -> Option<TurnView> {
        let turn = self.turns.get(&id)?;
        let founders = turn.founders.iter().filter_map(|seq| self.rows.get(seq));
        Some(TurnView {
            id,
            session: turn.session.clone(),
            state: turn.state,
            founders: founders.map(|row| row.row.inbound.id).collect(),
            journal: turn.journal.clone(),
            record: turn.record.clone(),
            started_at: turn.started_at,
        })
    }
}

#[async_trait]
impl Mailbox for InMemoryStore {
    async fn claim_source(
        &self,
        worker: WorkerId,
        channel: &str,
        account: &str,
        ttl: Duration,
    ) -> Result<Option<SourceLease>, StoreError> {
        Ok(self.with(|state| state.claim_source(worker, channel, account, ttl)))
    }

    async fn accept(
        &self,
        lease: Option<&SourceLease>,
        batch: Batch,
        run_now: Option<RunNow>,
    ) -> Result<Accepted, StoreError> {
        self.with(|state| state.accept(lease, batch, run_now))
    }

    async fn lease(&self, worker: WorkerId, from: LeaseFrom) -> Result<Option<Turn>, StoreError> {
        self.with(|state| state.lease(worker, &from))
    }

    async fn absorb(&self, lease: &TurnLease) -> Result<Vec<InboundRow>, StoreError> {
        self.with(|state| state.absorb(lease))
    }

    async fn renew(&self, lease: &TurnLease) -> Result<Control, StoreError> {
        self.with(|state| state.renew(lease))
    }

    async fn control(&self, lease: &TurnLease) -> Result<Control, StoreError> {
        self.with(|state| state.control(lease))
    }

    async fn journal(&self, lease: &TurnLease, step: Step, writes: Writes) -> Result<(), StoreError> {
        self.with(|state| state.journal(lease, step, writes))
    }

    async fn suspend(&self, lease: &TurnLease, writes: Writes) -> Result<(), StoreError> {
        self.with(|state| state.suspend(lease, writes))
    }

    async fn commit(&self, lease: &TurnLease, outcome: Outcome, writes: Writes) -> Result<(), StoreError> {
        self.with(|state| state.commit(lease, outcome, writes))
    }

    async fn fail(
        &self,
        lease: &TurnLease,
        error: &str,
        retry_at: Option<Timestamp>,
        writes: Writes,
    ) -> Result<FailOutcome, StoreError> {
        self.with(|state| state.fail(lease, error, retry_at, writes))
    }

    async fn fire(&self, lease: &JobLease, writes: Writes) -> Result<(), StoreError> {
        self.with(|state| state.fire(lease, writes))
    }

    async fn claim_parts(
        &self,
        worker: WorkerId,
        channels: &[String],
        limit: usize,
        splitter: Arc<dyn Splitter>,
    ) -> Result<Vec<PartClaim>, StoreError> {
        self.with(|state| state.claim_parts(worker, channels, limit, splitter.as_ref()))
    }

    async fn settle_part(&self, claim: &PartClaim, settlement: Settlement) -> Result<(), StoreError> {
        self.with(|state| state.settle_part(claim, settlement))
    }

    async fn draft(&self, lease: &TurnLease, draft: Draft) -> Result<(), StoreError> {
        self.with(|state| state.draft(lease, draft))
    }

    async fn changed(&self, since: u64) -> Result<u64, StoreError> {
        self.newer_than(since).await
    }

    async fn inbound(&self, id: InboundId) -> Result<Option<InboundView>, StoreError> {
        Ok(self.with(|state| state.inbound_view(id)))
    }

    async fn approvals(&self, scope: &Scope, open_only: bool) -> Result<Vec<Approval>, StoreError> {
        Ok(self.with(|state| state.list_questions(scope, open_only)))
    }

    async fn dead_letters(&self, scope: &Scope, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        Ok(self.with(|state| state.dead_letters(scope, limit)))
    }

    async fn redrive(&self, id: InboundId) -> Result<bool, StoreError> {
        Ok(self.with(|state| state.redrive(id)))
    }

    async fn drop_dead_letter(&self, id: InboundId) -> Result<bool, StoreError> {
        Ok(self.with(|state| state.drop_dead_letter(id)))
    }

    async fn turn(&self, id: TurnId) -> Result<Option<TurnView>, StoreError> {
        Ok(self.with(|state| state.turn_view(id)))
    }

    async fn outbox(&self, session: &SessionKey, limit: usize) -> Result<Vec<OutboxMessage>, StoreError> {
        Ok(self.with(|state| {
            let said = state.outbox.newest_first().map(|(_, message)| message);
            said.filter(|message| message.session == *session).take(limit).cloned().collect()
        }))
    }

    async fn parts(&self, message: OutboxId) -> Result<Vec<OutPart>, StoreError> {
        Ok(self.with(|state| state.parts(message)))
    }

    async fn undelivered(&self, scope: &Scope, limit: usize) -> Result<Vec<Undelivered>, StoreError> {
        Ok(self.with(|state| state.undelivered(scope, limit)))
    }

    async fn resend(&self, message: OutboxId) -> Result<bool, StoreError> {
        Ok(self.with(|state| state.resend(message)))
    }

    async fn drop_undelivered(&self, message: OutboxId) -> Result<bool, StoreError> {
        Ok(self.with(|state| state.drop_undelivered(message)))
    }

    async fn pending(&self, session: &SessionKey, limit: usize) -> Result<Vec<InboundRow>, StoreError> {
        Ok(self.with(|state| {
            let pending = state.sessions.get(session).map(|session| session.pending.iter().copied());
            let first: Vec<u64> = pending.into_iter().flatten().take(limit).collect();
            state.inbound_rows(&first)
        }))
    }

    async fn overdue(&self, before: Timestamp, limit: usize) -> Result<Vec<InboundRow>, StoreError> {
        Ok(self.with(|state| state.overdue(before, limit)))
    }

    async fn give_up(&self, id: InboundId, outcome: Outcome, writes: Writes) -> Result<bool, StoreError> {
        self.with(|state| state.give_up(id, outcome, writes))
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        Ok(self.with(|state| state.backlog()))
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.with(|state| state.next_due()))
    }
}
