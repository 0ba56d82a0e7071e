//! The OpenAI-compatible provider against a scripted server on a real socket.

#![expect(clippy::unwrap_used, reason = "a test without its server or transcript has nothing to say")]

use std::{path::Path, sync::Arc, time::Duration};

use agent_core::contract::provider::{
    CALLS, Played, ProviderHarness, RETRY_AFTER, Scenario, TEXT, UNKNOWN_MODEL, collect, request,
};
use agent_core::{FinishReason, LlmProvider, ModelErrorKind as Kind};
use async_trait::async_trait;
use futures_util::FutureExt;
use providers::openai::{OpenAiConfig, OpenAiProvider};
use secrecy::SecretString;
use servers::{End, ModelServer, Reply};

const KEY: &str = "sk-test-0123456789abcdef";
const WITHIN: Duration = Duration::from_secs(20);

fn provider_with(server: &ModelServer, change: impl FnOnce(&mut OpenAiConfig)) -> OpenAiProvider {
    let mut config = OpenAiConfig { base_url: server.base_url(), ..OpenAiConfig::default() };
    change(&mut config);
    OpenAiProvider::new("main", config, Some(SecretString::from(KEY.to_owned()))).unwrap()
}

fn provider(server: &ModelServer) -> OpenAiProvider {
    provider_with(server, |_| ())
}

/// A recorded stream, sent in pieces that end in the middle of lines and letters.
fn cassette(name: &str) -> Reply {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cassettes/openai").join(name).with_extension("sse");
    Reply::raw(std::fs::read(path).unwrap().chunks(97), End::Close)
}

/// Keeps the server alive as long as the provider.
struct Served {
    provider: OpenAiProvider,
    _server: Arc<ModelServer>,
}

#[async_trait]
impl LlmProvider for Served {
    fn info(&self) -> &agent_core::ProviderInfo {
        self.provider.info()
    }

    async fn stream(
        &self,
        request: agent_core::ModelRequest,
    ) -> Result<agent_core::ModelStream, agent_core::ModelError> {
        self.provider.stream(request).await
    }

    async fn models(&self) -> Result<Vec<String>, agent_core::ModelError> {
        self.provider.models().await
    }
}

struct Wire;

