//! What a turn is in each of its states.

use serde::{Deserialize, Serialize};
use session_api::{
    InboundId, Message, MessageId, Part, PrincipalId, Rank, Timestamp, ToolCall, ToolResult, TurnId,
};

use super::{Ending, Limits};
use crate::TokenUsage;

/// The id and time for the message that a step may add.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The id; not used up when the step adds no message.
    pub id: MessageId,
    /// The time.
    pub at: Timestamp,
}

/// A turn under way: what all states share, and the state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    pub(super) shared: Shared,
    pub(super) state: State,
}

/// What every state has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Shared {
    /// The turn.
    pub(super) turn: TurnId,
    /// Digest of the core that it began with.
    pub(super) core: String,
    /// The model that it began with, as `PROVIDER/MODEL`.
    pub(super) model: String,
    /// Name and digest of each tool that it began with.
    pub(super) tools: Vec<(String, String)>,
    /// How far it may go.
    pub(super) limits: Limits,
    /// What it adds to the history.
    pub(super) added: Vec<Message>,
    /// The rows whose messages are in `added`.
    pub(super) taken: Vec<InboundId>,
    /// Model calls that were answered.
    pub(super) model_calls: u32,
    /// Tool calls that were asked for.
    pub(super) tool_calls: u32,
    /// Tokens used.
    pub(super) usage: TokenUsage,
    /// Tools that were interrupted and not repeated.
    pub(super) doubts: Vec<String>,
    /// What else the person must know at the end.
    pub(super) notes: Vec<String>,
    /// How often the provider found the request too long.
    pub(super) shrink: u8,
    /// Whether the model already answered with nothing once.
    pub(super) empty: bool,
}

/// Where a turn stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum State {
    /// Not begun.
    Preparing,
    /// Waiting for the model.
    CallingModel,
    /// Waiting for the verdicts on these calls.
    Judging { calls: Vec<ToolCall>, direct: bool },
    /// Waiting for calls.
    RunningTools { slots: Vec<Slot>, direct: bool },
    /// Waiting for a person.
    Suspended { slots: Vec<Slot>, direct: bool },
    /// Waiting for messages that came meanwhile.
    Absorbing,
    /// Waiting for the commit.
    Finalizing { ending: Ending, parts: Vec<Part> },
    /// Over.
    Done { ending: Ending },
}

/// One call of the reply that is worked on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Slot {
    pub(super) call: ToolCall,
    /// May run at the same time as its neighbours.
    pub(super) beside: bool,
    pub(super) progress: Progress,
}

/// How far a call is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Progress {
    /// It may run.
    Ready,
    /// A person decides.
    Asking { reason: String, needs: Rank },
    /// It was commanded to run.
    Issued,
    /// It has its result.
    Ended(ToolResult),
}

/// What a turn knows of the core that it began with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginning {
    /// The turn.
    pub turn: TurnId,
    /// Digest of the core.
    pub core: String,
    /// `PROVIDER/MODEL`.
    pub model: String,
    /// Name and digest of each tool.
    pub tools: Vec<(String, String)>,
    /// How far it may go.
    pub limits: Limits,
}

impl Machine {
    /// A turn that has not begun.
    #[must_use]
    pub fn new(beginning: Beginning) -> Self {
        let Beginning { turn, core, model, tools, limits } = beginning;
        let shared = Shared {
            turn,
            core,
            model,
            tools,
            limits,
            added: Vec::new(),
            taken: Vec::new(),
            model_calls: 0,
            tool_calls: 0,
            usage: TokenUsage::default(),
            doubts: Vec::new(),
            notes: Vec::new(),
            shrink: 0,
            empty: false,
        };
        Self { shared, state: State::Preparing }
    }

    /// What the turn adds to the history so far.
    #[must_use]
    pub fn added(&self) -> &[Message] {
        &self.shared.added
    }

    /// The rows whose messages it has taken in.
    #[must_use]
    pub fn taken(&self) -> &[InboundId] {
        &self.shared.taken
    }

    /// Model calls that were answered.
    #[must_use]
    pub fn model_calls(&self) -> u32 {
        self.shared.model_calls
    }

    /// Tokens used so far.
    #[must_use]
    pub fn usage(&self) -> TokenUsage {
        self.shared.usage
    }

    /// The model that it began with, as `PROVIDER/MODEL`.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.shared.model
    }

    /// How far it may go.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.shared.limits
    }

    /// Digest of the core that it began with.
    #[must_use]
    pub fn core_digest(&self) -> &str {
        &self.shared.core
    }

    /// Has the person told `text` at the end, once.
    pub fn note(&mut self, text: &str) {
        if !self.shared.notes.iter().any(|note| note == text) {
            self.shared.notes.push(text.to_owned());
        }
    }

    /// Whether it waits for a person.
    #[must_use]
    pub fn is_suspended(&self) -> bool {
        matches!(self.state, State::Suspended { .. })
    }

    /// Names of the tools that were called, in order of their first call.
    #[must_use]
    pub fn tools_used(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for call in self.shared.added.iter().flat_map(Message::tool_calls) {
            if !names.contains(&call.name) {
                names.push(call.name.clone());
            }
        }
        names
    }

    pub(super) fn message(
        shared: &Shared,
        stamp: Stamp,
        role: session_api::Role,
        principal: Option<PrincipalId>,
        parts: Vec<Part>,
    ) -> Message {
        Message { id: stamp.id, role, principal, turn: shared.turn, at: stamp.at, parts }
    }
}
