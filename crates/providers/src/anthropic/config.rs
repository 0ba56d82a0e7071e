//! The table `[providers.NAME]` of kind `anthropic`.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Settings of one server. The key is no part of it: it comes resolved, beside it.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnthropicConfig {
    /// Where `/v1/messages` and `/v1/models` are appended; only `/messages` and `/models` where it ends in `/v1`.
    pub base_url: String,
    /// The models that it offers; without any, the server is asked for them.
    pub models: Vec<String>,
    /// Most tokens to write when a request does not say: this format has no request without a limit.
    pub max_output_tokens: u32,
    /// Whether and how long its models think before they answer.
    pub thinking: Thinking,
    /// Whether to mark what the server should keep in its cache.
    pub cache: bool,
    /// More headers for every request, such as `anthropic-beta`; `authorization` serves in place of a key.
    pub headers: BTreeMap<String, String>,
    /// The header that carries the key, in lower case; in `authorization` it stands behind `Bearer`.
    pub key_header: String,
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
}

/// Whether and how long a model thinks before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Thinking {
    /// The request says nothing of it.
    #[default]
    Unsaid,
    /// As long as the model finds right, for models that decide by themselves.
    Adaptive,
    /// At most so many tokens, at least [`Thinking::LEAST`].
    Budget(u32),
}

impl Thinking {
    /// The smallest budget that the format allows.
    pub const LEAST: u32 = 1024;
}

impl<'de> Deserialize<'de> for Thinking {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Tokens(u32),
            Word(String),
        }
        let wrong = || {
            let least = Self::LEAST;
            serde::de::Error::custom(format!(
                "expected \"off\", \"adaptive\" or a number of tokens from {least}"
            ))
        };
        match Written::deserialize(deserializer).map_err(|_| wrong())? {
            Written::Tokens(tokens) if tokens >= Self::LEAST => Ok(Self::Budget(tokens)),
            Written::Word(word) if word == "off" => Ok(Self::Unsaid),
            Written::Word(word) if word == "adaptive" => Ok(Self::Adaptive),
            _ => Err(wrong()),
        }
    }
}

impl Default for AnthropicConfig {
    fn default() -> Self {
        Self {
            base_url: "https://api.anthropic.com".into(),
            models: Vec::new(),
            max_output_tokens: 8192,
            thinking: Thinking::Unsaid,
            cache: true,
            headers: BTreeMap::new(),
            key_header: "x-api-key".into(),
            idle_timeout_seconds: 60,
            total_timeout_seconds: 600,
            connect_timeout_seconds: 10,
            proxy: None,
            server_tools: Vec::new(),
            extra_body: Map::new(),
            stream: true,
            images: true,
        }
    }
}

impl fmt::Debug for AnthropicConfig {
    /// Without the values of the headers and what the URLs may hide.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnthropicConfig")
            .field("base_url", &crate::exchange::shown(&self.base_url))
            .field("models", &self.models)
            .field("max_output_tokens", &self.max_output_tokens)
            .field("thinking", &self.thinking)
            .field("cache", &self.cache)
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
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn thinking_is_a_word_or_a_number() {
        for (written, expected) in [
            (json!("off"), Some(Thinking::Unsaid)),
            (json!("adaptive"), Some(Thinking::Adaptive)),
            (json!(1024), Some(Thinking::Budget(1024))),
            (json!(1023), None),
            (json!(-1), None),
            (json!("much"), None),
            (json!(null), None),
        ] {
            assert_eq!(serde_json::from_value::<Thinking>(written.clone()).ok(), expected, "{written}");
        }
    }
}
