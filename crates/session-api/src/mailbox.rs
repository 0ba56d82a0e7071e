//! The mailbox: inbox, turns and outbox under one transaction.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{
    Accepted, Approval, Backlog, Batch, Control, DeadLetter, Draft, FailOutcome, InboundId, InboundRow,
    InboundView, JobLease, LeaseFrom, OutPart, OutboxId, OutboxMessage, Outcome, PartClaim, RunNow, Scope,
    SessionKey, Settlement, SourceLease, Splitter, Step, StoreError, Timestamp, Turn, TurnId, TurnLease,
    TurnView, Undelivered, WorkerId, Writes,
};

/// Inbox, turns and outbox.
///
/// *Durable* verbs (`accept`, `suspend`, `commit`, `fire`, `give_up`, and `journal` with a durable step) have reached the disk when
/// they return, at durability `power`; the others survive the death of the process. A refused verb changes nothing.
/// A call that is dropped half-way is carried out or not, but never by halves.
///
/// A lease is void when its worker is dead or its time has run out; then any worker may take the turn.
#[async_trait]
pub trait Mailbox: Send + Sync {
    /// Takes or renews the right to poll an account. `None` while another living worker has it and its `ttl` has not
    /// run out.
    async fn claim_source(
        &self,
        worker: WorkerId,
        channel: &str,
        account: &str,
        ttl: Duration,
    ) -> Result<Option<SourceLease>, StoreError>;

    /// Stores a whole batch, moves the cursor and applies `writes` in one commit, each also where the others are empty.
    /// A `lease` that is given must be valid, and a cursor needs one ([`StoreError::Stale`] else). `writes` may hold
    /// only what [stands alone](Writes::stands_alone) ([`StoreError::Invalid`] else); it is applied behind the rows,
    /// whatever became of them.
    ///
    /// A row whose (channel, account, external id) was accepted before is a duplicate and changes nothing, also after
    /// its session was deleted. An answer that matches an open question and comes from somebody who may answer settles
    /// the question; a `Stop` marks the open turns of its session and of the descendants, never a later turn, and settles
    /// as stopped the rows that wait in those of these sessions that another one started. A
    /// `Message` of somebody who may answer, in a session whose turn is suspended, supersedes its open questions. A
    /// `Message` that [interrupts](crate::WhenBusy::Interrupt) stops what a `Stop` would stop, and itself
    /// waits for the next turn. A `Lock` of somebody of rank `Owner` marks the open turns of all sessions, sets
    /// [`Locked`](crate::Locked), and waits for a turn of its own; anybody else's only waits. `run_now` needs a batch
    /// of one row.
    async fn accept(
        &self,
        lease: Option<&SourceLease>,
        batch: Batch,
        run_now: Option<RunNow>,
    ) -> Result<Accepted, StoreError>;

    /// Leases the next turn, or nothing. One open turn for each session. First come turns whose lease is void or whose
    /// questions are answered, expired or stopped: such a turn keeps its list of rows, its record and its journal.
    /// Else a new turn is made of the first pending row of a session and, if that is a `Message` that coalesces, of
    /// those `Message` rows directly behind it that coalesce too and have the same runner and overrides. A row waits
    /// until its coalescing time, or its back-off, is over; it holds back the rows behind it, commands and locks
    /// excepted when it is in back-off. Between sessions it is fair: one that was served stands behind all that wait.
    async fn lease(&self, worker: WorkerId, from: LeaseFrom) -> Result<Option<Turn>, StoreError>;

    /// Takes the pending `Message` and `Result` rows of the turn's session that stand before anything else, may be run
    /// by this worker, have no overrides and [steer](crate::WhenBusy::Steer); journals their ids. Possibly none.
    async fn absorb(&self, lease: &TurnLease) -> Result<Vec<InboundRow>, StoreError>;

    /// Extends the lease and tells what its holder must know. [`StoreError::Stale`] when it was lost.
    async fn renew(&self, lease: &TurnLease) -> Result<Control, StoreError>;

    /// As [`renew`](Self::renew) without extending: cheap, and reads only.
    async fn control(&self, lease: &TurnLease) -> Result<Control, StoreError>;

    /// Appends a step and applies `writes`.
    async fn journal(&self, lease: &TurnLease, step: Step, writes: Writes) -> Result<(), StoreError>;

    /// Applies `writes` (with at least one question), journals, and gives the lease up until the questions are settled.
    async fn suspend(&self, lease: &TurnLease, writes: Writes) -> Result<(), StoreError>;

    /// Applies `writes`, settles founders and absorbed rows with `outcome`, and ends the turn.
    async fn commit(&self, lease: &TurnLease, outcome: Outcome, writes: Writes) -> Result<(), StoreError>;

    /// Ends the attempt, not the rows: absorbed rows are pending again at once and uncharged, founders are pending
    /// again from `retry_at` on; without `retry_at`, or when the limit of attempts is reached, they are dead letters.
    /// `writes` is applied either way. The session's order holds: rows behind the founders wait, commands and locks
    /// excepted.
    async fn fail(
        &self,
        lease: &TurnLease,
        error: &str,
        retry_at: Option<Timestamp>,
        writes: Writes,
    ) -> Result<FailOutcome, StoreError>;

