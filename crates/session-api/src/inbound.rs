//! What comes in.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    ApprovalId, Decision, Effort, InboundId, OutboxMessage, Part, Principal, Purpose, Route, SessionKey,
    Timestamp, TurnId, WorkerId,
};

/// One thing that came in, before it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbound {
    /// Its id here, made by whoever accepts it.
    pub id: InboundId,
    /// The platform's id of the *event*. Unique within channel and account, for ever: a second row with the same one
    /// is a duplicate.
    pub external_id: String,
    /// The conversation it belongs to.
    pub session: SessionKey,
    /// The session that started this one, for a subagent's first message.
    pub parent: Option<SessionKey>,
    /// Where the answer goes.
    pub reply: Route,
    /// Who sent it.
    pub principal: Principal,
    /// What it is.
    pub kind: InboundKind,
    /// What a `Message` does when a turn of its session runs.
    #[serde(default)]
    pub busy: WhenBusy,
    /// How long to wait for more of the same before a turn starts. `None`: not at all, and nothing joins it.
    pub coalesce: Option<Duration>,
    /// Who may run its turn.
    pub runner: Runner,
    /// What this run does differently.
    pub overrides: RunOverrides,
    /// Its content.
    pub parts: Vec<Part>,
    /// Whether others read along, whoever speaks: it was said in a group. From then on its session is shared, and so is each
    /// that it starts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
    /// When the platform or the adapter saw it.
    pub received_at: Timestamp,
    /// Follows the message through logs, events, audit rows and reply metadata.
    pub correlation: String,
}

/// What a [`Message`](InboundKind::Message) does when it comes while a turn of its session is open. With none open it
/// makes no difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenBusy {
    /// It may join the running turn ([`Mailbox::absorb`](crate::Mailbox::absorb)).
    #[default]
    Steer,
    /// It waits for the next turn, and so does what comes behind it.
    Queue,
    /// It stops the open turns of the session and of its descendants, and founds the next turn.
    Interrupt,
}

/// What an inbound row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum InboundKind {
    /// Something to answer.
    Message,
    /// A slash command or a direct tool call: answered without a model.
    Command,
    /// An answer to a question. One that matches an open question of a suspended turn is settled at once and resumes
    /// that turn; any other stays a row, and its turn says that the question is gone.
    Answer {
        /// Which question.
        approval: ApprovalId,
        /// The answer.
        decision: Decision,
    },
    /// Stops the open turns of the session and of its descendants, and is settled by that. With none open it stays a
    /// row, and its turn says that nothing was running.
    Stop,
    /// Locks everything, when it comes from somebody of rank `Owner`: stops the open turns of all sessions and sets
    /// [`Locked`](crate::Locked). It stays a row, as anybody else's does, and its turn says what became of it.
    Lock,
    /// The result of a subagent, addressed to its parent.
    Result {
        /// The subagent's turn.
        child: TurnId,
    },
}

impl InboundKind {
    /// Whether a row of this kind may be leased before rows of its session that stand ahead of it in back-off.
    #[must_use]
    pub fn passes_back_off(self) -> bool {
        matches!(self, Self::Command | Self::Lock)
    }
}

/// Who may lease a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Runner {
    /// Any worker.
    Any,
    /// This worker while it lives; afterwards any, since everything a row needs is stored in it.
    Only(WorkerId),
}

/// What one run does differently from the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunOverrides {
    /// `PROVIDER/MODEL`.
    pub model: Option<String>,
    /// Name of a preset. Not together with `model`.
    pub preset: Option<String>,
    /// How hard to think, where it is not as the conversation or the model has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
    /// Most model calls.
    pub max_model_calls: Option<u32>,
    /// Most tool calls.
    pub max_tool_calls: Option<u32>,
    /// Longest wall time, in seconds.
    pub max_seconds: Option<u64>,
    /// The only tools offered.
    pub tools: Option<Vec<String>>,
    /// The model sees nothing of what was said before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fresh: bool,
    /// An answer of nothing but this word is not said, and the turn is quiet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet: Option<String>,
    /// How often it is tried again, after a while, when no model can be had.
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: u32,
    /// What its model calls count as, where that is not `chat`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// What a run is besides, when another session started it. All rows of its session run as the first one says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub child: Option<Box<ChildRun>>,
}

/// A run that another session started: a subagent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChildRun {
    /// What it is called, for people and models.
    pub name: String,
    /// How far below a conversation with people it stands: 1 for a child of one.
    pub depth: u32,
    /// The profile that it was started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Instructions besides those that everybody has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// The most that it may cost, in millionths of a US dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost_micros: Option<u64>,
    /// What it does instead of asking a model, as JSON text: the business of whoever runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// An inbound row as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundRow {
    /// The order in which the store accepted it.
    pub seq: u64,
    /// What came in.
    pub inbound: Inbound,
    /// When it was accepted.
    pub accepted_at: Timestamp,
}

/// How an accepted message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was answered.
    Replied,
    /// It was refused, and the sender was told.
    Refused,
    /// It failed, and the sender was told.
    Failed,
    /// It was stopped by the user.
    Stopped,
    /// It needed no answer (jobs, heartbeat, subagents, unmentioned group talk).
    Quiet,
}

/// Where an accepted row stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InboundState {
    /// It waits; this many rows of its session stand before it.
    Pending {
        /// Rows before it, running ones included.
        ahead: u64,
    },
    /// Its turn runs, or was orphaned and will be resumed.
    Running(TurnId),
    /// Its turn waits for an approval.
    Suspended(TurnId),
    /// It ended.
    Settled(Settled),
    /// It failed too often and waits for an operator.
    Dead {
        /// The last error.
        error: String,
    },
}

/// How a row ended, with what was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The turn that settled it; none for a stop or an answer that was settled as it came in.
    pub turn: Option<TurnId>,
    /// How.
    pub outcome: Outcome,
    /// What that turn said to the row's route, in order.
    pub replies: Vec<OutboxMessage>,
}

/// A row and where it stands: what a pull channel reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundView {
    /// The row.
    pub row: InboundRow,
    /// Where it stands.
    pub state: InboundState,
}
