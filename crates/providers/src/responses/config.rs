//! The table `[providers.NAME]` of kind `openai-responses`.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Settings of one server. The key is no part of it: it comes resolved, beside it.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResponsesConfig {
    /// Where `/responses` and `/models` are appended. A query (`?api-version=…`) is kept.
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
    /// Whether results of tools may hold images. Where not, the images follow in a message of the user.
    pub tool_result_images: bool,
    /// Whether its models think first, so that their thoughts are asked for in a form that can be sent back. Without it as
    /// the table of models says, and `true` for models that it does not know.
    pub reasoning: Option<bool>,
    /// How hard to think, in the server's words, such as `low`.
    pub reasoning_effort: Option<String>,
    /// How much the model tells of its thoughts.
    pub reasoning_summary: Option<Summary>,
}

/// How much a model tells of its thoughts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Summary {
    /// As much as it can.
    Auto,
    /// Little.
    Concise,
    /// Much.
    Detailed,
}

impl Default for ResponsesConfig {
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
            tool_result_images: true,
            reasoning: None,
            reasoning_effort: None,
            reasoning_summary: None,
        }
    }
}

impl fmt::Debug for ResponsesConfig {
    /// Without the values of the headers and what the URLs may hide.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponsesConfig")
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
            .field("tool_result_images", &self.tool_result_images)
            .field("reasoning", &self.reasoning)
            .field("reasoning_effort", &self.reasoning_effort)
            .field("reasoning_summary", &self.reasoning_summary)
            .finish()
    }
}
