//! Everything that a turn can want done.

use session_api::{Part, Rank, ToolCall};

use super::Ending;

/// Something to do. Closed on purpose: a new kind must break the driver's match.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Call the model with the history and what this turn added. The history's share of the room is halved `shrink`
    /// times.
    CallModel {
        /// How often the provider found it too long.
        shrink: u8,
    },
    /// Check and judge these calls.
    Judge(Vec<ToolCall>),
    /// Run these calls at the same time.
    Run(Vec<ToolCall>),
    /// Store these questions and give the lease up.
    Suspend(Vec<Question>),
    /// Take in what came meanwhile.
    Absorb,
    /// End all work under way; nothing that it reports counts any more.
    CancelWork,
    /// Commit what the turn added with these parts as its last message.
    Finish {
        /// Why the turn ends.
        ending: Ending,
        /// The answer.
        parts: Vec<Part>,
    },
}

/// A question whether a call may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The call.
    pub call: ToolCall,
    /// Why it is asked.
    pub reason: String,
    /// Who may answer.
    pub needs: Rank,
}
