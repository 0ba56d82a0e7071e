//! The journal of a turn: what was done, in order, and the record from which it resumes.

use serde::{Deserialize, Serialize};

use crate::{CallId, InboundId, Timestamp};

/// One step of a turn, written before or after an outside effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What happened.
    pub kind: StepKind,
    /// Whether it must survive a power cut before the caller goes on (starts of `keyed` and `unsafe` calls, ends of
    /// `keyed`, `unsafe` and `ours` calls). Other steps survive the death of the process only.
    pub durable: bool,
}

/// What a step says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum StepKind {
    /// The model answered.
    ModelReplied {
        /// Which call of this turn, from 1.
        call: u32,
        /// The model that answered.
        model: String,
        /// How long it took, in milliseconds.
        millis: u64,
        /// Calls it asked for.
        tool_calls: u32,
    },
    /// A tool call is about to start.
    ToolStarted {
        /// Which.
        call_id: CallId,
        /// The tool.
        name: String,
        /// The digest of what a keyed call depends on, as it was before.
        key: Option<String>,
    },
    /// A tool call ended.
    ToolEnded {
        /// Which.
        call_id: CallId,
        /// Whether it succeeded.
        ok: bool,
        /// How long it took, in milliseconds.
        millis: u64,
    },
    /// Messages joined the running turn. Written by the store itself.
    Absorbed {
        /// Which.
        inbound: Vec<InboundId>,
    },
    /// The turn was suspended for approvals. Written by the store itself.
    Suspended,
    /// The turn was taken up again after its worker died or an approval was answered.
    Resumed {
        /// Why.
        reason: String,
    },
}

/// A step as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalEntry {
    /// Its place in the turn, from 0.
    pub no: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub step: Step,
}

/// The state of a turn's machine, as its owner wrote it. Opaque to a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnRecord {
    /// Version of the format of `body`.
    pub version: u32,
    /// JSON.
    pub body: String,
}
