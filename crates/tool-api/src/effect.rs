//! What repeating a call would do.

use serde::{Deserialize, Serialize};

/// What a tool call does to the world, as far as its repetition after a crash is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing. May be repeated and may run beside others.
    Pure,
    /// Something that a repetition does not change. May be repeated.
    Idempotent,
    /// Something that depends on a state whose digest is journalled before the start. May be repeated while the digest
    /// is still the same; else the outcome is unknown.
    Keyed,
    /// Only changes of our own store, returned as [`Writes`](session_api::Writes) and applied with the call's end.
    Ours,
    /// Anything. Never repeated.
    Unsafe,
}

impl Effect {
    /// Whether the start of such a call is journalled durably before it runs.
    #[must_use]
    pub fn journals_start(self) -> bool {
        matches!(self, Self::Keyed | Self::Unsafe)
    }

    /// Whether the end of such a call must have reached the disk before the turn goes on.
    #[must_use]
    pub fn durable_end(self) -> bool {
        matches!(self, Self::Keyed | Self::Unsafe | Self::Ours)
    }

    /// Whether such calls of one reply may run at the same time.
    #[must_use]
    pub fn runs_beside_others(self) -> bool {
        matches!(self, Self::Pure)
    }
}
