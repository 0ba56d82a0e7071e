//! Providers of each format before a scripted server.

use std::{path::Path, sync::Arc, time::Duration};

use agent_core::contract::provider::{Played, ProviderHarness, RETRY_AFTER, Scenario, UNKNOWN_MODEL};
use agent_core::{LlmProvider, ModelError, ModelRequest, ModelStream, ProviderInfo};
use async_trait::async_trait;
use futures_util::FutureExt;
use secrecy::SecretString;
use serde_json::{Value, json};
use servers::{End, ModelServer, Reply};

pub(crate) const KEY: &str = "sk-test-0123456789abcdef";
const WITHIN: Duration = Duration::from_secs(20);

/// What is different from format to format.
pub(crate) struct Format {
    pub(crate) kind: &'static str,
    cassettes: &'static str,
    /// How many bytes of the cassette `text` are the beginning of its text and not the end.
    middle: usize,
    /// The body of an error.
    error: fn(&str, &str) -> Value,
    /// The code of an error by its status.
    codes: &'static [(u16, &'static str)],
}

pub(crate) const CHAT: Format = Format {
    kind: "openai",
    cassettes: "openai",
    middle: 1000,
    error: |code, message| json!({"error": {"message": message, "type": code, "code": code}}),
    codes: OPENAI_CODES,
};

pub(crate) const ANTHROPIC: Format = Format {
    kind: "anthropic",
    cassettes: "anthropic",
    middle: 900,
    error: |code, message| json!({"type": "error", "error": {"type": code, "message": message}}),
    codes: &[
        (401, "authentication_error"),
        (404, "not_found_error"),
        (429, "rate_limit_error"),
        (529, "overloaded_error"),
    ],
};

pub(crate) const RESPONSES: Format = Format {
    kind: "openai-responses",
    cassettes: "responses",
    middle: 1800,
    error: |code, message| json!({"error": {"message": message, "type": code, "code": code}}),
    codes: OPENAI_CODES,
};

const OPENAI_CODES: &[(u16, &str)] =
    &[(401, "invalid_api_key"), (404, "model_not_found"), (429, "rate_limit_exceeded")];

impl Format {
    /// A provider of this format, set up as the binary does it.
    pub(crate) fn provider(&self, base_url: &str, more: &Value) -> Arc<dyn LlmProvider> {
        let mut table = json!({"base_url": base_url});
        for (key, value) in more.as_object().into_iter().flatten() {
            table[key] = value.clone();
        }
        providers::build("main", self.kind, table, Some(SecretString::from(KEY.to_owned()))).unwrap()
    }

    /// A recorded stream, sent in pieces that end in the middle of lines and letters.
    fn cassette(&self, name: &str) -> Reply {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cassettes").join(self.cassettes);
        Reply::raw(std::fs::read(folder.join(name).with_extension("sse")).unwrap().chunks(97), End::Close)
    }

    /// An error in the words of this format.
    pub(crate) fn error(&self, status: u16, message: &str) -> Reply {
        let code =
            self.codes.iter().find(|(known, _)| *known == status).map_or("api_error", |(_, code)| code);
        Reply::status(status, "application/json", &(self.error)(code, message).to_string())
    }
}

/// Keeps the server alive as long as the provider.
struct Served {
    provider: Arc<dyn LlmProvider>,
    _server: Arc<ModelServer>,
}

#[async_trait]
impl LlmProvider for Served {
    fn info(&self) -> &ProviderInfo {
        self.provider.info()
    }

    async fn stream(&self, request: ModelRequest) -> Result<ModelStream, ModelError> {
        self.provider.stream(request).await
    }

    async fn models(&self) -> Result<Vec<String>, ModelError> {
        self.provider.models().await
    }
}

/// The contract's harness.
pub(crate) struct Wire(pub(crate) &'static Format);

#[async_trait]
impl ProviderHarness for Wire {
    async fn scenario(&self, scenario: Scenario) -> Option<Played> {
        let format = self.0;
        let reply = match scenario {
            Scenario::Text => format.cassette("text"),
            Scenario::Tool => format.cassette("tool"),
            Scenario::ParallelTools => format.cassette("parallel_tools"),
            Scenario::Usage => format.cassette("usage"),
            Scenario::Reasoning => format.cassette("reasoning"),
            Scenario::UnknownEvents => format.cassette("unknown_events"),
            Scenario::Length => format.cassette("length"),
            Scenario::Cut => format.cassette("text").cut_at(format.middle, End::Cut),
            Scenario::Malformed => format.cassette("malformed"),
            Scenario::Unauthorized => format.error(401, &format!("invalid key: {KEY}")),
            Scenario::UnknownModel => format.error(404, "no such model"),
            Scenario::RateLimited => {
                format.error(429, "slow down").header("retry-after", &RETRY_AFTER.as_secs().to_string())
            }
            Scenario::ServerError => format.error(529, "Overloaded"),
            Scenario::Silence | Scenario::Endless => format.cassette("text").cut_at(format.middle, End::Hang),
        };
        let server = Arc::new(ModelServer::start(reply));
        let idle = if scenario == Scenario::Silence { 1 } else { 60 };
        let provider = format.provider(&server.base_url(), &json!({"idle_timeout_seconds": idle}));
        let watched = Arc::clone(&server);
        let mut played = Played::exactly(Arc::new(Served { provider, _server: server }));
        if scenario == Scenario::UnknownModel {
            played.request.model = UNKNOWN_MODEL.into();
        }
        played.dropped = (scenario == Scenario::Endless)
            .then(|| async move { watched.answers_abandoned(1, WITHIN).await.unwrap() }.boxed());
        Some(played)
    }

    fn secret(&self) -> Option<&str> {
        Some(KEY)
    }
}
