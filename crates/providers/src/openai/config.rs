//! The table `[providers.NAME]` of kind `openai`.

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::quirks::{EffortField, LimitField, ReplayReasoning, SystemRole};

/// Settings of one server. The key is no part of it: it comes resolved, beside it.
///
/// What is `None` here is as the table of vendors says for the server at `base_url`, and as most servers have it where the
/// table knows no such server.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OpenAiConfig {
    /// Where `/chat/completions` and `/models` are appended. A query (`?api-version=…`) is kept.
    pub base_url: String,
    /// More headers for every request; one named `authorization` takes the place of the key.
    pub headers: BTreeMap<String, String>,
    /// The header that carries the key, in lower case, such as `api-key`.
    pub key_header: Option<String>,
    /// The longest silence of the server, in seconds: before the reply and between two pieces of it.
    pub idle_timeout_seconds: u64,
    /// The longest that a whole reply may take, in seconds.
    pub total_timeout_seconds: u64,
    /// The longest that name lookup, connect and TLS handshake may take together, in seconds.
    pub connect_timeout_seconds: u64,
    /// `system` (as `HTTPS_PROXY` and the like say) or the URL of a proxy; without it none is used.
    pub proxy: Option<String>,
    /// Tools that the server runs by itself, in its own words, offered with every request.
    pub server_tools: Vec<Value>,
    /// Further fields of every request, in the server's own words.
    pub extra_body: Map<String, Value>,
    /// Whether replies are asked for piece by piece. Where not, a reply is seen when it is whole: for servers that cannot
    /// stream, or not with tools.
    pub stream: bool,
    /// Whether its models take images; where not, a note in the text takes their place.
    pub images: bool,
    /// Whether to ask for token counts at the end of a stream. Some older servers refuse the question.
    pub stream_usage: Option<bool>,
    /// The field that carries the limit of tokens.
    pub limit_field: Option<LimitField>,
    /// Whether what the model thought in earlier replies is sent back to it, and in which field.
    pub replay_reasoning: Option<ReplayReasoning>,
    /// Whether `reasoning_details` and the `extra_content` of calls are sent back.
    pub replay_extras: Option<bool>,
    /// In which field how hard to think stands.
    pub effort_field: Option<EffortField>,
    /// Who says the system prompt.
    pub system_role: Option<SystemRole>,
    /// `false` asks for one tool call at a time. Without it the field is not sent.
    pub parallel_tool_calls: Option<bool>,
    /// Whether results of tools may hold images.
    pub tool_result_images: Option<bool>,
    /// Whether user and assistant must take turns.
    pub strict_alternation: Option<bool>,
    /// Whether ids of calls must be nine letters and digits.
    pub short_call_ids: Option<bool>,
}

impl Default for OpenAiConfig {
    fn default() -> Self {
        Self {
            base_url: "https://api.openai.com/v1".into(),
            headers: BTreeMap::new(),
            key_header: None,
            idle_timeout_seconds: 60,
            total_timeout_seconds: 600,
            connect_timeout_seconds: 10,
            proxy: None,
            server_tools: Vec::new(),
            extra_body: Map::new(),
            stream: true,
            images: true,
            stream_usage: None,
            limit_field: None,
            replay_reasoning: None,
            replay_extras: None,
            effort_field: None,
            system_role: None,
            parallel_tool_calls: None,
            tool_result_images: None,
            strict_alternation: None,
            short_call_ids: None,
        }
    }
}

impl fmt::Debug for OpenAiConfig {
    /// Without the values of the headers and what the URLs may hide.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiConfig")
            .field("base_url", &crate::exchange::shown(&self.base_url))
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("key_header", &self.key_header)
            .field("idle_timeout_seconds", &self.idle_timeout_seconds)
            .field("total_timeout_seconds", &self.total_timeout_seconds)
            .field("connect_timeout_seconds", &self.connect_timeout_seconds)
            .field("proxy", &self.proxy.as_ref().map(|_| "…"))
            .field("server_tools", &self.server_tools.len())
            .field("extra_body", &self.extra_body.keys().collect::<Vec<_>>())
            .field("stream", &self.stream)
            .field("images", &self.images)
            .field("stream_usage", &self.stream_usage)
            .field("limit_field", &self.limit_field)
            .field("replay_reasoning", &self.replay_reasoning)
            .field("replay_extras", &self.replay_extras)
            .field("effort_field", &self.effort_field)
            .field("system_role", &self.system_role)
            .field("parallel_tool_calls", &self.parallel_tool_calls)
            .field("tool_result_images", &self.tool_result_images)
            .field("strict_alternation", &self.strict_alternation)
            .field("short_call_ids", &self.short_call_ids)
            .finish()
    }
}
