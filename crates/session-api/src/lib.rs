//! The conversation as data, and the ports that store it.
//!
//! Everything that Factotum knows of a conversation is a value of this crate: who speaks ([`Principal`]), in which
//! order ([`SessionKey`]), what came in ([`Inbound`]), what was said ([`Message`]), what goes out ([`OutboxMessage`]).
//! The store ports ([`Mailbox`], [`SessionStore`], [`KvStore`], [`UsageLedger`], [`AuditLog`], [`BlobStore`],
//! [`JobStore`], [`MemoryIndex`]) keep these values. Their obligations stand in their doc comments; each sentence there is a case of the
//! suite in `contract` (feature `contract`), which [`InMemoryStore`] and every adapter run.
//!
//! # A transaction is data
//!
//! No port hands out a transaction. A caller gathers what belongs together in one [`Writes`] and gives it to one of the
//! few verbs of [`Mailbox`] that write; the store applies it whole or not at all.
//!
//! # Writing a store
//!
//! 1. Implement the ports on one type; share the connection behind it.
//! 2. Answer a call only when what it wrote is as durable as [`Step::durable`] and the verb's documentation ask for.
//! 3. "Not found" is `Ok(None)`; an error is a [`StoreError`] that says whether a retry helps.
//! 4. Take [`Clock`] and [`IdSource`] as arguments; order by the store's own sequence numbers, never by time or id.
//! 5. Run the contract suite over a harness that can reopen the store and let a worker die.
//!
//! The data types are `Serialize` because they are the stored form; a field is only ever added with a default.

mod approval;
mod audit;
mod backlog;
mod batch;
mod blob;
mod clock;
mod effort;
mod error;
mod ids;
mod in_memory;
mod inbound;
mod job;
mod journal;
mod kv;
mod lock;
mod mailbox;
mod memory;
mod message;
mod outbox;
mod outside;
mod pairing;
mod principal;
mod session;
mod session_store;
mod stores;
mod turn;
mod usage;
mod vectors;
mod writes;

pub use approval::{Approval, ApprovalState, ApprovalWrite, Decision};
pub use audit::{AuditEntry, AuditHead, AuditLog, AuditRow, AuditVerdict};
pub use backlog::Backlog;
pub use batch::{Acceptance, Accepted, Ack, Batch, CursorMove, CursorPosition, RunNow, SourceLease};
pub use blob::{BlobId, BlobStore};
pub use clock::{Clock, ManualClock, Timestamp};
pub use effort::{Effort, EffortError};
pub use error::StoreError;
pub use ids::{
    ApprovalId, IdSource, InboundId, JobId, MessageId, OutboxId, PartId, ReservationId, SequentialIds,
    TurnId, WorkerId,
};
pub use in_memory::InMemoryStore;
pub use inbound::{
    ChildRun, Inbound, InboundKind, InboundRow, InboundState, InboundView, Outcome, RunOverrides, Runner,
    Settled, WhenBusy,
};
pub use job::{Job, JobLease, JobRun, JobStore, JobWrite, KEPT_RUNS};
pub use journal::{JournalEntry, Step, StepKind, TurnRecord};
pub use kv::{KvEntry, KvStore, KvWrite};
pub use lock::{LOCK_KEY, Locked};
pub use mailbox::Mailbox;
pub use memory::{
    IndexProgress, MOST_HITS, MemoryFile, MemoryHit, MemoryIndex, MemoryKind, MemoryPlace, MemoryPlaceError,
    MemoryQuery, MemorySection, RANKED, Ranking, Recalled, excerpt, index_words, query_words,
};
pub use message::{CallId, Importance, Message, Part, Role, ToolCall, ToolResult, ToolStatus};
pub use outbox::{
    Delivery, Draft, OnDoubt, OutPart, OutboxKind, OutboxMessage, PartClaim, PartState, Settlement, Splitter,
    Undelivered,
};
pub use outside::Outside;
pub use pairing::{PairingCode, PairingCodeError};
pub use principal::{PersonWrite, Principal, PrincipalId, Rank, Scope};
pub use session::{Route, SessionInfo, SessionKey, SessionKeyError, SessionWrite};
pub use session_store::{Checkpoint, Page, SearchHit, SessionStore, StoredMessage, Window, WindowBudget};
pub use stores::Stores;
pub use turn::{
    Control, DeadLetter, FailOutcome, LeaseFrom, LeasePolicy, Turn, TurnLease, TurnState, TurnView,
};
pub use usage::{
    Cap, CapOf, JOB_RESERVATION, Purpose, Reservation, Reserve, UsageBy, UsageEntry, UsageLedger, UsageTotal,
};
pub use vectors::{Nearest, VectorIndex, VectorMark, WithoutVector, fused, nearness, of_unit_length};
pub use writes::Writes;

#[cfg(any(test, feature = "contract"))]
pub mod contract;
