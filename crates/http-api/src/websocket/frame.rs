//! Frames to a client.

use std::borrow::Cow;

use agent_core::RunEvent;
use serde::Serialize;
use session_api::{ApprovalId, ApprovalState, BlobId, InboundId, OutboxId, Outcome, Timestamp};

/// A frame, as its JSON.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Frame<'a> {
    /// The client may speak.
    Ready { v: u64, account: &'a str, version: &'a str },
    /// The client follows this conversation.
    Attached { session: &'a str, last: &'a Position },
    /// The message is in the inbox, and survives anything.
    Accepted { id: &'a str, session: &'a str, inbound: InboundId, duplicate: bool },
    /// Something happens in a run. Best effort.
    Event { session: &'a str, event: &'a RunEvent },
    /// So many events were left out, since the client read too slowly.
    Missed { events: u64 },
    /// The answer to one or more messages.
    Reply(Answer<'a>),
    /// Something besides the answer.
    Notice(Answer<'a>),
    /// A question that waits for a decision.
    Question {
        approval: ApprovalId,
        open: bool,
        #[serde(flatten)]
        answer: Answer<'a>,
    },
    /// A message of this connection ended.
    Settled {
        id: &'a str,
        session: &'a str,
        inbound: InboundId,
        outcome: Ending,
        #[serde(skip_serializing_if = "Option::is_none")]
        event_id: Option<OutboxId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// What runs there is being stopped.
    Stopping { session: &'a str },
    /// A question was answered.
    Answered { approval: ApprovalId, state: ApprovalState },
    /// A frame was not carried out.
    Error {
        code: ErrorCode,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
    /// The answer to `ping`.
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
    },
}

/// Something that the assistant said: numbered by the id under which it is kept.
#[derive(Debug, Serialize)]
pub(super) struct Answer<'a> {
    pub(super) event_id: OutboxId,
    pub(super) session: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inbound: Option<InboundId>,
    /// The client's own id of that message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) in_reply_to: Option<&'a str>,
    pub(super) text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) outcome: Option<Ending>,
    pub(super) at: Timestamp,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) attachments: Vec<Attachment<'a>>,
}

/// A file that the assistant sends.
#[derive(Debug, Serialize)]
pub(super) struct Attachment<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) mime: &'a str,
    pub(super) bytes: usize,
    pub(super) blob: &'a BlobId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) base64: Option<String>,
}

/// How a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ending {
    Replied,
    Refused,
    Failed,
    Stopped,
    Quiet,
    /// Failed for good; kept as a dead letter that can be tried again.
    Dead,
    /// Its session was deleted, and it with it.
    Deleted,
}

impl From<Outcome> for Ending {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Replied => Self::Replied,
            Outcome::Refused => Self::Refused,
            Outcome::Failed => Self::Failed,
            Outcome::Stopped => Self::Stopped,
            Outcome::Quiet => Self::Quiet,
        }
    }
}

/// A place in what a conversation said: behind this message, or, as `0`, at its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    Start,
    After(OutboxId),
}

impl Position {
    /// What a client wrote; `None` for what no server ever gave out.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text == "0" { Some(Self::Start) } else { text.parse().ok().map(Self::After) }
    }
}

impl Serialize for Position {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Start => serializer.serialize_str("0"),
            Self::After(id) => serializer.collect_str(id),
        }
    }
}

/// Why a frame was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ErrorCode {
    BadFrame,
    UnsupportedVersion,
    BadSession,
    BadId,
    BadFile,
    Empty,
    IdUsed,
    UnknownEvent,
    NotOpen,
    RateLimited,
    TooManySessions,
    TooManyMessages,
    Refused,
    StorageFull,
    Unavailable,
}

/// Why a frame was not carried out, for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: ErrorCode,
    pub(super) message: String,
    pub(super) retry_after_ms: Option<u64>,
}

impl Refusal {
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after_ms: None }
    }

    pub(super) fn is_about_the_version(&self) -> bool {
        self.code == ErrorCode::UnsupportedVersion
    }
}

impl From<agent_core::AgentError> for Refusal {
    fn from(error: agent_core::AgentError) -> Self {
        match error {
            agent_core::AgentError::Session(error) => error.into(),
            other => Self::new(ErrorCode::Unavailable, other.to_string()),
        }
    }
}

impl From<session_api::StoreError> for Refusal {
    /// The client learns that it may try again, not where on the disk something went wrong.
    fn from(error: session_api::StoreError) -> Self {
        tracing::warn!(%error, "a WebSocket client's request could not be stored or read");
        match error {
            session_api::StoreError::Full { .. } => {
                Self::new(ErrorCode::StorageFull, "there is no room to store this; nothing was accepted")
            }
            _ => Self::new(ErrorCode::Unavailable, "the store did not answer; send the same frame again"),
        }
    }
}
