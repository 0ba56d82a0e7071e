//! The corpus of malformed streams in every format, and what else a stream may do wrong.

use std::time::Duration;

use agent_core::ModelErrorKind as Kind;
use agent_core::contract::provider::{Reply as Heard, collect, request};
use serde_json::{Value, json};
use servers::{End, ModelServer, Reply};

use crate::harness::{ANTHROPIC, CHAT, Format, RESPONSES};
use crate::translate;

/// Far more than any entry may take; only a reader that never ends gets there.
const BOUND: Duration = Duration::from_secs(30);

async fn heard(format: &Format, input: &Value) -> Heard {
    let server = ModelServer::start(Reply::of_corpus(input).unwrap());
    let provider = format.provider(&server.base_url(), &json!({"idle_timeout_seconds": 1}));
    let heard = tokio::time::timeout(BOUND, collect(provider.as_ref(), request("hello"))).await.unwrap();
    // The provider is as good as before.
    assert_eq!(provider.models().await.unwrap(), ["scripted"]);
    heard
}

#[tokio::test]
async fn every_entry_is_survived_in_every_format() {
    for format in [&CHAT, &ANTHROPIC, &RESPONSES] {
        for entry in servers::entries("malformed_sse") {
            let id = format!("{} in {}", entry["id"].as_str().unwrap(), format.kind);
            let input = match format.kind {
                "openai" => entry["input"].clone(),
                kind => translate::chunks(&entry["input"], kind),
            };
            let reply = heard(format, &input).await;
            let kind = reply.error.as_ref().map(|error| error.kind);
            let fits = match entry["expect"]["outcome"].as_str().unwrap() {
                "ok" => kind.is_none(),
                "ok_or_partial" | "ok_or_error" | "ok_tools_or_error" => true,
                "retry_then_error" => matches!(kind, Some(Kind::BadReply | Kind::Unavailable)),
                "error_timeout" => kind == Some(Kind::Timeout),
                "error_no_retry" => kind == Some(Kind::Auth),
                // Judging the call is the turn's business; it must arrive as the model wrote it.
                "tool_error_to_model" => kind.is_none() && reply.calls.len() == 1,
                other => panic!("{id}: nobody knows the outcome {other}"),
            };
            assert!(fits, "{id}: {reply:?}");
            if let Some(text) = entry["expect"]["text"].as_str() {
                assert_eq!(reply.text, text, "{id}");
            }
        }
    }
}

#[tokio::test]
async fn a_stream_of_another_format_is_no_reply() {
    for (format, others) in [
        (&ANTHROPIC, [&CHAT, &RESPONSES]),
        (&RESPONSES, [&CHAT, &ANTHROPIC]),
        (&CHAT, [&ANTHROPIC, &RESPONSES]),
    ] {
        for other in others {
            let name = if other.kind == "openai-responses" { "responses" } else { other.kind };
            let path = format!("{}/tests/cassettes/{name}/text.sse", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).unwrap();
            let input = json!({"chunks": [text], "end": "close"});
            let error = heard(format, &input).await.error;
            let kind = error.as_ref().map(|error| error.kind);
            assert_eq!(kind, Some(Kind::BadReply), "{} read by {}", other.kind, format.kind);
        }
    }
}

#[tokio::test]
async fn a_line_of_two_megabytes_is_refused_long_before_its_end() {
    let line = [b"data: ".to_vec(), vec![b'x'; 2_000_000]].concat();
    for format in [&CHAT, &ANTHROPIC, &RESPONSES] {
        // The server would never end it.
        let server = ModelServer::start(Reply::raw(line.chunks(65_536), End::Hang));
        let provider = format.provider(&server.base_url(), &json!({}));
        let heard = tokio::time::timeout(BOUND, collect(provider.as_ref(), request("hello"))).await.unwrap();
        assert_eq!(heard.error.map(|error| error.kind), Some(Kind::BadReply), "{}", format.kind);
    }
}

#[tokio::test]
async fn connections_that_break_and_statuses_that_fail_have_their_kinds() {
    for format in [&CHAT, &ANTHROPIC, &RESPONSES] {
        for (reply, kind) in [
            (Reply::raw(["data: {\"a\":"], End::Reset), Kind::BadReply),
            (format.error(402, "pay first"), Kind::Quota),
            (format.error(403, "not yours"), Kind::Auth),
            (format.error(400, "prompt is too long: 9 tokens > 8 maximum"), Kind::ContextTooLong),
            (format.error(400, "temperature: out of range"), Kind::BadRequest),
            (format.error(413, "too large"), Kind::ContextTooLong),
            (format.error(500, "oops"), Kind::Unavailable),
            (format.error(529, "Overloaded"), Kind::Unavailable),
            (Reply::html(200, "<html>hi</html>"), Kind::BadReply),
            (Reply::html(502, "<html><title>Bad Gateway</title></html>"), Kind::Unavailable),
        ] {
            let server = ModelServer::start(reply);
            let provider = format.provider(&server.base_url(), &json!({}));
            let heard = collect(provider.as_ref(), request("hello")).await;
            assert_eq!(heard.error.map(|error| error.kind), Some(kind), "{}", format.kind);
        }
    }
}
