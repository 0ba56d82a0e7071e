//! Sessions: the unit of order.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Effort, MessageId, PrincipalId, Timestamp, TurnId};

/// Names one conversation. Rows of one key are worked on in order, one turn at a time; nothing else orders them.
///
/// As text: `channel:account:chat` or `channel:account:chat:thread`, with `%` and `:` inside a field written as
/// `%25` and `%3A`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionKey {
    /// Kind of channel: `cli`, `telegram`, …
    pub channel: String,
    /// The bot's own id on that platform.
    pub account: String,
    /// The chat, as the platform names it.
    pub chat: String,
    /// The thread or topic inside the chat.
    pub thread: Option<String>,
}

impl SessionKey {
    /// A key without a thread.
    pub fn new(channel: impl Into<String>, account: impl Into<String>, chat: impl Into<String>) -> Self {
        Self { channel: channel.into(), account: account.into(), chat: chat.into(), thread: None }
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escape = |field: &str| field.replace('%', "%25").replace(':', "%3A");
        write!(f, "{}:{}:{}", escape(&self.channel), escape(&self.account), escape(&self.chat))?;
        self.thread.as_deref().map_or(Ok(()), |thread| write!(f, ":{}", escape(thread)))
    }
}

/// A text that is no session key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a session key; write channel:account:chat or channel:account:chat:thread")]
pub struct SessionKeyError(pub String);

impl FromStr for SessionKey {
    type Err = SessionKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unescape = |field: &str| field.replace("%3A", ":").replace("%25", "%");
        let fields: Vec<String> = text.split(':').map(unescape).collect();
        let (head, thread) = match fields.as_slice() {
            [head @ .., thread] if fields.len() == 4 => (head, Some(thread.clone())),
            all => (all, None),
        };
        match head {
            [channel, account, chat] if head.iter().all(|field| !field.is_empty()) => {
                Ok(Self { thread, ..Self::new(channel.as_str(), account.as_str(), chat.as_str()) })
            }
            _ => Err(SessionKeyError(text.to_owned())),
        }
    }
}

/// Where an answer goes. It comes from the inbound row, never from the session's key or from "last used".
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Route {
    /// Kind of channel.
    pub channel: String,
    /// The bot's own id there.
    pub account: String,
    /// The chat.
    pub chat: String,
    /// The thread or topic.
    pub thread: Option<String>,
    /// The platform's id of the message that is answered.
    pub reply_to: Option<String>,
}

impl Route {
    /// The route that leads to the chat a session is named after.
    #[must_use]
    pub fn to_session(key: &SessionKey) -> Self {
        let SessionKey { channel, account, chat, thread } = key.clone();
        Self { channel, account, chat, thread, reply_to: None }
    }
}

/// What is known of a session without reading its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    /// Its name.
    pub key: SessionKey,
    /// Who spoke first in it; `shared` says whether anyone else did, or reads along.
    pub principal: PrincipalId,
    /// Whether more than one principal spoke, or what was said was said in a group. It never ends.
    pub shared: bool,
    /// A title somebody gave it.
    pub title: Option<String>,
    /// The model chosen for it by `/model`.
    pub model: Option<String>,
    /// How hard that model is to think, chosen by `/think`.
    pub effort: Option<Effort>,
    /// The session that started it (subagents).
    pub parent: Option<SessionKey>,
    /// Raised whenever history is taken away; what was begun under an older epoch is refused.
    pub epoch: u64,
    /// Messages stored.
    pub messages: u64,
    /// The place of the newest message; more than `messages` where older ones were taken away.
    pub last_seq: u64,
    /// Inbound rows that wait.
    pub pending: u64,
    /// The turn that runs, waits for an approval, or was orphaned.
    pub open_turn: Option<TurnId>,
    /// When its first row was accepted.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Changes to the session itself that belong to a turn's commit. `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SessionWrite {
    /// Sets the title.
    pub title: Option<String>,
    /// Sets (`Some(Some)`) or forgets (`Some(None)`) the session's model.
    pub model: Option<Option<String>>,
    /// Sets (`Some(Some)`) or forgets (`Some(None)`) how hard the session's model is to think.
    #[serde(default)]
    pub effort: Option<Option<Effort>>,
    /// Starts afresh: the next [`window`](crate::SessionStore::window) begins after this commit. Nothing is deleted.
    pub fresh: bool,
    /// Takes the messages up to this place away, and with them the summaries that stand for them, and raises the epoch;
    /// the turn that writes it goes on under the new one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trim: Option<u64>,
    /// Takes this checkpoint back, and those that were made after it, so that a window begins where it began before. The
    /// epoch is raised: a summary that is being made meanwhile is refused. Only in a commit.
    pub undo: Option<MessageId>,
}