    /// Uses a job's claim: applies `writes` (inbound rows and the job's next run time) in one commit. A second use, or
    /// a use of a claim that another worker took over, is [`StoreError::Stale`].
    async fn fire(&self, lease: &JobLease, writes: Writes) -> Result<(), StoreError>;

    /// Claims parts to send, of `channels` only (by kind), at most `limit` and at most one for each chat. A message
    /// that was not split yet is split first and its parts are stored; then parts go in order, and the next part of a
    /// chat waits for the one before it, across messages. A part left in `sending` by a dead worker is claimable again,
    /// always, with one doubt more: nobody knows whether the platform took it. Its claimant asks the platform where that
    /// can tell, and sends again only where the claim says [`may_resend`](PartClaim::may_resend).
    async fn claim_parts(
        &self,
        worker: WorkerId,
        channels: &[String],
        limit: usize,
        splitter: Arc<dyn Splitter>,
    ) -> Result<Vec<PartClaim>, StoreError>;

    /// Ends a claim as its [`Settlement`] says. A stale one changes nothing ([`StoreError::Stale`]).
    async fn settle_part(&self, claim: &PartClaim, settlement: Settlement) -> Result<(), StoreError>;

    /// Stores or updates a draft of a running turn. Relaxed.
    async fn draft(&self, lease: &TurnLease, draft: Draft) -> Result<(), StoreError>;

    /// Waits until something has changed since `since` (a value that this returned before; 0 at first) in this process
    /// or another, and returns a newer value. It may return early, never late by more than 250 ms.
    async fn changed(&self, since: u64) -> Result<u64, StoreError>;

    /// A row and where it stands.
    async fn inbound(&self, id: InboundId) -> Result<Option<InboundView>, StoreError>;

    /// The pending rows of a session in order, at most `limit`.
    async fn pending(&self, session: &SessionKey, limit: usize) -> Result<Vec<InboundRow>, StoreError>;

    /// Questions: the open ones, or all; oldest first.
    async fn approvals(&self, scope: &Scope, open_only: bool) -> Result<Vec<Approval>, StoreError>;

    /// Dead letters, oldest first.
    async fn dead_letters(&self, scope: &Scope, limit: usize) -> Result<Vec<DeadLetter>, StoreError>;

    /// Makes a dead letter pending again with a fresh count of attempts; `false` when there is none with this id.
    async fn redrive(&self, id: InboundId) -> Result<bool, StoreError>;

    /// Settles a dead letter as refused; `false` when there is none with this id.
    async fn drop_dead_letter(&self, id: InboundId) -> Result<bool, StoreError>;

    /// A turn, for readers.
    async fn turn(&self, id: TurnId) -> Result<Option<TurnView>, StoreError>;

    /// Outgoing messages of a session, newest first, at most `limit`.
    async fn outbox(&self, session: &SessionKey, limit: usize) -> Result<Vec<OutboxMessage>, StoreError>;

    /// The parts of an outgoing message in order; none when it was not split yet or is not there.
    async fn parts(&self, message: OutboxId) -> Result<Vec<OutPart>, StoreError>;

    /// Outgoing messages that did not reach their reader: one for each that has a failed or unknown part, with the
    /// first such part, in the order in which the messages were stored. One that was dropped is not listed.
    async fn undelivered(&self, scope: &Scope, limit: usize) -> Result<Vec<Undelivered>, StoreError>;

    /// Makes the failed and unknown parts of a listed message pending again, with fresh counts of claims and doubts;
    /// `false` when [`undelivered`](Self::undelivered) does not list it.
    async fn resend(&self, message: OutboxId) -> Result<bool, StoreError>;

    /// Takes a message off the list of [`undelivered`](Self::undelivered); its parts stay as they are. `false` when it
    /// is not listed.
    async fn drop_undelivered(&self, message: OutboxId) -> Result<bool, StoreError>;

    /// Pending rows accepted before this time on which nobody works: not those kept for a living worker, and not those
    /// behind a turn of their session that is leased or suspended. By the time of their acceptance, oldest first.
    async fn overdue(&self, before: Timestamp, limit: usize) -> Result<Vec<InboundRow>, StoreError>;

    /// Settles a pending row without a turn and applies `writes`, which may hold only what
    /// [stands alone](Writes::stands_alone) ([`StoreError::Invalid`] else). `false`, and no change, when the row is not
    /// pending.
    async fn give_up(&self, id: InboundId, outcome: Outcome, writes: Writes) -> Result<bool, StoreError>;

    /// How much waits: for metrics. Reads indexes only.
    async fn backlog(&self) -> Result<Backlog, StoreError>;

    /// When time alone next makes a turn leasable, as far as is known: a coalescing window, a back-off, a lease or a
    /// question that ends. It may lie in the past, where something else stands in the way. `None` when nothing waits for
    /// time.
    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError>;
}
