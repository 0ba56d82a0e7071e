//! The mailbox: inbox, turns and outbox under one transaction.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{
    Approval, Draft, Inbound, InboundId, InboundRow, InboundView, JobLease, JournalEntry, OutboxMessage,
    Outcome, PartClaim, Scope, SessionKey, Settlement, Splitter, Step, StoreError, Timestamp, TurnId,
    TurnRecord, WorkerId, Writes,
};

/// The fenced right to poll one platform account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLease {
    /// Kind of channel.
    pub channel: String,
    /// The bot's own id there.
    pub account: String,
    /// Who polls.
    pub worker: WorkerId,
    /// Fencing token.
    pub token: u64,
    /// Where each of its cursors stands, by name.
    pub cursors: Vec<(String, CursorPosition)>,
}

/// Where a platform cursor stands. Ordered as a pair: the adapter raises the generation when the platform starts its
/// numbering anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct CursorPosition {
    /// Which numbering.
    pub generation: u64,
    /// The place in it.
    pub position: u64,
}

/// Moves a cursor forward. A move backwards is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CursorMove {
    /// Which cursor of the source.
    pub name: String,
    /// Where to.
    pub to: CursorPosition,
}

/// Asks `accept` to lease the batch's only row in the same commit, where its session is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunNow(pub WorkerId);

/// Proof that a batch is committed. Only a store makes one; redeeming it is what acknowledges to the platform.
#[derive(Debug)]
#[must_use = "redeem it by acknowledging to the platform"]
pub struct Ack(());

impl Ack {
    /// For stores: the batch is committed.
    pub fn committed() -> Self {
        Self(())
    }
}

/// What became of one row of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceptance {
    /// It is stored under the id that it came with.
    New,
    /// It was accepted before, under this id.
    Duplicate(InboundId),
}

/// The answer to `accept`.
#[derive(Debug)]
pub struct Accepted {
    /// One for each row, in order.
    pub rows: Vec<Acceptance>,
    /// The proof.
    pub ack: Ack,
    /// The leased turn, where `RunNow` asked for one and the session was free.
    pub turn: Option<Turn>,
}

/// How long a lease holds and how often a turn is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeasePolicy {
    /// A lease that is not renewed for this long is void.
    pub ttl: Duration,
    /// Attempts without progress before the founders become dead letters.
    pub max_attempts: u32,
}

impl Default for LeasePolicy {
    fn default() -> Self {
        Self { ttl: Duration::from_secs(30), max_attempts: 3 }
    }
}

/// Which sessions to lease from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseFrom {
    /// Any.
    Any,
    /// These and their descendants.
    Sessions(Vec<SessionKey>),
}

/// The fenced right to run one turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnLease {
    /// The turn.
    pub turn: TurnId,
    /// Its session.
    pub session: SessionKey,
    /// Who runs it.
    pub worker: WorkerId,
    /// Fencing token: each lease of a turn has a greater one.
    pub token: u64,
    /// The session's epoch when this lease was given. (A turn that nobody held when its session was cleared gets a
    /// lease of the new epoch, and only finalizes.)
    pub epoch: u64,
    /// By the store's clock, the lease is void from here on unless renewed.
    pub expires_at: Timestamp,
}

/// A leased turn with all that is needed to run or resume it.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// The right to run it.
    pub lease: TurnLease,
    /// The rows that founded it. The list never changes.
    pub founders: Vec<InboundRow>,
    /// The rows that joined it while it ran.
    pub absorbed: Vec<InboundRow>,
    /// Its last stored state; none before the first step.
    pub record: Option<TurnRecord>,
    /// What it did so far.
    pub journal: Vec<JournalEntry>,
    /// Its questions, answered or not.
    pub approvals: Vec<Approval>,
    /// Its drafts that are visible somewhere.
    pub drafts: Vec<Draft>,
    /// Attempts begun without progress, this one included. A suspension or a journalled step resets the count;
    /// [`Resumed`](crate::StepKind::Resumed) is no progress.
    pub attempt: u32,
    /// The limit of attempts was passed before this lease: write the notice with `fail`, do nothing else.
    pub exhausted: bool,
    /// The stop that was asked for: finalize, do nothing else. A turn that was stopped by a clear names its own first
    /// founder.
    pub stopped_by: Option<InboundId>,
    /// When the turn was first leased.
    pub started_at: Timestamp,
}

