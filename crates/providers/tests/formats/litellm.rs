//! Against a proxy of `LiteLLM`, which `tests/servers/conformance/litellm.sh` starts: another hand's idea of the three
//! formats.

use std::sync::Arc;

use agent_core::contract::provider::{collect, request};
use agent_core::{FinishReason, LlmProvider, ModelRequest};
use secrecy::SecretString;
use serde_json::json;
use session_api::{Message, Part, Role, ToolResult, ToolStatus};

use crate::requests::kept;

const KINDS: [&str; 3] = ["openai", "anthropic", "openai-responses"];

#[expect(clippy::disallowed_methods, reason = "where the proxy is, which only its script knows")]
fn provider(kind: &str, streams: bool) -> Arc<dyn LlmProvider> {
    let url = std::env::var("LITELLM_URL").unwrap();
    let table = json!({"base_url": format!("{url}/v1"), "stream": streams});
    providers::build("proxy", kind, table, Some(SecretString::from("sk-conformance".to_owned()))).unwrap()
}

/// Every kind, with replies in pieces and whole.
fn ways() -> impl Iterator<Item = (&'static str, bool)> {
    KINDS.into_iter().flat_map(|kind| [(kind, true), (kind, false)])
}

fn asked(model: &str, text: &str) -> ModelRequest {
    ModelRequest { model: model.into(), ..request(text) }
}

#[tokio::test]
#[ignore = "needs a LiteLLM proxy"]
async fn a_mock_answers() {
    for (kind, streams) in ways() {
        // Version 1.106 of the proxy fails by itself when a mock is asked for a stream in the Responses format.
        if (kind, streams) == ("openai-responses", true) {
            continue;
        }
        let reply = collect(provider(kind, streams).as_ref(), asked("mock", "2 + 2?")).await;
        assert_eq!((reply.error, reply.text.as_str()), (None, "2 + 2 = 4."), "{kind} {streams}");
        assert_eq!(reply.finished.unwrap().reason, FinishReason::Stop, "{kind} {streams}");
    }
}

#[tokio::test]
#[ignore = "needs a LiteLLM proxy"]
async fn a_text_comes_in_every_format() {
    for (kind, streams) in ways() {
        let reply = collect(provider(kind, streams).as_ref(), asked("quick", "hello")).await;
        assert_eq!((reply.error, reply.text.as_str()), (None, servers::quick::TEXT), "{kind} {streams}");
        assert_eq!(reply.finished.unwrap().reason, FinishReason::Stop, "{kind} {streams}");
    }
}

#[tokio::test]
#[ignore = "needs a LiteLLM proxy"]
async fn a_turn_with_a_tool_passes_in_every_format() {
    for (kind, streams) in ways() {
        let provider = provider(kind, streams);
        let first = asked("quick", "please calc it");
        let said = kept(provider.as_ref(), first.clone()).await;
        let calls: Vec<_> = said.tool_calls().cloned().collect();
        assert_eq!(calls.len(), 1, "{kind} {streams}: {said:?}");
        assert_eq!(calls[0].name, "calculate_expression", "{kind} {streams}");
        let arguments: serde_json::Value = serde_json::from_str(&calls[0].arguments).unwrap();
        assert_eq!(arguments, serde_json::from_str::<serde_json::Value>(servers::quick::ARGUMENTS).unwrap());
        let result = ToolResult::new(
            calls[0].id.clone(),
            calls[0].name.clone(),
            ToolStatus::Ok,
            vec![Part::text("216.048")],
        );
        let answered = Message { role: Role::Tool, parts: vec![Part::ToolResult(result)], ..said.clone() };
        let messages = [first.messages.as_slice(), &[said, answered]].concat();
        let reply = collect(provider.as_ref(), ModelRequest { messages: Arc::new(messages), ..first }).await;
        assert_eq!((reply.error, reply.text.as_str()), (None, servers::quick::TEXT), "{kind} {streams}");
        let usage = reply.finished.unwrap().usage;
        assert!(
            usage.is_some_and(|usage| usage.input_tokens > 0 && usage.output_tokens > 0),
            "{kind} {streams}: {usage:?}"
        );
    }
}

#[tokio::test]
#[ignore = "needs a LiteLLM proxy"]
async fn models_are_listed_and_unknown_ones_refused() {
    use agent_core::ModelErrorKind as Kind;
    for kind in KINDS {
        let provider = provider(kind, true);
        let error = collect(provider.as_ref(), asked("nobody", "hi")).await.error.unwrap();
        // The proxy answers 400 where vendors answer 404.
        assert!(matches!(error.kind, Kind::NotFound | Kind::BadRequest), "{kind}: {error}");
        assert!(provider.models().await.unwrap().contains(&"mock".to_owned()), "{kind}");
    }
}
