//! A turn as its holder and its readers see it.

use std::time::Duration;

use crate::{
    Approval, Draft, InboundId, InboundRow, JournalEntry, SessionKey, Timestamp, TurnId, TurnRecord, WorkerId,
};

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
