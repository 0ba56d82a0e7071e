//! What a run tells while it goes on.

use serde::{Deserialize, Serialize};
use session_api::{ApprovalId, CallId, InboundId, SessionKey, Timestamp, TurnId};

use crate::{ModelErrorKind, TokenUsage};

/// Something that happened in a run. As JSON it is one flat object whose `type` is the dotted name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEvent {
    /// What.
    #[serde(flatten)]
    pub kind: RunEventKind,
    /// In which conversation.
    pub session: SessionKey,
    /// In which turn.
    pub turn: TurnId,
    /// The rows that the turn answers.
    pub inbound: Vec<InboundId>,
    /// Follows the message through everything.
    pub correlation: String,
    /// When.
    pub at: Timestamp,
}

/// The twelve kinds. Deltas are best effort; what is completed was committed or is about to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum RunEventKind {
    /// The turn was taken up.
    #[serde(rename = "run.started")]
    RunStarted {
        /// Whether it was begun before, by a process that died or before a question.
        resuming: bool,
    },
    /// More text.
    #[serde(rename = "text.delta")]
    TextDelta {
        /// The piece.
        text: String,
        /// Which model call, from 1.
        iteration: u32,
    },
    /// A model call's text is whole.
    #[serde(rename = "text.completed")]
    TextCompleted {
        /// The text.
        text: String,
        /// Which model call, from 1.
        iteration: u32,
        /// Whether tool calls follow, so that more text may come.
        resuming: bool,
    },
    /// More thinking aloud.
    #[serde(rename = "reasoning.delta")]
    ReasoningDelta {
        /// The piece.
        text: String,
        /// Which model call, from 1.
        iteration: u32,
    },
    /// A model call's thinking aloud is whole.
    #[serde(rename = "reasoning.completed")]
    ReasoningCompleted {
        /// The text.
        text: String,
        /// Which model call, from 1.
        iteration: u32,
    },
    /// An attempt at a model call failed and another one follows. Text and reasoning of this call that came before are
    /// void: the call begins anew.
    #[serde(rename = "attempt.failed")]
    AttemptFailed {
        /// Who was asked.
        provider: String,
        /// For which model.
        model: String,
        /// What went wrong.
        kind: ModelErrorKind,
        /// What went wrong, for a person.
        error: String,
        /// How long is waited before the next one, in milliseconds.
        wait_millis: u64,
        /// Who is asked next, as `PROVIDER/MODEL`.
        next: String,
        /// Which model call, from 1.
        iteration: u32,
    },
    /// A tool call starts.
    #[serde(rename = "tool.started")]
    ToolStarted {
        /// The tool.
        name: String,
        /// The call.
        tool_call_id: CallId,
        /// Its arguments, as the model wrote them.
        arguments: String,
        /// After which model call, from 1; 0 for a direct call.
        iteration: u32,
    },
    /// A tool call succeeded.
    #[serde(rename = "tool.completed")]
    ToolCompleted {
        /// The tool.
        name: String,
        /// The call.
        tool_call_id: CallId,
        /// How long it took.
        millis: u64,
    },
    /// A tool call did not succeed.
    #[serde(rename = "tool.failed")]
    ToolFailed {
        /// The tool.
        name: String,
        /// The call.
        tool_call_id: CallId,
        /// What the model is told.
        error: String,
        /// How long it took.
        millis: u64,
    },
    /// A person must decide.
    #[serde(rename = "approval.requested")]
    ApprovalRequested {
        /// The question.
        approval: ApprovalId,
        /// The tool.
        name: String,
        /// The call's arguments.
        arguments: String,
        /// Why it is asked.
        reason: String,
    },
    /// The turn is committed.
    #[serde(rename = "run.completed")]
    RunCompleted {
        /// The answer.
        content: String,
        /// Tokens used.
        usage: TokenUsage,
        /// Why it ended: see [`Ending::stop_reason`](crate::turn::Ending::stop_reason).
        stop_reason: String,
        /// Tools that were called.
        tools_used: Vec<String>,
    },
    /// The turn failed; its rows are kept.
    #[serde(rename = "run.failed")]
    RunFailed {
        /// What the person is told.
        error: String,
        /// Why: see [`Ending::stop_reason`](crate::turn::Ending::stop_reason).
        stop_reason: String,
    },
}
