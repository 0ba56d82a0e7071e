//! What model calls used and cost.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{PrincipalId, ReservationId, Scope, SessionKey, StoreError, Timestamp, TurnId};

/// What a model call was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Answering somebody.
    Chat,
    /// Summarising older history.
    Compaction,
    /// Choosing a model.
    Routing,
    /// A subagent's own turn.
    Subagent,
    /// A heartbeat.
    Heartbeat,
    /// Working notes into a memory file.
    Consolidation,
}

/// What one model call used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageEntry {
    /// The reservation that it settles.
    pub reservation: Option<ReservationId>,
    /// When.
    pub at: Timestamp,
    /// The conversation.
    pub session: SessionKey,
    /// The turn.
    pub turn: TurnId,
    /// For whom.
    pub principal: PrincipalId,
    /// What for.
    pub purpose: Purpose,
    /// The provider's name in the configuration.
    pub provider: String,
    /// The model that answered.
    pub model: String,
    /// Tokens read, cached ones included.
    pub input_tokens: u64,
    /// Those of `input_tokens` that came from the provider's cache.
    pub cached_tokens: u64,
    /// Tokens written, reasoning included.
    pub output_tokens: u64,
    /// Whether the figures are ours, since the provider gave none.
    pub estimated: bool,
    /// The price in millionths of a US dollar, where known.
    pub cost_micros: Option<u64>,
}

/// What counts against a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CapOf {
    /// Everything.
    All,
    /// One turn.
    Turn(TurnId),
    /// A session and those that it started, however deep.
    Below(SessionKey),
}

/// A limit on spending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cap {
    /// Its name in messages: `turn`, `day`, `month`.
    pub name: String,
    /// What counts.
    pub of: CapOf,
    /// What is older does not count.
    pub since: Timestamp,
    /// The limit, in millionths of a US dollar.
    pub limit_micros: u64,
}

/// A request to spend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserve {
    /// The id it gets.
    pub id: ReservationId,
    /// When.
    pub at: Timestamp,
    /// The conversation.
    pub session: SessionKey,
    /// The turn.
    pub turn: TurnId,
    /// For whom.
    pub principal: PrincipalId,
    /// What for.
    pub purpose: Purpose,
    /// The model.
    pub model: String,
    /// The most it can cost, in millionths of a US dollar; it counts as this until it is settled.
    pub ceiling_micros: u64,
    /// All limits that apply.
    pub caps: Vec<Cap>,
}

/// The answer to a [`Reserve`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reservation {
    /// Spend. Settle it with a [`UsageEntry`].
    Granted(ReservationId),
    /// Do not: this limit would be passed.
    Refused {
        /// The limit's name.
        cap: String,
        /// What counts against it already, open reservations included.
        used_micros: u64,
        /// The limit.
        limit_micros: u64,
    },
}

/// By what usage is summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageBy {
    /// UTC days, as `2026-11-21`.
    Day,
    /// Models.
    Model,
    /// Sessions.
    Session,
    /// Purposes.
    Purpose,
}

/// A sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageTotal {
    /// The day, model, session or purpose.
    pub group: String,
    /// Model calls.
    pub calls: u64,
    /// Tokens read.
    pub input_tokens: u64,
    /// Those that came from a cache.
    pub cached_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Known cost in millionths of a US dollar.
    pub cost_micros: u64,
    /// Calls whose price is not known.
    pub unpriced_calls: u64,
}

/// No job that is no turn has a reservation open for longer: each ends its call long before.
pub const JOB_RESERVATION: Duration = Duration::from_secs(15 * 60);

/// Reserves before spending and sums up afterwards. Usage is recorded through [`Writes`](crate::Writes).
#[async_trait]
pub trait UsageLedger: Send + Sync {
    /// Checks all caps and reserves in one transaction, or refuses and changes nothing. Relaxed durability. A
    /// reservation still open when its turn is leased again or settled counts as spent at its ceiling from then on. So does,
    /// with the next request, one that belongs to no turn, as that of a summary, and is older than [`JOB_RESERVATION`]: who
    /// made it is dead.
    async fn reserve(&self, request: Reserve) -> Result<Reservation, StoreError>;

    /// Sums since `since`, by group name.
    async fn usage_totals(
        &self,
        scope: &Scope,
        since: Timestamp,
        by: UsageBy,
    ) -> Result<Vec<UsageTotal>, StoreError>;
}
