//! The port to chat platforms.
//!
//! # Writing a channel
//!
//! [`connect`](Channel::connect) proves the key and tells who the bot is. [`run`](Channel::run) then hands everything
//! that the platform delivers to the [`Inlet`]: in the platform's order, whole batches, kinds it does not know included
//! (as an empty batch that moves the cursor). It acknowledges to the platform only after the inlet returned the
//! [`Ack`](session_api::Ack). It returns when the connection is lost: the supervisor calls `connect` and `run` again,
//! with back-off. [`send`](Channel::send) delivers one part. No method retries.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use session_api::{BlobStore, Clock, IdSource, PartClaim, Route, StoreError, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::{Inlet, commands::CommandHelp};

/// In what a platform counts the length of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextUnit {
    /// Unicode scalar values.
    Chars,
    /// UTF-16 code units.
    Utf16,
    /// Bytes of UTF-8.
    Bytes,
}

impl TextUnit {
    /// The length of `text` in this unit.
    #[must_use]
    pub fn len(self, text: &str) -> usize {
        match self {
            Self::Chars => text.chars().count(),
            Self::Utf16 => text.encode_utf16().count(),
            Self::Bytes => text.len(),
        }
    }
}

/// What a platform can do. What it cannot, the core does not ask of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelCapabilities {
    /// Most units of markdown in one part. The adapter's markup of a part of this length fits the platform's own limit.
    pub text_limit: usize,
    /// In what it is counted.
    pub unit: TextUnit,
    /// The shortest time between two edits of one part; `None` where a sent part cannot be changed.
    pub edits: Option<Duration>,
    /// How often the sign that an answer is being written must be renewed; `None` where there is none.
    pub working: Option<Duration>,
    /// Whether a question can carry buttons. Without, the person answers with the command in its text.
    pub buttons: bool,
    /// Whether a chat has threads.
    pub threads: bool,
    /// Most bytes of a file that can be sent; `None` where none can.
    pub media: Option<u64>,
    /// Whether the platform refuses a second send with the same idempotency key.
    pub idempotent_sends: bool,
}

/// Who the bot is on the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its stable id: half of the key under which sessions, cursors and duplicates are kept.
    pub id: String,
    /// Its name, for people.
    pub name: String,
}

/// What came of a send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The platform's id of the part, where it gives one.
    pub platform_id: Option<String>,
}

/// What a platform knows of a part that was being sent when the process died.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reconciled {
    /// It has it, under this id.
    Sent(Sent),
    /// It does not have it: sending is safe.
    NotSent,
    /// It cannot tell.
    Unknown,
}

/// Why a platform did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// Later: at once after this time where the platform named one.
    #[error("{message}")]
    Temporary {
        /// For a person.
        message: String,
        /// The wait that the platform asked for.
        after: Option<Duration>,
    },
    /// Never: the chat is gone, the bot was blocked, the part is not allowed.
    #[error("{message}")]
    Permanent {
        /// For a person.
        message: String,
    },
    /// The request went out and no answer came: the platform may have taken it.
    #[error("{message}")]
    Doubtful {
        /// For a person.
        message: String,
    },
    /// The channel's configuration or key is wrong; it stops until somebody mends that.
    #[error("{message}")]
    Setup {
        /// For a person, with what to mend.
        message: String,
    },
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether others read along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// One person and the assistant.
    Direct,
    /// A group, a channel, a server, a mailing list.
    Group,
}

/// Something that a platform delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The platform's id of the event: the same at a redelivery.
    pub external_id: String,
    /// The chat.
    pub chat: String,
    /// The thread or topic.
    pub thread: Option<String>,
    /// Whether others read along.
    pub place: Place,
    /// The sender's stable id on the platform. Never a name: names can be taken by others.
    pub sender: String,
    /// The sender's name, for people and the model. It decides nothing.
    pub sender_name: Option<String>,
    /// Whether the assistant was addressed: a direct chat, a mention, a reply to it, a command to it.
    pub addressed: bool,
    /// Why the adapter itself does not trust or want it, in a few words (`not authenticated by the mail server`).
    pub distrusted: Option<String>,
    /// The platform's id of the message, to be answered.
    pub message_id: Option<String>,
    /// Its content; a mention of the bot is taken out. A pressed button is the command that it stands for.
    pub parts: Vec<session_api::Part>,
    /// When the platform or the adapter saw it.
    pub received_at: Timestamp,
}

