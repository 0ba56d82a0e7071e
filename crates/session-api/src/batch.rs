//! What a platform delivers, and the right to fetch it.

use crate::{Inbound, InboundId, Turn, WorkerId, Writes};

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

/// What one call of `accept` commits together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// What came in, in the platform's order.
    pub rows: Vec<Inbound>,
    /// How far the platform was read.
    pub cursor: Option<CursorMove>,
    /// What the adapter's side says and notes about it, such as the notice to a stranger who was refused: outgoing
    /// messages, named values, model calls and audit rows only ([`Writes::stands_alone`]).
    pub writes: Writes,
}

impl From<Vec<Inbound>> for Batch {
    fn from(rows: Vec<Inbound>) -> Self {
        Self { rows, ..Self::default() }
    }
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
