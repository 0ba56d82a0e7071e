//! Kind `openai`: chat completions as most model servers speak them. For people: `docs.md`.
//!
//! `convert` writes the request, `quirks` says how it differs from server to server, `wire` reads what comes back, `calls`
//! puts tool calls together, `extras` keeps what must be sent back, and `stream` makes events of it all.

mod calls;
mod config;
mod content;
mod convert;
mod extras;
mod quirks;
mod stream;
mod wire;

use std::fmt;

use agent_core::{LlmProvider, ModelError, ModelRequest, ModelStream, ProviderInfo};
use async_trait::async_trait;
use http_client::Url;
use secrecy::SecretString;

pub use config::OpenAiConfig;
pub use quirks::{EffortField, LimitField, Quirks, ReplayReasoning, SystemRole};

use self::convert::Body;
use crate::{
    ProviderSetupError,
    exchange::{Letter, Line, Server, clients::Clients, extra},
    table,
};

/// The name of this kind.
pub const KIND: &str = "openai";

/// A server that speaks the chat completions API of `api.openai.com`.
pub struct OpenAiProvider {
    info: ProviderInfo,
    config: OpenAiConfig,
    quirks: Quirks,
    /// Whose server it is, where the table knows.
    vendor: Option<&'static table::Vendor>,
    completions: Url,
    models: Url,
    server: Server,
}

impl fmt::Debug for OpenAiProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiProvider")
            .field("info", &self.info)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl OpenAiProvider {
    /// The provider `name` with its resolved key, if it has one.
    ///
    /// # Errors
    /// When the URL, a header, the key or a time limit cannot be used.
    pub fn new(
        name: &str,
        config: OpenAiConfig,
        api_key: Option<SecretString>,
    ) -> Result<Self, ProviderSetupError> {
        extra::check(name, &config.server_tools, &config.extra_body)?;
        let vendor = table::at(&config.base_url);
        let quirks = vendor.map_or(Quirks::USUAL, |vendor| vendor.quirks).changed_by(&config);
        let mut server = Server::new(
            name,
            &Line {
                base_url: &config.base_url,
                headers: &config.headers,
                idle_timeout_seconds: config.idle_timeout_seconds,
                total_timeout_seconds: config.total_timeout_seconds,
                connect_timeout_seconds: config.connect_timeout_seconds,
                proxy: config.proxy.as_deref(),
                key_header: config.key_header.as_deref().unwrap_or(quirks.key_header),
                needs_key: vendor.is_some_and(|vendor| !vendor.keyless),
            },
            api_key,
        )?;
        for (name, value) in quirks.headers {
            server.usual_header(name, value);
        }
        Ok(Self {
            info: ProviderInfo {
                name: name.to_owned(),
                kind: KIND.to_owned(),
                images: config.images,
                files: &[],
            },
            completions: server.url(&["chat", "completions"]),
            models: server.url(&["models"]),
            config,
            quirks,
            vendor,
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
impl LlmProvider for OpenAiProvider {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    async fn stream(&self, request: ModelRequest) -> Result<ModelStream, ModelError> {
        self.server.ready()?;
        let from = self.server.endpoint();
        let quirks = if table::is_own(self.vendor) {
            self.quirks.for_model(&request.model, &self.config)
        } else {
            self.quirks
        };
        let thinks = self.vendor.and_then(|vendor| table::find(vendor.models, &request.model));
        let body = Body {
            thinks: thinks.is_none_or(|model| model.reasoning),
            request: &request,
            server_tools: &self.config.server_tools,
            extra_body: &self.config.extra_body,
            stream: self.config.stream,
            images: self.config.images,
            quirks: &quirks,
            from: &from,
        };
        let body = self.server.body(&body)?;
        let (model, correlation) = (request.model.clone(), request.correlation.clone());
        // Images may be large, and the reply may take minutes.
        drop(request);
        let letter = Letter {
            url: &self.completions,
            model: &model,
            correlation: Some(("x-client-request-id", &correlation)),
            streams: self.config.stream,
            body,
        };
        self.server.post(letter, stream::Reply::new(from, quirks.replay_extras)).await
    }

    async fn models(&self) -> Result<Vec<String>, ModelError> {
        self.server.models(&self.models).await
    }
}
