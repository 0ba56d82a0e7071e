//! Histories.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    Effort, Message, MessageId, Outside, Scope, SessionInfo, SessionKey, StoreError, Timestamp, Writes,
};

/// A message with its place in its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its place, from 1, without gaps as long as nothing was taken away.
    pub seq: u64,
    /// The message.
    pub message: Message,
}

/// What stands for older history from a certain message on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Its id.
    pub id: MessageId,
    /// The last message it stands for.
    pub upto: u64,
    /// The summary; empty after `/new`.
    pub summary: String,
    /// When it was made.
    pub at: Timestamp,
    /// The marks of the messages that it stands for.
    #[serde(default)]
    pub outside: Outside,
}

/// How much of a history to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowBudget {
    /// At most this many messages.
    pub messages: usize,
    /// At most this many bytes of stored messages; the newest message is returned whatever its size.
    pub bytes: usize,
}

/// The newest part of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The newest checkpoint.
    pub checkpoint: Option<Checkpoint>,
    /// What follows it, oldest first, as far as the budget reaches.
    pub messages: Vec<StoredMessage>,
    /// Whether messages after the checkpoint were left out.
    pub truncated: bool,
    /// The session's epoch at the time of reading.
    pub epoch: u64,
    /// The model chosen for this session.
    pub model: Option<String>,
    /// How hard that model is to think.
    pub effort: Option<Effort>,
    /// Whether others than one person speak or read along there.
    pub shared: bool,
}

/// Which messages of a history to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Only messages with a greater seq.
    pub after: u64,
    /// At most this many.
    pub limit: usize,
}

/// A message that holds what was searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchHit {
    /// Its session.
    pub session: SessionKey,
    /// The message.
    pub message: StoredMessage,
}

/// Reads histories and takes from them. Messages are added by [`Mailbox::commit`](crate::Mailbox::commit) only (and by
/// [`import_session`](Self::import_session)). What lies outside `scope` does not exist.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// The newest checkpoint and what follows it within `budget`. It costs the same at message 100 and at message
    /// 1,000,000. An unknown session has an empty window.
    async fn window(
        &self,
        scope: &Scope,
        key: &SessionKey,
        budget: WindowBudget,
    ) -> Result<Window, StoreError>;

    /// Messages in order, checkpoints notwithstanding.
    async fn messages(
        &self,
        scope: &Scope,
        key: &SessionKey,
        page: Page,
    ) -> Result<Vec<StoredMessage>, StoreError>;

    /// What is known of one session.
    async fn session(&self, scope: &Scope, key: &SessionKey) -> Result<Option<SessionInfo>, StoreError>;

    /// Sessions, last changed first, at most `limit`.
    async fn sessions(&self, scope: &Scope, limit: usize) -> Result<Vec<SessionInfo>, StoreError>;

    /// Sessions that `parent` started, or that any session started, last changed first, at most `limit`. With `active`
    /// only those with an open turn or rows that wait.
    async fn children(
        &self,
        parent: Option<&SessionKey>,
        active: bool,
        limit: usize,
    ) -> Result<Vec<SessionInfo>, StoreError>;

    /// Messages whose text holds `text`, letter case ignored (ASCII at least), newest first, at most `limit`.
    async fn search(&self, scope: &Scope, text: &str, limit: usize) -> Result<Vec<SearchHit>, StoreError>;

    /// Appends a checkpoint if the session's epoch and its newest checkpoint are still these; else
    /// [`StoreError::Conflict`], and nothing changes. No lease is needed, and messages may come in meanwhile. `writes`,
    /// which must [stand alone](Writes::stands_alone), are applied with it: what it cost, and the word to the person.
    async fn append_checkpoint(
        &self,
        key: &SessionKey,
        epoch: u64,
        previous: Option<MessageId>,
        checkpoint: Checkpoint,
        writes: Writes,
    ) -> Result<(), StoreError>;

    /// Takes all messages and checkpoints of a session away, with the values that [belong to
    /// it](crate::PrincipalId::of_session), and raises its epoch. An open turn is marked as stopped;
    /// while a living worker holds its lease the answer is [`StoreError::Busy`] and nothing else changes. Pending rows
    /// stay. Returns how many messages there were; an unknown session has 0.
    async fn clear_session(&self, scope: &Scope, key: &SessionKey) -> Result<u64, StoreError>;

    /// As [`clear_session`](Self::clear_session), and the session itself goes, with its pending rows, turns, journal,
    /// outbox, approvals, usage and
    /// [values](crate::PrincipalId::of_session). The hashes of its external ids stay, so that nothing is accepted twice. Returns
    /// whether it existed.
    async fn delete_session(&self, scope: &Scope, key: &SessionKey) -> Result<bool, StoreError>;

    /// Adds messages behind those of a session that nobody works on ([`StoreError::Busy`] else), creating it for
    /// `owner` where it is new. A message whose id stands already is left out. Returns how many were added.
    async fn import_session(
        &self,
        key: &SessionKey,
        owner: &crate::PrincipalId,
        messages: Vec<Message>,
    ) -> Result<u64, StoreError>;
}
