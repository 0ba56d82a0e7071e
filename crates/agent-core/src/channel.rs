//! The port to chat platforms.

use std::time::Duration;

use async_trait::async_trait;
use session_api::{Ack, PartClaim, StoreError, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::Inlet;

/// What a platform can do. What it cannot, the core does not ask of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelCapabilities {
    /// Most characters of one part, in the platform's own unit.
    pub text_limit: usize,
    /// Whether a sent part can be changed.
    pub edits: bool,
    /// Whether it can show that an answer is being written.
    pub typing: bool,
    /// Whether a chat has threads.
    pub threads: bool,
    /// Whether images and files can be sent.
    pub media: bool,
    /// Whether the platform refuses a second send with the same idempotency key.
    pub idempotent_sends: bool,
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

/// Something that a platform delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The platform's id of the event.
    pub external_id: String,
    /// The chat.
    pub chat: String,
    /// The thread or topic.
    pub thread: Option<String>,
    /// The sender's stable id on the platform. Never a name: names can be taken by others.
    pub sender: String,
    /// Whether the assistant was addressed: a direct chat, a mention, a reply to it.
    pub addressed: bool,
    /// The platform's id of the message, to be answered.
    pub message_id: Option<String>,
    /// Its content.
    pub parts: Vec<session_api::Part>,
    /// When the platform or the adapter saw it.
    pub received_at: Timestamp,
}

/// A chat platform.
///
/// A channel knows the inlet and nothing else of the core. It never retries: an error says whether and when a retry
/// helps. No text of it, `Debug` included, holds a secret.
#[async_trait]
pub trait Channel: Send + Sync {
    /// Kind of channel, as in the configuration.
    fn kind(&self) -> &str;

    /// The bot's own id on the platform.
    fn account(&self) -> &str;

    /// What the platform can do.
    fn capabilities(&self) -> ChannelCapabilities;

    /// Hands what the platform delivers to `inlet`, in the platform's order and under ids that are the same at a
    /// redelivery, until `stop` is cancelled. An event is acknowledged to the platform only with the [`Ack`] that the
    /// inlet gave for it.
    async fn run(&self, inlet: Inlet, stop: CancellationToken) -> Result<(), ChannelError>;

    /// Sends one part: by editing where `claim.part.platform_id` names what is visible, by deleting that where there is
    /// no body.
    async fn send(&self, claim: &PartClaim) -> Result<Sent, ChannelError>;

    /// Whether the platform has a part that was being sent when the process died.
    async fn reconcile(&self, claim: &PartClaim) -> Result<Reconciled, ChannelError>;

    /// Acknowledges an event to the platform.
    async fn acknowledge(&self, external_id: &str, ack: Ack) -> Result<(), ChannelError>;
}
