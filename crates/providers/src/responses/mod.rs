//! Kind `openai-responses`: the Responses API of `OpenAI`. For people: `docs.md`.
//!
//! `convert` rebuilds the whole conversation from our history, for the server stores nothing; `wire` reads what comes back,
//! `calls` puts tool calls together, and `stream` makes events of it.

mod calls;
mod config;
mod convert;
mod stream;
mod wire;

use std::fmt;

use agent_core::{LlmProvider, ModelError, ModelRequest, ModelStream, ProviderInfo};
use async_trait::async_trait;
use http_client::Url;
use secrecy::SecretString;

pub use config::{ResponsesConfig, Summary};

use self::convert::Body;
use crate::{
    ProviderSetupError,
    exchange::{Letter, Line, Server, clients::Clients, extra},
    table,
};

/// The name of this kind, and of this wire format in a conversation.
pub const KIND: &str = "openai-responses";

/// A server that speaks the Responses API of `api.openai.com`.
pub struct ResponsesProvider {
    info: ProviderInfo,
    config: ResponsesConfig,
    responses: Url,
    models: Url,
    server: Server,
}

impl fmt::Debug for ResponsesProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponsesProvider")
            .field("info", &self.info)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl ResponsesProvider {
    /// The provider `name` with its resolved key, if it has one.
    ///
    /// # Errors
    /// When the URL, a header, the key or a time limit cannot be used.
    pub fn new(
        name: &str,
        config: ResponsesConfig,
        api_key: Option<SecretString>,
    ) -> Result<Self, ProviderSetupError> {
        extra::check(name, &config.server_tools, &config.extra_body)?;
        let vendor = table::at(&config.base_url);
        let usual = vendor.map_or("authorization", |vendor| vendor.quirks.key_header);
        let server = Server::new(
            name,
            &Line {
                base_url: &config.base_url,
                headers: &config.headers,
                idle_timeout_seconds: config.idle_timeout_seconds,
                total_timeout_seconds: config.total_timeout_seconds,
                connect_timeout_seconds: config.connect_timeout_seconds,
                proxy: config.proxy.as_deref(),
                key_header: config.key_header.as_deref().unwrap_or(usual),
                needs_key: vendor.is_some_and(|vendor| !vendor.keyless),
            },
            api_key,
        )?;
        Ok(Self {
            info: ProviderInfo {
                name: name.to_owned(),
                kind: KIND.to_owned(),
                images: config.images,
                files: convert::FILES,
            },
            responses: server.url(&["responses"]),
            models: server.url(&["models"]),
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
impl LlmProvider for ResponsesProvider {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    async fn stream(&self, request: ModelRequest) -> Result<ModelStream, ModelError> {
        self.server.ready()?;
        let from = self.server.endpoint();
        let body = self.server.body(&Body { request: &request, config: &self.config, from: &from })?;
        let (model, correlation) = (request.model.clone(), request.correlation.clone());
        // Images may be large, and the reply may take minutes.
        drop(request);
        let letter = Letter {
            url: &self.responses,
            model: &model,
            correlation: Some(("x-client-request-id", &correlation)),
            streams: self.config.stream,
            body,
        };
        self.server.post(letter, stream::Reply::new(from)).await
    }

    async fn models(&self) -> Result<Vec<String>, ModelError> {
        self.server.models(&self.models).await
    }
}
