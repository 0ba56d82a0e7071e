//! Kind `anthropic`: the Messages API of Anthropic. For people: `docs.md`.
//!
//! `convert` orders the conversation as the format wants it and places the marks for the cache, `content` writes its blocks,
//! `wire` reads what comes back, and `stream` makes events of it.

mod config;
mod content;
mod convert;
mod stream;
mod wire;

use std::fmt;

use agent_core::{LlmProvider, ModelError, ModelRequest, ModelStream, ProviderInfo};
use async_trait::async_trait;
use http_client::Url;
use secrecy::SecretString;

pub use config::{AnthropicConfig, Thinking};

use self::convert::Body;
use crate::{
    ProviderSetupError,
    exchange::{Letter, Line, Server, clients::Clients, extra},
    table,
};

/// The name of this kind, and of this wire format in a conversation.
pub const KIND: &str = "anthropic";

/// The version of the format that requests are written in.
const VERSION: &str = "2023-06-01";

/// A server that speaks the Messages API of `api.anthropic.com`.
pub struct AnthropicProvider {
    info: ProviderInfo,
    config: AnthropicConfig,
    messages: Url,
    models: Url,
    server: Server,
}

impl fmt::Debug for AnthropicProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnthropicProvider")
            .field("info", &self.info)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl AnthropicProvider {
    /// The provider `name` with its resolved key, if it has one.
    ///
    /// # Errors
    /// When the URL, a header, the key or a number cannot be used.
    pub fn new(
        name: &str,
        config: AnthropicConfig,
        api_key: Option<SecretString>,
    ) -> Result<Self, ProviderSetupError> {
        if config.max_output_tokens == 0 {
            let message = "`max_output_tokens` must be at least 1".to_owned();
            return Err(ProviderSetupError::Value {
                name: name.to_owned(),
                key: "max_output_tokens",
                message,
            });
        }
        extra::check(name, &config.server_tools, &config.extra_body)?;
        let mut server = Server::new(
            name,
            &Line {
                base_url: &config.base_url,
                headers: &config.headers,
                idle_timeout_seconds: config.idle_timeout_seconds,
                total_timeout_seconds: config.total_timeout_seconds,
                connect_timeout_seconds: config.connect_timeout_seconds,
                proxy: config.proxy.as_deref(),
                key_header: &config.key_header,
                needs_key: table::at(&config.base_url).is_some_and(|vendor| !vendor.keyless),
            },
            api_key,
        )?;
        server.usual_header("anthropic-version", VERSION);
        let version: &[&str] = if server.ends_in("v1") { &[] } else { &["v1"] };
        let below = |last: &'static str| server.url(&[version, &[last]].concat());
        let mut models = below("models");
        // The usual page has only twenty.
        models.query_pairs_mut().append_pair("limit", "1000");
        Ok(Self {
            info: ProviderInfo {
                name: name.to_owned(),
                kind: KIND.to_owned(),
                images: config.images,
                files: content::FILES,
            },
            messages: below("messages"),
            models,
            config,
            server,
        })
    }
    /// This, with an HTTP client that it shares with others.
    #[must_use]
    pub fn sharing(mut self, clients: &Clients) -> Self {
        self.server.share(clients);
        self
    }
}

#[async_trait]
impl LlmProvider for AnthropicProvider {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    async fn stream(&self, request: ModelRequest) -> Result<ModelStream, ModelError> {
        self.server.ready()?;
        let from = self.server.endpoint();
        let body = self.server.body(&Body::new(&request, &self.config, &from))?;
        let model = request.model.clone();
        // Images may be large, and the reply may take minutes.
        drop(request);
        // This format has no place for the id that follows a message through logs.
        let streams = self.config.stream;
        let letter = Letter { url: &self.messages, model: &model, correlation: None, streams, body };
        self.server.post(letter, stream::Reply::new(from)).await
    }

    async fn models(&self) -> Result<Vec<String>, ModelError> {
        if self.config.models.is_empty() {
            return self.server.models(&self.models).await;
        }
        Ok(self.config.models.clone())
    }
}
