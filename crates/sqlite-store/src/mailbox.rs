//! The ports of conversations: each verb goes to the file of its subject.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use session_api::{
    Accepted, Approval, Backlog, Batch, Checkpoint, Control, DeadLetter, Draft, FailOutcome, InboundId,
    InboundRow, InboundView, JobLease, LeaseFrom, Mailbox, Message, MessageId, OutPart, OutboxId,
    OutboxMessage, Outcome, Page, PartClaim, PrincipalId, RunNow, Scope, SearchHit, SessionInfo, SessionKey,
    SessionStore, Settlement, SourceLease, Splitter, Step, StoreError, StoredMessage, Timestamp, Turn,
    TurnId, TurnLease, TurnView, Undelivered, Window, WindowBudget, WorkerId, Writes,
};

use crate::{
    accept, approvals, claim, end,
    erase::{self, Taken},
    history, lease, liveness, memory,
    open::SqliteStore,
    outbox, overdue, quiet, settle, source, steps, undelivered, views,
    writer::Grade,
};

#[async_trait]
impl Mailbox for SqliteStore {
    async fn claim_source(
        &self,
        worker: WorkerId,
        channel: &str,
        account: &str,
        ttl: Duration,
    ) -> Result<Option<SourceLease>, StoreError> {
        let (channel, account) = (channel.to_owned(), account.to_owned());
        self.write(Grade::QUIET, move |tx| Box::pin(source::claim(tx, worker, channel, account, ttl))).await
    }

    async fn accept(
        &self,
        lease: Option<&SourceLease>,
        batch: Batch,
        run_now: Option<RunNow>,
    ) -> Result<Accepted, StoreError> {
        let lease = lease.cloned();
        self.write(Grade::DURABLE, move |tx| Box::pin(accept::accept(tx, lease, batch, run_now))).await
    }

    async fn lease(&self, worker: WorkerId, from: LeaseFrom) -> Result<Option<Turn>, StoreError> {
        let any = from == LeaseFrom::Any;
        if any && quiet::nothing_to_lease(self, worker).await? {
            return Ok(None);
        }
        let turn = self.write(Grade::QUIET, move |tx| Box::pin(lease::lease(tx, worker, from))).await?;
        if any {
            self.shared.quiet.leased(turn.is_none());
        }
        Ok(turn)
    }

    async fn absorb(&self, lease: &TurnLease) -> Result<Vec<InboundRow>, StoreError> {
        let lease = lease.clone();
        self.write(Grade::QUIET, move |tx| Box::pin(steps::absorb(tx, lease))).await
    }

    async fn renew(&self, lease: &TurnLease) -> Result<Control, StoreError> {
        let lease = lease.clone();
        self.write(Grade::QUIET, move |tx| Box::pin(steps::renew(tx, lease))).await
    }

    async fn control(&self, lease: &TurnLease) -> Result<Control, StoreError> {
        let mut found = self.snapshot(steps::ask_control(lease, self.now().0)).await?;
        let (held, first) = (found.first(0), found.first(1));
        let (file, run) = (&self.shared.layout.database, &self.shared.layout.run);
        let lives = |worker| worker == self.shared.worker || liveness::lives(run, worker);
        steps::control_of(file, lease, held, first, lives)
    }

    async fn journal(&self, lease: &TurnLease, step: Step, writes: Writes) -> Result<(), StoreError> {
        let lease = lease.clone();
        // A record alone is news for nobody.
        let wakes = !Writes { record: None, ..writes.clone() }.is_empty();
        let grade = Grade { durable: step.durable, wakes };
        self.write(grade, move |tx| Box::pin(steps::journal(tx, lease, step, writes))).await
    }

    async fn suspend(&self, lease: &TurnLease, writes: Writes) -> Result<(), StoreError> {
        let lease = lease.clone();
        self.write(Grade::DURABLE, move |tx| Box::pin(steps::suspend(tx, lease, writes))).await
    }