/// What a lease holder must know while it works.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Control {
    /// Somebody asked to stop this turn.
    pub stopped_by: Option<InboundId>,
    /// Rows wait in the session that `absorb` would take.
    pub steering: bool,
}

/// What `fail` did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailOutcome {
    /// The founders are pending again and held back until the time given.
    Retry,
    /// The founders are dead letters.
    Dead,
}

/// An accepted row that failed too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The row.
    pub row: InboundRow,
    /// The last error.
    pub error: String,
    /// When it died.
    pub at: Timestamp,
}

/// Where a turn stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnState {
    /// Leased, or orphaned.
    Running,
    /// Waits for an approval.
    Suspended,
    /// Committed.
    Done,
    /// Failed; its founders are pending again or dead.
    Failed,
}

/// A turn for readers.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnView {
    /// Its id.
    pub id: TurnId,
    /// Its session.
    pub session: SessionKey,
    /// Where it stands.
    pub state: TurnState,
    /// The rows that founded it.
    pub founders: Vec<InboundId>,
    /// What it did.
    pub journal: Vec<JournalEntry>,
    /// Its last stored state.
    pub record: Option<TurnRecord>,
    /// When it was first leased.
    pub started_at: Timestamp,
}

/// Inbox, turns and outbox.
///
/// *Durable* verbs (`accept`, `suspend`, `commit`, `fire`, and `journal` with a durable step) have reached the disk when
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

    /// Stores a whole batch and moves the cursor in one commit; an empty batch moves it as well. A cursor needs a valid
    /// `lease` ([`StoreError::Stale`] else). A row whose (channel, account, external id) was accepted before is a
    /// duplicate and changes nothing, also after its session was deleted. An answer that matches an open question and
    /// comes from somebody who may answer settles the question; a `Stop` marks the open turns of its session and of
    /// the descendants, never a later turn. A `Message` of somebody who may answer, in a session whose turn is
    /// suspended, supersedes its open questions. `run_now` needs a batch of one row.
    async fn accept(
        &self,
        lease: Option<&SourceLease>,
        batch: Vec<Inbound>,
        cursor: Option<CursorMove>,
        run_now: Option<RunNow>,
    ) -> Result<Accepted, StoreError>;

    /// Leases the next turn, or nothing. One open turn for each session. First come turns whose lease is void or whose
    /// questions are answered, expired or stopped: such a turn keeps its list of rows, its record and its journal.
    /// Else a new turn is made of the first pending row of a session and, if that is a `Message` that coalesces, of
    /// those `Message` rows directly behind it that coalesce too and have the same runner and overrides. A row waits
    /// until its coalescing time, or its back-off, is over; it holds back the rows behind it, commands excepted when
    /// it is in back-off. Between sessions it is fair: one that was served stands behind all that wait.
    async fn lease(&self, worker: WorkerId, from: LeaseFrom) -> Result<Option<Turn>, StoreError>;

    /// Takes the pending `Message` and `Result` rows of the turn's session that stand before anything else, may be run
    /// by this worker and have no overrides; journals their ids. Possibly none.
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
    /// `writes` is applied either way. The session's order holds: rows behind the founders wait, commands excepted.
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
    /// chat waits for the one before it, across messages. Parts left in `sending` by a dead worker are claimable
    /// again, marked `doubted`, when their message's `on_doubt` is resend-once and they were not doubted before; else
    /// they become `unknown`.
    async fn claim_parts(
        &self,
        worker: WorkerId,
        channels: &[String],
        limit: usize,
        splitter: Arc<dyn Splitter>,
    ) -> Result<Vec<PartClaim>, StoreError>;

    /// Ends a claim. A stale one changes nothing ([`StoreError::Stale`]).
    async fn settle_part(&self, claim: &PartClaim, settlement: Settlement) -> Result<(), StoreError>;

    /// Stores or updates a draft of a running turn. Relaxed.
    async fn draft(&self, lease: &TurnLease, draft: Draft) -> Result<(), StoreError>;

    /// Waits until something has changed since `since` (a value that this returned before; 0 at first) in this process
    /// or another, and returns a newer value. It may return early, never late by more than 250 ms.
    async fn changed(&self, since: u64) -> Result<u64, StoreError>;

    /// A row and where it stands.
    async fn inbound(&self, id: InboundId) -> Result<Option<InboundView>, StoreError>;

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
}
