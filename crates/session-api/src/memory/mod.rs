//! Finding again what was said and noted.

mod excerpt;
mod place;
mod rank;
mod words;

use async_trait::async_trait;

use crate::{PrincipalId, Role, Scope, SessionKey, StoreError, Timestamp};

pub use excerpt::excerpt;
pub use place::{MemoryPlace, MemoryPlaceError};
pub use rank::Ranking;
pub use words::{index_words, query_words};

/// The newest matches of a word that are ranked; of several words a few hundred each, and those of the two rarest
/// together. That there are older ones is told by [`Recalled::more`].
pub const RANKED: usize = 2_000;
/// Most hits of one search.
pub const MOST_HITS: usize = 100;

/// What a piece of memory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemoryKind {
    /// Something that a person or the model said.
    Message,
    /// What a tool answered.
    Result,
    /// A section of a file that the person or the model wrote.
    Note,
}

/// What to look for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemoryQuery {
    /// Words in any order. Signs mean nothing; a text without words finds nothing.
    pub text: String,
    /// Only in this session.
    pub session: Option<SessionKey>,
    /// Only in sessions in which this person alone spoke, and in their files.
    pub person: Option<PrincipalId>,
    /// Nothing older.
    pub since: Option<Timestamp>,
    /// Only what is older.
    pub until: Option<Timestamp>,
    /// Only this kind.
    pub kind: Option<MemoryKind>,
    /// At most this many hits, and never more than [`MOST_HITS`].
    pub limit: usize,
}

/// A piece of memory that fits.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryHit {
    /// Where it stands.
    pub place: MemoryPlace,
    /// What it is.
    pub kind: MemoryKind,
    /// Who said it, in a message.
    pub role: Option<Role>,
    /// When it was said or last changed.
    pub at: Timestamp,
    /// All of it, except that of a stored result only what the model got to read is here.
    pub text: String,
}

/// What was found, best first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recalled {
    /// The hits.
    pub hits: Vec<MemoryHit>,
    /// Whether there are matches that were not ranked, or not returned.
    pub more: bool,
    /// What whoever reads the answer must know of it: that it is not complete, say. Sentences without a capital or a stop.
    pub told: Vec<String>,
}

/// How far the index has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IndexProgress {
    /// Messages that were taken up.
    pub taken: usize,
    /// Whether there are more.
    pub left: bool,
}

/// A file of notes as the index knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryFile {
    /// Its path in the workspace, with `/`.
    pub path: String,
    /// Whose it is. Nobody else finds it.
    pub person: PrincipalId,
    /// Changes whenever the file does.
    pub stamp: String,
    /// When it last changed.
    pub at: Timestamp,
    /// Its sections in order.
    pub sections: Vec<MemorySection>,
}

/// A section of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemorySection {
    /// The line with which it begins, from 1.
    pub line: u32,
    /// Its text.
    pub text: String,
}

/// Finds messages, tool results and notes by their words. What lies outside `scope` does not exist: with
/// [`Scope::Of`] that are the sessions in which this person alone spoke and their files, with [`Scope::Session`] that
/// session and no file.
#[async_trait]
pub trait MemoryIndex: Send + Sync {
    /// Takes up messages that were committed and not taken up yet, oldest first, at most `limit`. Each is taken up once,
    /// whoever asks and however often a process dies. With nothing to take up it writes nothing.
    async fn index_messages(&self, limit: usize) -> Result<IndexProgress, StoreError>;

    /// Replaces what is known of a file. One without sections is forgotten.
    async fn index_file(&self, file: MemoryFile) -> Result<(), StoreError>;

    /// Path and stamp of each file that is known, by path.
    async fn indexed_files(&self) -> Result<Vec<(String, String)>, StoreError>;

    /// The sections of a file from `line` on, in order, at most `limit`.
    async fn notes(
        &self,
        scope: &Scope,
        path: &str,
        line: u32,
        limit: usize,
    ) -> Result<Vec<MemorySection>, StoreError>;

    /// Never finds a message again, also not after [`forget_index`](Self::forget_index). It stays in its session. `false`
    /// where there is none.
    async fn forget_message(&self, scope: &Scope, session: &SessionKey, seq: u64)
    -> Result<bool, StoreError>;

    /// Forgets all that was taken up, files included, so that it is taken up anew.
    async fn forget_index(&self) -> Result<(), StoreError>;

    /// What was taken up and holds a word of the query, best first: what holds more of the words and rarer ones stands
    /// before the rest, and the newer before the older of equals. The newest [`RANKED`] matches in scope are ranked, and
    /// the answer says when there were more. A message that was taken away is not found any more.
    async fn recall(&self, scope: &Scope, query: &MemoryQuery) -> Result<Recalled, StoreError>;
}
