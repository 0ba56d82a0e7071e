//! A mailbox at whose writing verbs a process can be made to die, before or after they were carried out.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use session_api::{
    Accepted, Approval, Backlog, Batch, Control, DeadLetter, Draft, FailOutcome, InboundId, InboundRow,
    InboundView, JobLease, LeaseFrom, Mailbox, OutPart, OutboxId, OutboxMessage, Outcome, PartClaim, RunNow,
    Scope, SessionKey, Settlement, SourceLease, Splitter, Step, StepKind, StoreError, Stores, Timestamp,
    Turn, TurnId, TurnLease, TurnView, Undelivered, WorkerId, Writes,
};

use super::Trap;

pub(crate) struct TrappedMailbox {
    inner: Arc<dyn Mailbox>,
    trap: Arc<Trap>,
}

impl TrappedMailbox {
    /// `stores` with places of `trap` around the verbs that write for a turn.
    pub(crate) fn around(stores: Stores, trap: Arc<Trap>) -> Stores {
        let mailbox = Arc::new(Self { inner: stores.mailbox, trap });
        Stores { mailbox, ..stores }
    }

    async fn between<T>(&self, verb: &str, call: impl Future<Output = T>) -> T {
        self.trap.place(format!("before {verb}")).await;
        let done = call.await;
        self.trap.place(format!("after {verb}")).await;
        done
    }
}

#[async_trait]
impl Mailbox for TrappedMailbox {
    async fn claim_source(
        &self,
        worker: WorkerId,
        channel: &str,
        account: &str,
        ttl: Duration,
    ) -> Result<Option<SourceLease>, StoreError> {
        self.inner.claim_source(worker, channel, account, ttl).await
    }

    async fn accept(
        &self,
        lease: Option<&SourceLease>,
        batch: Batch,
        run_now: Option<RunNow>,
    ) -> Result<Accepted, StoreError> {
        self.between("accept", self.inner.accept(lease, batch, run_now)).await
    }

    async fn lease(&self, worker: WorkerId, from: LeaseFrom) -> Result<Option<Turn>, StoreError> {
        self.inner.lease(worker, from).await
    }

    async fn absorb(&self, lease: &TurnLease) -> Result<Vec<InboundRow>, StoreError> {
        self.between("absorb", self.inner.absorb(lease)).await
    }

    async fn renew(&self, lease: &TurnLease) -> Result<Control, StoreError> {
        self.inner.renew(lease).await
    }

    async fn control(&self, lease: &TurnLease) -> Result<Control, StoreError> {
        self.inner.control(lease).await
    }

    async fn journal(&self, lease: &TurnLease, step: Step, writes: Writes) -> Result<(), StoreError> {
        let verb = match &step.kind {
            StepKind::ToolStarted { name, .. } => format!("journal that {name} starts"),
            StepKind::ToolEnded { call_id, .. } => format!("journal that {call_id} ended"),
            other => format!("journal {other:?}"),
        };
        self.between(&verb, self.inner.journal(lease, step, writes)).await
    }

    async fn suspend(&self, lease: &TurnLease, writes: Writes) -> Result<(), StoreError> {
        self.between("suspend", self.inner.suspend(lease, writes)).await
    }

    async fn commit(&self, lease: &TurnLease, outcome: Outcome, writes: Writes) -> Result<(), StoreError> {
        self.between("commit", self.inner.commit(lease, outcome, writes)).await
    }

    async fn fail(
        &self,
        lease: &TurnLease,
        error: &str,
        retry_at: Option<Timestamp>,
        writes: Writes,
    ) -> Result<FailOutcome, StoreError> {
        self.between("fail", self.inner.fail(lease, error, retry_at, writes)).await
    }

    async fn fire(&self, lease: &JobLease, writes: Writes) -> Result<(), StoreError> {
        self.inner.fire(lease, writes).await
    }

    async fn claim_parts(
        &self,
        worker: WorkerId,
        channels: &[String],
        limit: usize,
        splitter: Arc<dyn Splitter>,
    ) -> Result<Vec<PartClaim>, StoreError> {
        self.inner.claim_parts(worker, channels, limit, splitter).await
    }

    async fn settle_part(&self, claim: &PartClaim, settlement: Settlement) -> Result<(), StoreError> {
        self.inner.settle_part(claim, settlement).await
    }

    async fn draft(&self, lease: &TurnLease, draft: Draft) -> Result<(), StoreError> {
        self.inner.draft(lease, draft).await
    }

    async fn changed(&self, since: u64) -> Result<u64, StoreError> {
        self.inner.changed(since).await
    }

    async fn inbound(&self, id: InboundId) -> Result<Option<InboundView>, StoreError> {
        self.inner.inbound(id).await
    }

    async fn pending(&self, session: &SessionKey, limit: usize) -> Result<Vec<InboundRow>, StoreError> {
        self.inner.pending(session, limit).await
    }

    async fn approvals(&self, scope: &Scope, open_only: bool) -> Result<Vec<Approval>, StoreError> {
        self.inner.approvals(scope, open_only).await
    }

    async fn dead_letters(&self, scope: &Scope, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        self.inner.dead_letters(scope, limit).await
    }

    async fn redrive(&self, id: InboundId) -> Result<bool, StoreError> {
        self.inner.redrive(id).await
    }

    async fn drop_dead_letter(&self, id: InboundId) -> Result<bool, StoreError> {
        self.inner.drop_dead_letter(id).await
    }

    async fn turn(&self, id: TurnId) -> Result<Option<TurnView>, StoreError> {
        self.inner.turn(id).await
    }

    async fn outbox(&self, session: &SessionKey, limit: usize) -> Result<Vec<OutboxMessage>, StoreError> {
        self.inner.outbox(session, limit).await
    }

    async fn parts(&self, message: OutboxId) -> Result<Vec<OutPart>, StoreError> {
        self.inner.parts(message).await
    }

    async fn undelivered(&self, scope: &Scope, limit: usize) -> Result<Vec<Undelivered>, StoreError> {
        self.inner.undelivered(scope, limit).await
    }

    async fn resend(&self, message: OutboxId) -> Result<bool, StoreError> {
        self.inner.resend(message).await
    }

    async fn drop_undelivered(&self, message: OutboxId) -> Result<bool, StoreError> {
        self.inner.drop_undelivered(message).await
    }

    async fn overdue(&self, before: Timestamp, limit: usize) -> Result<Vec<InboundRow>, StoreError> {
        self.inner.overdue(before, limit).await
    }

    async fn give_up(&self, id: InboundId, outcome: Outcome, writes: Writes) -> Result<bool, StoreError> {
        self.between("give up", self.inner.give_up(id, outcome, writes)).await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        self.inner.backlog().await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.inner.next_due().await
    }
}
