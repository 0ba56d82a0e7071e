//! The port to language models.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};
use session_api::{BlobId, Effort, Message, ToolCall};
use tool_api::ToolSpec;

/// What a provider is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderInfo {
    /// Its name in the configuration.
    pub name: String,
    /// Its wire format: `openai`, `anthropic`, `offline`, …
    pub kind: String,
    /// Whether its models take images.
    pub images: bool,
    /// The media types of files that its wire format can hold.
    pub files: &'static [&'static str],
}

/// One call of a model.
#[derive(Debug, Clone)]
pub struct ModelRequest {
    /// The model, as this provider names it.
    pub model: String,
    /// What stands before the conversation.
    pub system: Arc<str>,
    /// The conversation, oldest first. Every tool call in it has exactly one result.
    pub messages: Arc<Vec<Message>>,
    /// The tools on offer, by name.
    pub tools: Arc<[ToolSpec]>,
    /// The bytes of the images and files that `messages` names, as far as they are to be sent.
    pub blobs: HashMap<BlobId, Bytes>,
    /// How hard to think; `None`: as the provider is set up.
    pub effort: Option<Effort>,
    /// Most tokens to write; `None`: the provider's own limit.
    pub max_output_tokens: Option<u32>,
    /// Follows the message through logs; sent where the wire format has a place for it.
    pub correlation: String,
}

/// What comes back, piece by piece.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelEvent {
    /// More of the answer's text. Never empty.
    Text(String),
    /// More of what the model thinks aloud. Never empty.
    Reasoning(String),
    /// A whole tool call. Its id may be empty or stand twice where the model wrote nonsense; the turn mends that. Its
    /// arguments are as the model wrote them.
    ToolCall(ToolCall),
    /// Something that must be sent back unchanged with the next request.
    Opaque {
        /// The wire format that understands it.
        format: String,
        /// Its content.
        data: serde_json::Value,
    },
    /// An attempt failed and another one follows: all that came before this is void. Only layers send it, an adapter never
    /// does.
    Attempt(Box<Attempt>),
    /// The end. The last event, exactly once, unless the stream ends with an error.
    Finished(Finished),
}

/// An attempt at a reply that failed and was not the last one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Who was asked.
    pub provider: String,
    /// For which model.
    pub model: String,
    /// What went wrong.
    pub kind: ModelErrorKind,
    /// What went wrong, for a person.
    pub message: String,
    /// How long the attempt took, in milliseconds.
    pub millis: u64,
    /// How long is waited before the next one, in milliseconds.
    pub wait_millis: u64,
    /// What it used, by our own estimate: a reply that breaks off comes without a count.
    pub usage: TokenUsage,
    /// Who is asked next; the same provider where it is only asked again.
    pub next_provider: String,
    /// For which model.
    pub next_model: String,
}

/// How a reply ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Why.
    pub reason: FinishReason,
    /// What it used, where the provider says so.
    pub usage: Option<TokenUsage>,
    /// The model that answered, where the provider says so.
    pub model: Option<String>,
}

/// Why a model stopped writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// It was done, or said nothing of why.
    Stop,
    /// It wants tools called.
    ToolCalls,
    /// Its limit of tokens.
    Length,
    /// A filter of the provider.
    Filtered,
}

/// Tokens of one model call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TokenUsage {
    /// Read, cached ones included.
    pub input_tokens: u64,
    /// Those read from a cache.
    pub cached_tokens: u64,
    /// Those put into a cache.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write_tokens: u64,
    /// Written, reasoning included.
    pub output_tokens: u64,
}

/// Most vendors ask nothing for it and do not count it.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl std::ops::AddAssign for TokenUsage {
    fn add_assign(&mut self, other: Self) {
        self.input_tokens += other.input_tokens;
        self.cached_tokens += other.cached_tokens;
        self.cache_write_tokens += other.cache_write_tokens;
        self.output_tokens += other.output_tokens;
    }
}

/// What went wrong, by what can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelErrorKind {
    /// The key is missing, wrong, or may not do this.
    Auth,
    /// Too many requests.
    RateLimited,
    /// The account has no money left.
    Quota,
    /// The server cannot be reached or says that it cannot serve now.
    Unavailable,
    /// It took too long.
    Timeout,
    /// The server does not know the model or the path.
    NotFound,
    /// The conversation is too long for the model.
    ContextTooLong,
    /// The server refused the request as it is.
    BadRequest,
    /// The reply broke off or makes no sense.
    BadReply,
    /// The provider is not set up.
    NotConfigured,
}

impl ModelErrorKind {
    /// Whether it may go well after a while.
    #[must_use]
    pub fn retry_helps(self) -> bool {
        matches!(self, Self::RateLimited | Self::Unavailable | Self::Timeout | Self::BadReply)
    }
}

/// Whether to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It would fail again.
    Never,
    /// Not before this time has passed; the server said so.
    After(Duration),
    /// After a while.
    Backoff,
}

/// Why a model call failed. `message` is one sentence for a person, without secrets, URLs' credentials or bodies of
/// more than 200 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ModelError {
    /// What can be done.
    pub kind: ModelErrorKind,
    /// Whether a retry helps.
    pub retry: Retry,
    /// For a person.
    pub message: String,
    /// The HTTP status, where there was one.
    pub status: Option<u16>,
}

impl ModelError {
    /// An error without a status whose kind says whether a retry helps.
    pub fn new(kind: ModelErrorKind, message: impl Into<String>) -> Self {
        let retry = if kind.retry_helps() { Retry::Backoff } else { Retry::Never };
        Self { kind, retry, message: message.into(), status: None }
    }
}

/// The pieces of a reply.
pub type ModelStream = BoxStream<'static, Result<ModelEvent, ModelError>>;

/// A language model behind some wire format.
///
/// A provider never retries. Dropping the future or the stream closes the connection. Whatever a server sends, a stream
/// ends within bounded time and memory, with `Finished` or with one error, and nothing follows either.
#[async_trait]
pub trait LlmProvider: Send + Sync {
    /// What it is.
    fn info(&self) -> &ProviderInfo;

    /// Calls the model. An error before the first piece comes back here or as the stream's first item; behind
    /// layers, failed attempts come before it.
    async fn stream(&self, request: ModelRequest) -> Result<ModelStream, ModelError>;

    /// The models it offers, in its own order.
    async fn models(&self) -> Result<Vec<String>, ModelError>;
}