#[async_trait]
impl ProviderHarness for Wire {
    async fn scenario(&self, scenario: Scenario) -> Option<Played> {
        let reply = match scenario {
            Scenario::Text => cassette("text"),
            Scenario::Tool => cassette("tool"),
            Scenario::ParallelTools => cassette("parallel_tools"),
            Scenario::Usage => cassette("usage"),
            Scenario::Reasoning => cassette("reasoning"),
            Scenario::UnknownEvents => cassette("unknown_events"),
            Scenario::Length => cassette("length"),
            Scenario::Cut => cassette("text").cut_at(1000, End::Cut),
            Scenario::Malformed => cassette("malformed"),
            Scenario::Unauthorized => Reply::error(401, &format!("Incorrect API key provided: {KEY}")),
            Scenario::UnknownModel => Reply::error(404, "The model does not exist"),
            Scenario::RateLimited => Reply::rate_limited(RETRY_AFTER.as_secs()),
            Scenario::ServerError => Reply::html(500, "<html><title>Oops</title></html>"),
            Scenario::Silence | Scenario::Endless => cassette("text").cut_at(1000, End::Hang),
        };
        let server = Arc::new(ModelServer::start(reply));
        let idle = if scenario == Scenario::Silence { 1 } else { 60 };
        let provider = provider_with(&server, |config| config.idle_timeout_seconds = idle);
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

agent_core::provider_contract!(Wire);

#[tokio::test]
async fn the_request_carries_key_headers_and_body() {
    let server = ModelServer::start(Reply::text("hi"));
    let provider = provider_with(&server, |config| {
        config.headers.insert("x-team".into(), "blue".into());
    });
    let reply = collect(&provider, request("hello")).await;
    assert_eq!(reply.error, None);
    let sent = &server.requests()[0];
    assert_eq!(sent.bearer(), Some(KEY));
    assert_eq!(sent.header("x-team"), Some("blue"));
    assert_eq!(sent.header("x-client-request-id"), Some("contract-1"));
    assert_eq!(sent.header("content-type"), Some("application/json"));
    let order: Vec<usize> = ["\"model\"", "\"stream\"", "\"stream_options\"", "\"tools\"", "\"messages\""]
        .map(|key| String::from_utf8_lossy(&sent.raw).find(key).unwrap())
        .to_vec();
    assert!(order.is_sorted(), "{order:?}");
    assert_eq!(sent.tools(), ["calculate_expression", "current_datetime", "read_file"]);
    assert_eq!(sent.roles(), ["system", "user"]);
}

#[tokio::test]
async fn a_server_that_does_not_stream_is_understood() {
    let body = serde_json::json!({
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": TEXT}}]
    });
    let server = ModelServer::start(Reply::status(200, "application/json", &body.to_string()));
    let reply = collect(&provider(&server), request("hello")).await;
    assert_eq!((reply.text.as_str(), reply.error), (TEXT, None));
}

#[tokio::test]
async fn whole_calls_without_index_and_done_are_understood() {
    let server = ModelServer::start(cassette("whole_calls"));
    let reply = collect(&provider(&server), request("hello")).await;
    let expected: Vec<_> =
        CALLS.iter().map(|(name, arguments)| ((*name).to_owned(), (*arguments).to_owned())).collect();
    assert_eq!(reply.calls, expected);
    assert_eq!(reply.finished.map(|finished| finished.reason), Some(FinishReason::ToolCalls));
}

#[tokio::test]
async fn an_error_inside_the_stream_ends_it() {
    let server = ModelServer::start(cassette("error_in_stream"));
    let reply = collect(&provider(&server), request("hello")).await;
    let error = reply.error.unwrap();
    assert_eq!((error.kind, error.status), (Kind::Unavailable, Some(503)));
}

#[tokio::test]
async fn a_refused_request_is_not_sent_again_in_another_form() {
    let server = ModelServer::start(Reply::error(400, "unknown field stream_options"));
    let error = collect(&provider(&server), request("hello")).await.error.unwrap();
    assert_eq!(error.kind, Kind::BadRequest);
    assert!(error.message.contains("unknown field stream_options"), "{error}");
    assert_eq!(server.requests().len(), 1);
    let quiet = provider_with(&server, |config| config.stream_usage = Some(false));
    collect(&quiet, request("hello")).await;
    assert!(!server.requests()[1].wants_usage());
}

#[tokio::test]
async fn one_connection_serves_many_calls() {
    let server = ModelServer::start(Reply::text("hi"));
    let provider = provider(&server);
    for _ in 0..3 {
        assert_eq!(collect(&provider, request("hello")).await.error, None);
        // The connection is free again once the server has sent its last byte and the client has read it.
        provider.models().await.unwrap();
    }
    assert_eq!(server.connections(), 1, "6 requests");
}

#[tokio::test]
async fn models_are_listed_in_the_servers_order() {
    let server = ModelServer::with_models(Reply::text("hi"), &["b", "a"]);
    assert_eq!(provider(&server).models().await.unwrap(), ["b", "a"]);
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_unavailable() {
    let config = OpenAiConfig { base_url: servers::refused_url(), ..OpenAiConfig::default() };
    let provider = OpenAiProvider::new("main", config, None).unwrap();
    let error = collect(&provider, request("hello")).await.error.unwrap();
    assert_eq!(error.kind, Kind::Unavailable);
    assert!(error.message.contains("connection refused"), "{error}");
}

#[tokio::test]
async fn a_page_for_browsers_is_named_as_such() {
    let server = ModelServer::start(Reply::html(200, "<html>Welcome</html>"));
    let error = collect(&provider(&server), request("hello")).await.error.unwrap();
    assert_eq!(error.kind, Kind::BadReply);
    assert!(error.message.contains("base_url"), "{error}");
}

#[tokio::test]
async fn without_a_key_openai_itself_is_not_even_asked() {
    let provider = OpenAiProvider::new("main", OpenAiConfig::default(), None).unwrap();
    let error = collect(&provider, request("hello")).await.error.unwrap();
    assert_eq!(error.kind, Kind::NotConfigured);
    assert!(error.message.contains("api_key"), "{error}");
}

#[test]
fn nothing_secret_is_shown_and_nothing_senseless_is_taken() {
    let mut config = OpenAiConfig {
        base_url: "https://user:hunter22@host/v1?code=hunter22".into(),
        ..OpenAiConfig::default()
    };
    config.headers.insert("x-token".into(), "hunter22".into());
    let provider = OpenAiProvider::new("main", config, Some(SecretString::from(KEY.to_owned()))).unwrap();
    let shown = format!("{provider:?}");
    assert!(!shown.contains("hunter22") && !shown.contains(KEY), "{shown}");

    type Change = fn(&mut OpenAiConfig);
    let cases: [(&str, Change); 5] = [
        ("base_url", |config| config.base_url = "host/v1".into()),
        ("base_url", |config| config.base_url = "ftp://user:hunter22@host/".into()),
        ("idle_timeout_seconds", |config| config.idle_timeout_seconds = 0),
        ("total_timeout_seconds", |config| config.total_timeout_seconds = u64::MAX),
        ("headers", |config| {
            config.headers.insert("x-token".into(), "hunter22\n".into());
        }),
    ];
    for (key, change) in cases {
        let mut config = OpenAiConfig::default();
        change(&mut config);
        let error = OpenAiProvider::new("main", config, None).err().unwrap();
        assert_eq!(error.key(), Some(key), "{error}");
        assert!(!format!("{error:?}").contains("hunter22"), "{error:?}");
    }
    let bad_key = SecretString::from("hunter22\u{1}".to_owned());
    let error = OpenAiProvider::new("main", OpenAiConfig::default(), Some(bad_key)).err().unwrap();
    assert_eq!(error.key(), Some("api_key"));
    assert!(!format!("{error:?}").contains("hunter22"), "{error:?}");
}
