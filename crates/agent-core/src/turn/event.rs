//! Everything that can happen to a turn.

use session_api::{ApprovalState, CallId, InboundId, Message, Part, Rank, ToolCall, ToolResult};

use crate::{FinishReason, ModelErrorKind, TokenUsage};

/// Something that happened. Closed on purpose: a new kind must break every match.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The turn was taken up for the first time.
    Begun {
        /// The founders' messages with their rows' ids.
        messages: Vec<(InboundId, Message)>,
        /// What they ask for.
        intake: Intake,
    },
    /// The model answered.
    Replied(ModelReply),
    /// The model call failed, retries included.
    ModelFailed {
        /// What can be done.
        kind: ModelErrorKind,
        /// One sentence for a person.
        message: String,
    },
    /// The calls were checked and judged: one for each call, in order.
    Judged(Vec<Judgement>),
    /// A call ended.
    ToolEnded(ToolResult),
    /// Messages that came in meanwhile; possibly none.
    Absorbed(Vec<(InboundId, Message)>),
    /// The questions were settled.
    Answered(Vec<(CallId, ApprovalState)>),
    /// Somebody asked to stop.
    Stopped,
    /// The wall time is over.
    OutOfTime,
    /// It cannot go on, for this reason.
    GivenUp(String),
    /// What the turn said is committed.
    Committed,
}

/// What a turn has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intake {
    /// Ask the model.
    Chat,
    /// Call this tool and answer with its result, without a model.
    Tool(ToolCall),
    /// Nothing: the answer is known.
    Reply(String),
}

/// A model's whole reply.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelReply {
    /// Text, reasoning, opaque parts and tool calls, in order.
    pub parts: Vec<Part>,
    /// Why it ended.
    pub reason: FinishReason,
    /// What it used.
    pub usage: TokenUsage,
}

/// What was found about one call before it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Whether it may run at the same time as its neighbours.
    pub beside: bool,
    /// The verdict.
    pub judged: Judged,
}

/// A verdict about one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// It runs.
    Allow,
    /// It does not: this is its result.
    Refuse(String),
    /// A person decides.
    Ask {
        /// Why, for the person.
        reason: String,
        /// Who may answer.
        needs: Rank,
    },
}