/// What came to a channel's webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookRequest {
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body, as it came over the wire: signatures cover these bytes.
    pub body: Bytes,
}

impl HookRequest {
    /// The first header of this (lower-case) name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What a webhook answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookResponse {
    /// The HTTP status: 401 with an empty body for whatever is not proven to come from the platform.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl HookResponse {
    /// This status, nothing else.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self { status, body: String::new() }
    }
}

/// A chat platform.
///
/// A channel knows the inlet and nothing else of the core. It never retries: an error says whether and when a retry
/// helps. No text of it, `Debug` included, holds a secret.
#[async_trait]
pub trait Channel: Send + Sync {
    /// Kind of channel, as in the configuration.
    fn kind(&self) -> &str;

    /// What the platform can do.
    fn capabilities(&self) -> ChannelCapabilities;

    /// Proves the key to the platform and tells who the bot is. Called before [`run`](Self::run), each time.
    async fn connect(&self) -> Result<Account, ChannelError>;

    /// Shows the slash commands in the platform's own menu, where it has one.
    async fn announce(&self, _commands: &[CommandHelp]) -> Result<(), ChannelError> {
        Ok(())
    }

    /// Hands what the platform delivers to `inlet`, in the platform's order and under ids that are the same at a
    /// redelivery, until `stop` is cancelled (`Ok`) or the connection is lost (an error). An event is acknowledged to
    /// the platform only after the inlet gave the [`Ack`](session_api::Ack) for it.
    async fn run(&self, inlet: Inlet, stop: CancellationToken) -> Result<(), ChannelError>;

    /// Takes what came to the channel's webhook. What is not proven to come from the platform changes nothing.
    async fn hook(&self, _inlet: &Inlet, _request: HookRequest) -> HookResponse {
        HookResponse::status(404)
    }

    /// Sends one part: by editing where `claim.part.platform_id` names what is visible, by deleting that where there is
    /// no body. A text is markdown; where the platform refuses its markup, the same text goes plain. An edit to what
    /// stands already is a success. `claim.kind` asks for buttons with a question. Dropping the call gives up waiting.
    async fn send(&self, claim: &PartClaim) -> Result<Sent, ChannelError>;

    /// Whether the platform has a part whose sending was cut off.
    async fn reconcile(&self, claim: &PartClaim) -> Result<Reconciled, ChannelError>;

    /// Shows (again) or takes away the sign that an answer to `route` is being written. Best effort.
    async fn working(&self, _route: &Route, _on: bool) -> Result<(), ChannelError> {
        Ok(())
    }
}

/// What an adapter gets to build a channel with.
#[derive(Clone)]
pub struct ChannelDeps {
    /// The bytes of files that are sent.
    pub blobs: Arc<dyn BlobStore>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
}

/// A table of a channel's configuration that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {message}")]
pub struct ChannelSetupError {
    /// The key at fault, from the channel's own table on, dotted.
    pub key: String,
    /// What is wrong and what to do. Never a secret.
    pub message: String,
}

/// Builds a channel from its table, in which secrets have been resolved. Does no I/O.
pub type BuildChannel = fn(serde_json::Value, &ChannelDeps) -> Result<Arc<dyn Channel>, ChannelSetupError>;

/// A kind of channel that an adapter crate brings. Each such crate exports a table of them, and `app` chains the tables.
#[derive(Debug, Clone, Copy)]
pub struct ChannelKind {
    /// Its name in the configuration: `[channels.NAME]`.
    pub name: &'static str,
    /// What it is, for lists.
    pub summary: &'static str,
    /// Whether a stranger who writes directly is told a pairing code unless the configuration says otherwise: yes for
    /// chats; no where an answer to a stranger would be a nuisance, as by mail.
    pub pairing: bool,
    /// Makes one.
    pub build: BuildChannel,
}
