//! What a turn did, and whether the machine would do it again.
//!
//! [`RecordedTurn`] is everything that the stores keep of a turn. [`Factotum::turn_report`](crate::Factotum::turn_report)
//! tells it to a reader. [`RecordedTurn::replay`] drives the machine with it, offline: no model is asked and no tool runs.
//! The events come from the history (what the model replied, what the tools gave) and from the journal (in which order);
//! whatever the machine then commands must be what was done. The first difference is reported with its place.

mod attempts;
mod cast;
mod facade;
mod play;
mod recorded;
mod report;
mod script;
mod show;

use serde::Serialize;
use session_api::Timestamp;

pub use attempts::{AttemptReport, FailureReport};
pub use recorded::RecordedTurn;
pub use report::{CallReport, InboundReport, ModelCallReport, StepReport, TurnReport};

/// What came of a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replay {
    /// What happened and what the machine wanted then, as far as the replay went.
    pub steps: Vec<ReplayStep>,
    /// The first thing that was done otherwise.
    pub divergence: Option<Divergence>,
    /// Why there was nothing to replay.
    pub not_replayed: Option<String>,
}

/// One step of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplayStep {
    /// Its number, from 1.
    pub no: usize,
    /// When it was recorded, where that is known.
    pub at: Option<Timestamp>,
    /// What happened.
    pub event: String,
    /// What the machine commanded, in order.
    pub commands: Vec<String>,
}

/// The first place where the machine and the record part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Divergence {
    /// The number of the step after which they part.
    pub step: usize,
    /// What the machine wants, or must find.
    pub expected: String,
    /// What was recorded instead.
    pub recorded: String,
}