    async fn commit(&self, lease: &TurnLease, outcome: Outcome, writes: Writes) -> Result<(), StoreError> {
        let lease = lease.clone();
        self.write(Grade::DURABLE, move |tx| Box::pin(end::commit(tx, lease, outcome, writes))).await
    }

    async fn fail(
        &self,
        lease: &TurnLease,
        error: &str,
        retry_at: Option<Timestamp>,
        writes: Writes,
    ) -> Result<FailOutcome, StoreError> {
        let (lease, error) = (lease.clone(), error.to_owned());
        self.write(Grade::DURABLE, move |tx| Box::pin(end::fail(tx, lease, error, retry_at, writes))).await
    }

    async fn fire(&self, lease: &JobLease, writes: Writes) -> Result<(), StoreError> {
        let lease = lease.clone();
        self.write(Grade::DURABLE, move |tx| Box::pin(end::fire(tx, lease, writes))).await
    }

    async fn claim_parts(
        &self,
        worker: WorkerId,
        channels: &[String],
        limit: usize,
        splitter: Arc<dyn Splitter>,
    ) -> Result<Vec<PartClaim>, StoreError> {
        if quiet::nothing_to_send(self, channels).await? {
            return Ok(Vec::new());
        }
        let named = channels.to_vec();
        let claims = self
            .write(Grade::QUIET, move |tx| Box::pin(claim::claim(tx, worker, named, limit, splitter)))
            .await?;
        self.shared.quiet.claimed(channels, claims.is_empty());
        Ok(claims)
    }

    async fn settle_part(&self, claim: &PartClaim, settlement: Settlement) -> Result<(), StoreError> {
        let claim = claim.clone();
        self.write(Grade::NEWS, move |tx| Box::pin(settle::settle(tx, claim, settlement))).await
    }

    async fn draft(&self, lease: &TurnLease, draft: Draft) -> Result<(), StoreError> {
        let lease = lease.clone();
        self.write(Grade::QUIET, move |tx| Box::pin(steps::draft(tx, lease, draft))).await
    }

    async fn changed(&self, since: u64) -> Result<u64, StoreError> {
        Ok(self.shared.wake.changed(since).await)
    }

    async fn inbound(&self, id: InboundId) -> Result<Option<InboundView>, StoreError> {
        views::inbound(self, id).await
    }

    async fn pending(&self, session: &SessionKey, limit: usize) -> Result<Vec<InboundRow>, StoreError> {
        views::pending(self, session, limit).await
    }

    async fn approvals(&self, scope: &Scope, open_only: bool) -> Result<Vec<Approval>, StoreError> {
        approvals::list(self, scope, open_only).await
    }

    async fn dead_letters(&self, scope: &Scope, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        views::dead_letters(self, scope, limit).await
    }

    async fn redrive(&self, id: InboundId) -> Result<bool, StoreError> {
        self.write(Grade::DURABLE, move |tx| Box::pin(views::redrive(tx, id))).await
    }

    async fn drop_dead_letter(&self, id: InboundId) -> Result<bool, StoreError> {
        self.write(Grade::DURABLE, move |tx| Box::pin(views::drop_dead_letter(tx, id))).await
    }

    async fn turn(&self, id: TurnId) -> Result<Option<TurnView>, StoreError> {
        views::turn(self, id).await
    }

    async fn outbox(&self, session: &SessionKey, limit: usize) -> Result<Vec<OutboxMessage>, StoreError> {
        outbox::of_session(self, session, limit).await
    }

    async fn parts(&self, message: OutboxId) -> Result<Vec<OutPart>, StoreError> {
        undelivered::parts(self, message).await
    }

    async fn undelivered(&self, scope: &Scope, limit: usize) -> Result<Vec<Undelivered>, StoreError> {
        undelivered::list(self, scope, limit).await
    }

