//! The table `[providers.NAME]` of kind `openai`.

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;

/// Settings of one server. The key is no part of it: it comes resolved, beside it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OpenAiConfig {
    /// Where `/chat/completions` and `/models` are appended. A query (`?api-version=…`) is kept.
    pub base_url: String,
    /// More headers for every request; one named `authorization` takes the place of the key.
    pub headers: BTreeMap<String, String>,
    /// The longest silence of the server, in seconds: before the reply and between two pieces of it.
    pub idle_timeout_seconds: u64,
    /// The longest that a whole reply may take, in seconds.
    pub total_timeout_seconds: u64,
    /// The longest that name lookup, connect and TLS handshake may take together, in seconds.
    pub connect_timeout_seconds: u64,
    /// `system` (as `HTTPS_PROXY` and the like say) or the URL of a proxy; without it none is used.
    pub proxy: Option<String>,
    /// Whether its models take images; where not, a note in the text takes their place.
    pub images: bool,
    /// Whether to ask for token counts at the end of a stream. Some older servers refuse the question.
    pub stream_usage: bool,
    /// The field that carries the limit of tokens. Without it `max_completion_tokens` for api.openai.com, which wants
    /// that, and `max_tokens` for all others, which mostly know only that.
    pub limit_field: Option<LimitField>,
    /// Whether what the model thought in earlier replies is sent back to it, and in which field.
    pub replay_reasoning: ReplayReasoning,
}

/// The name of the field with the limit of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitField {
    /// The old name.
    MaxTokens,
    /// The new one.
    MaxCompletionTokens,
}

impl LimitField {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
        }
    }
}

/// What becomes of earlier reasoning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayReasoning {
    /// It is left out.
    #[default]
    Never,
    /// It is sent as `reasoning_content`.
    ReasoningContent,
    /// It is sent as `reasoning`.
    Reasoning,
}

impl ReplayReasoning {
    pub(super) fn field(self) -> Option<&'static str> {
        match self {
            Self::Never => None,
            Self::ReasoningContent => Some("reasoning_content"),
            Self::Reasoning => Some("reasoning"),
        }
    }
}

impl Default for OpenAiConfig {
    fn default() -> Self {
        Self {
            base_url: "https://api.openai.com/v1".into(),
            headers: BTreeMap::new(),
            idle_timeout_seconds: 60,
            total_timeout_seconds: 600,
            connect_timeout_seconds: 10,
            proxy: None,
            images: true,
            stream_usage: true,
            limit_field: None,
            replay_reasoning: ReplayReasoning::Never,
        }
    }
}

impl fmt::Debug for OpenAiConfig {
    /// Without the values of the headers and what the URLs may hide.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base_url = http_client::parse_url(&self.base_url)
            .map_or_else(|_| "not a URL".into(), |url| http_client::redact_url(&url));
        f.debug_struct("OpenAiConfig")
            .field("base_url", &base_url)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("idle_timeout_seconds", &self.idle_timeout_seconds)
            .field("total_timeout_seconds", &self.total_timeout_seconds)
            .field("connect_timeout_seconds", &self.connect_timeout_seconds)
            .field("proxy", &self.proxy.as_ref().map(|_| "…"))
            .field("images", &self.images)
            .field("stream_usage", &self.stream_usage)
            .field("limit_field", &self.limit_field)
            .field("replay_reasoning", &self.replay_reasoning)
            .finish()
    }
}
