//! What goes out.

use serde::{Deserialize, Serialize};

use crate::{
    ApprovalId, InboundId, OutboxId, PairingCode, Part, PartId, Route, SessionKey, Timestamp, TurnId,
};

/// A whole outgoing message, before it is split for its platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxMessage {
    /// Its id; also the root of each part's idempotency key.
    pub id: OutboxId,
    /// The turn that said it.
    pub turn: Option<TurnId>,
    /// The row it answers.
    pub inbound: Option<InboundId>,
    /// The conversation it belongs to.
    pub session: SessionKey,
    /// Where it goes.
    pub route: Route,
    /// What it says.
    pub parts: Vec<Part>,
    /// What it is.
    pub kind: OutboxKind,
    /// Who moves it.
    pub delivery: Delivery,
    /// What happens to a part whose sending was interrupted.
    pub on_doubt: OnDoubt,
    /// Drafts of this turn that it replaces, first visible first. Part *i* is delivered by editing draft *i*; drafts
    /// left over are deleted from the platform.
    pub drafts: Vec<PartId>,
    /// When it was said.
    pub at: Timestamp,
}

/// What an outgoing message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OutboxKind {
    /// The answer.
    Reply,
    /// Something the answer does not wait for: a notice, a progress line.
    Notice,
    /// A question that waits for a decision.
    Question {
        /// Which.
        approval: ApprovalId,
    },
    /// Tells the owner that a stranger asks to be let in.
    Pairing {
        /// With which code.
        code: PairingCode,
    },
}

impl OutboxKind {
    /// What a person may choose, as labels and the commands that they stand for: buttons, where a platform has them.
    #[must_use]
    pub fn choices(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Reply | Self::Notice => Vec::new(),
            Self::Question { approval } => {
                vec![("Allow", format!("/approve {approval}")), ("Deny", format!("/deny {approval}"))]
            }
            Self::Pairing { code } => vec![
                ("Let in", format!("/pairing approve {code}")),
                ("Refuse", format!("/pairing deny {code}")),
            ],
        }
    }
}

/// Who moves a message to its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// The dispatcher sends it.
    Push,
    /// The reader fetches it by its inbound id (`cli`, `api`, `library`); it is settled when it is stored.
    Pull,
}

/// Whether a part may be sent again that may have been sent already, and of which the platform cannot tell.
///
/// A part gets into doubt when its sender dies or does not know how the sending ended
/// ([`Settlement::Unknown`]). It is then claimed once more in any case, to ask the platform; this says whether that
/// claim [may send again](PartClaim::may_resend) where the platform does not know either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnDoubt {
    /// Yes, after the first doubt only: at least once.
    #[default]
    ResendOnce,
    /// No, and tell the owner: at most once.
    NeverAndTell,
}

/// Where a part stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartState {
    /// Shown while its turn still runs.
    Draft,
    /// To be claimed: for the first time, after a back-off, or because the last claim ended in doubt.
    Pending,
    /// Given to a claimant.
    Sending,
    /// The platform took it.
    Sent,
    /// The platform refused it, or a part before it, for good.
    Failed,
    /// Nobody knows whether the platform took it, and nobody will find out: the claim that was to clear a doubt ended
    /// in doubt as well.
    Unknown,
}

/// One part, as the platform gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutPart {
    /// Its id. Stable over retries: the idempotency key for platforms that take one.
    pub id: PartId,
    /// The message it is a part of.
    pub message: OutboxId,
    /// Its place in that message, from 0.
    pub index: u32,
    /// What it says; `None` deletes the draft named by `platform_id`.
    pub body: Option<Part>,
    /// The platform's id of what is already visible (a draft): send by editing it.
    pub platform_id: Option<String>,
    /// Where it stands.
    pub state: PartState,
    /// Claims so far, this one included.
    pub attempts: u32,
    /// Whether an earlier claim ended in doubt, so that the platform may have it already. So does a draft whose platform
    /// id was never stored.
    pub doubted: bool,
}

/// A fenced claim on one part: the right to send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartClaim {
    /// The part.
    pub part: OutPart,
    /// Where it goes.
    pub route: Route,
    /// What the message is.
    pub kind: OutboxKind,
    /// Whether the part may be sent though the platform cannot tell whether it has it: one that was never in doubt, and
    /// one that was once, where its message says [`OnDoubt::ResendOnce`].
    pub may_resend: bool,
    /// Fencing token; an older one is refused.
    pub token: u64,
}

/// How a claim ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The platform took it, under this id where it gives one.
    Sent {
        /// The platform's id of it.
        platform_id: Option<String>,
    },
    /// Try again at this time; only its chat waits.
    RetryAt {
        /// When.
        at: Timestamp,
        /// Why.
        error: String,
    },
    /// The platform refused it for good. The rest of its message is not sent; drafts left over are still deleted.
    Failed {
        /// Why.
        error: String,
    },
    /// Nobody knows whether the platform took it. A part that was not in doubt before is pending again, doubted; one
    /// that was is [`PartState::Unknown`] for good, and the rest of its message goes on.
    Unknown {
        /// What happened.
        error: String,
    },
}

/// An outgoing message that did not reach its reader, or of which nobody knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// The message as it was said.
    pub message: OutboxMessage,
    /// Its first part that failed or is unknown.
    pub part: OutPart,
    /// What happened to that part.
    pub error: String,
    /// When.
    pub at: Timestamp,
}

/// A part shown while its turn still runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Its id.
    pub id: PartId,
    /// Where it is shown.
    pub route: Route,
    /// The platform's id of it, once known.
    pub platform_id: Option<String>,
}

/// Splits a message at its platform's limit. Called once for each message; the parts are stored.
pub trait Splitter: Send + Sync {
    /// At least one part, in order, losing no character.
    fn split(&self, message: &OutboxMessage) -> Vec<Part>;
}
