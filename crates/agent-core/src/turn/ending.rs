//! How a turn ends, and what the person reads when it is not by an answer.

use serde::{Deserialize, Serialize};
use session_api::Outcome;

use crate::ModelErrorKind;

/// Why a turn ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "detail", rename_all = "snake_case")]
pub enum Ending {
    /// With an answer.
    Answered,
    /// Somebody stopped it.
    Stopped,
    /// The model could not be had. Its rows are kept and can be tried again.
    ModelFailed {
        /// What kind of failure.
        kind: ModelErrorKind,
        /// One sentence for a person.
        message: String,
    },
    /// The model answered with nothing, twice.
    Empty,
    /// It made as many model calls as it may.
    ModelCalls(u32),
    /// It made as many tool calls as it may.
    ToolCalls(u32),
    /// It took as long as it may, in seconds.
    Deadline(u64),
    /// The same call three times.
    RepeatedCall(String),
    /// The same failure twice.
    RepeatedFailure(String),
}

impl Ending {
    /// What it means for the messages that it answers.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Answered => Outcome::Replied,
            Self::Stopped => Outcome::Stopped,
            _ => Outcome::Failed,
        }
    }

    /// The stable name of the reason: `RunResult::stop_reason`.
    #[must_use]
    pub fn stop_reason(&self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Stopped => "stopped",
            Self::ModelFailed { .. } => "model_failed",
            Self::Empty => "empty_answer",
            Self::ModelCalls(_) => "max_model_calls",
            Self::ToolCalls(_) => "max_tool_calls",
            Self::Deadline(_) => "deadline",
            Self::RepeatedCall(_) => "repeated_call",
            Self::RepeatedFailure(_) => "repeated_failure",
        }
    }

    /// What the person reads; nothing where there is an answer.
    #[must_use]
    pub fn notice(&self) -> Option<String> {
        Some(match self {
            Self::Answered => return None,
            Self::Stopped => "Stopped. What was done so far is kept.".to_owned(),
            Self::ModelFailed { message, .. } => {
                // Some messages end with a question.
                let stop = if message.ends_with(['?', '!', '.']) { "" } else { "." };
                format!("I could not answer: {message}{stop}")
            }
            Self::Empty => {
                "The model answered with nothing, twice. Try again, or choose another model.".to_owned()
            }
            Self::ModelCalls(limit) => {
                format!("I stopped: {limit} model calls are the limit for one message. Write again to go on.")
            }
            Self::ToolCalls(limit) => {
                format!("I stopped: {limit} tool calls are the limit for one message. Write again to go on.")
            }
            Self::Deadline(seconds) => {
                format!("I stopped: {seconds} s are the limit for one message. Write again to go on.")
            }
            Self::RepeatedCall(tool) => {
                format!("I stopped: the tool `{tool}` was called three times with the same arguments.")
            }
            Self::RepeatedFailure(tool) => {
                format!("I stopped: the tool `{tool}` failed twice in the same way with the same arguments.")
            }
        })
    }
}
