//! How much waits.

use crate::Timestamp;

/// What [`Mailbox::backlog`](crate::Mailbox::backlog) counts, over all sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Inbound rows that wait for a turn.
    pub pending: u64,
    /// When the first of them was accepted.
    pub oldest_pending: Option<Timestamp>,
    /// Turns that run, orphaned ones included.
    pub running: u64,
    /// Turns that wait for an answer.
    pub suspended: u64,
    /// Dead letters.
    pub dead: u64,
    /// Outgoing messages with something left to send.
    pub unsent: u64,
    /// When the first of them was said.
    pub oldest_unsent: Option<Timestamp>,
}