    async fn resend(&self, message: OutboxId) -> Result<bool, StoreError> {
        self.write(Grade::DURABLE, move |tx| Box::pin(undelivered::resend(tx, message))).await
    }

    async fn drop_undelivered(&self, message: OutboxId) -> Result<bool, StoreError> {
        self.write(Grade::DURABLE, move |tx| Box::pin(undelivered::forget(tx, message))).await
    }

    async fn overdue(&self, before: Timestamp, limit: usize) -> Result<Vec<InboundRow>, StoreError> {
        overdue::list(self, before, limit).await
    }

    async fn give_up(&self, id: InboundId, outcome: Outcome, writes: Writes) -> Result<bool, StoreError> {
        self.write(Grade::DURABLE, move |tx| Box::pin(overdue::give_up(tx, id, outcome, writes))).await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        overdue::backlog(self).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        overdue::next_due(self).await
    }
}

#[async_trait]
impl SessionStore for SqliteStore {
    async fn window(
        &self,
        scope: &Scope,
        key: &SessionKey,
        budget: WindowBudget,
    ) -> Result<Window, StoreError> {
        history::window(self, scope, key, budget).await
    }

    async fn messages(
        &self,
        scope: &Scope,
        key: &SessionKey,
        page: Page,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        history::messages(self, scope, key, page).await
    }

    async fn session(&self, scope: &Scope, key: &SessionKey) -> Result<Option<SessionInfo>, StoreError> {
        history::session(self, scope, key).await
    }

    async fn sessions(&self, scope: &Scope, limit: usize) -> Result<Vec<SessionInfo>, StoreError> {
        history::sessions(self, scope, limit).await
    }

    async fn children(
        &self,
        parent: Option<&SessionKey>,
        active: bool,
        limit: usize,
    ) -> Result<Vec<SessionInfo>, StoreError> {
        history::children(self, parent, active, limit).await
    }

    async fn search(&self, scope: &Scope, text: &str, limit: usize) -> Result<Vec<SearchHit>, StoreError> {
        history::search(self, scope, text, limit).await
    }

    async fn append_checkpoint(
        &self,
        key: &SessionKey,
        epoch: u64,
        previous: Option<MessageId>,
        checkpoint: Checkpoint,
        writes: Writes,
    ) -> Result<(), StoreError> {
        let key = key.clone();
        self.write(Grade::DURABLE, move |tx| {
            Box::pin(erase::checkpoint(tx, key, epoch, previous, checkpoint, writes))
        })
        .await
    }

    async fn clear_session(&self, scope: &Scope, key: &SessionKey) -> Result<u64, StoreError> {
        let (scope, key) = (scope.clone(), key.clone());
        let taken = self.write(Grade::DURABLE, move |tx| Box::pin(erase::clear(tx, scope, key))).await?;
        memory::scrub(self).await;
        match taken {
            Taken::Nothing => Ok(0),
            Taken::Messages(count) => Ok(count),
            Taken::Busy(what) => Err(StoreError::Busy { what }),
        }
    }

    async fn delete_session(&self, scope: &Scope, key: &SessionKey) -> Result<bool, StoreError> {
        let (scope, key) = (scope.clone(), key.clone());
        let taken = self.write(Grade::DURABLE, move |tx| Box::pin(erase::delete(tx, scope, key))).await?;
        memory::scrub(self).await;
        match taken {
            Taken::Nothing => Ok(false),
            Taken::Messages(_) => Ok(true),
            Taken::Busy(what) => Err(StoreError::Busy { what }),
        }
    }

    async fn import_session(
        &self,
        key: &SessionKey,
        owner: &PrincipalId,
        messages: Vec<Message>,
    ) -> Result<u64, StoreError> {
        let (key, owner) = (key.clone(), owner.clone());
        self.write(Grade::DURABLE, move |tx| Box::pin(erase::import(tx, key, owner, messages))).await
    }
}
