use agent_core::{ModelErrorKind as Kind, Retry, TokenUsage};

use super::*;
use crate::exchange::rehearsal::{self, Items, cassettes, error, read, read_text, read_whole};

fn reply() -> Reply {
    Reply::new("here:1".into())
}

async fn said(events: &[Value]) -> Items {
    read_text(reply(), &events.iter().map(|event| format!("data: {event}\n\n")).collect::<String>()).await
}

#[expect(clippy::unnecessary_wraps, reason = "compared with what a stream brings")]
fn call(id: &str, name: &str, arguments: &str) -> Result<ModelEvent, agent_core::ModelError> {
    let call = ToolCall { id: CallId(id.into()), name: name.into(), arguments: arguments.into() };
    Ok(ModelEvent::ToolCall(call))
}

#[expect(clippy::unnecessary_wraps, reason = "compared with what a stream brings")]
fn opaque(block: &Value) -> Result<ModelEvent, agent_core::ModelError> {
    Ok(ModelEvent::Opaque { format: "anthropic".into(), data: json!({"from": "here:1", "block": block}) })
}

#[tokio::test(start_paused = true)]
async fn cut_at_every_byte_a_reply_ends_well_or_with_one_error() {
    rehearsal::cut_at_every_byte("anthropic", reply).await;
}

#[tokio::test(start_paused = true)]
async fn the_pieces_in_which_bytes_arrive_do_not_matter() {
    rehearsal::in_pieces_of_any_size("anthropic", reply).await;
}

#[tokio::test]
async fn thoughts_keep_their_signatures_and_their_place() {
    let recorded = cassettes("anthropic").into_iter().find(|(name, _)| name == "thinking_tools.sse").unwrap();
    let items = read(reply(), vec![recorded.1]).await;
    let thought = opaque(
        &json!({"type": "thinking", "thinking": "Two and two are four.", "signature": "EqQBCgIYAhIM1gbcDa9GJwZA=="}),
    );
    // Reasoning is shown as it comes, that before the second call too.
    let kept: Vec<_> =
        items.iter().filter(|item| !matches!(item, Ok(ModelEvent::Reasoning(_)))).cloned().collect();
    assert_eq!(kept[0], thought);
    assert_eq!(kept[1], Ok(ModelEvent::Text("Two files. ".into())));
    assert_eq!(kept[2], call("toolu_a1", "read_file", r#"{"path":"notes/día.md"}"#));
    assert_eq!(kept[3], thought);
    assert_eq!(kept[4], call("toolu_c3", "read_file", r#"{"path":"b.md"}"#));
}

#[tokio::test]
async fn stop_reasons_are_mapped_and_unknown_ones_tolerated() {
    for (reason, calls, expected) in [
        ("end_turn", false, FinishReason::Stop),
        ("end_turn", true, FinishReason::ToolCalls),
        ("tool_use", true, FinishReason::ToolCalls),
        ("tool_use", false, FinishReason::Stop),
        ("stop_sequence", false, FinishReason::Stop),
        ("pause_turn", false, FinishReason::Stop),
        ("max_tokens", false, FinishReason::Length),
        ("max_tokens", true, FinishReason::Length),
        ("model_context_window_exceeded", false, FinishReason::Length),
        ("refusal", false, FinishReason::Filtered),
        ("because", false, FinishReason::Stop),
    ] {
        let block = if calls {
            json!({"type": "tool_use", "id": "c", "name": "x"})
        } else {
            json!({"type": "text", "text": "a"})
        };
        let items = said(&[
            json!({"type": "content_block_start", "index": 0, "content_block": block}),
            json!({"type": "message_delta", "delta": {"stop_reason": reason}}),
        ])
        .await;
        let Some(Ok(ModelEvent::Finished(finished))) = items.last() else { panic!("{reason}: {items:?}") };
        assert_eq!(finished.reason, expected, "{reason}");
    }
}

#[tokio::test]
async fn odd_calls_arrive_as_they_were_written() {
    let start = |index: u64, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let piece = |index: u64, text: &str| json!({"type": "content_block_delta", "index": index, "delta": {"type": "input_json_delta", "partial_json": text}});
    let items = said(&[
        start(0, json!({"type": "tool_use", "id": "a", "name": "x", "input": {}})),
        // Interleaved, the same id twice, no name, no id, no end of any block.
        start(1, json!({"type": "tool_use", "id": "a", "input": {}})),
        piece(1, "not "),
        piece(0, "{\"n\""),
        piece(1, "JSON"),
        piece(0, ":1}"),
        start(2, json!({"type": "tool_use", "name": "y", "input": {"whole": true}})),
        start(3, json!({"type": "tool_use", "name": "z"})),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}}),
        json!({"type": "message_stop"}),
    ])
    .await;
    assert_eq!(
        items[..4],
        [
            call("a", "x", r#"{"n":1}"#),
            call("a", "", "not JSON"),
            call("", "y", r#"{"whole":true}"#),
            call("", "z", ""),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn replies_without_sense_are_bad_replies() {
    let call = json!({"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "name": "x"}});
    let open = |index: u64| json!({"type": "content_block_start", "index": index, "content_block": {"type": "text"}});
    let big = json!({"type": "content_block_delta", "index": 0, "delta": {"text": "x".repeat(900_000)}});
    for (why, events) in [
        ("nothing at all", vec![]),
        ("null", vec![Value::Null]),
        ("an empty object", vec![json!({})]),
        ("only the end", vec![json!({"type": "message_stop"})]),
        ("no end", vec![json!({"type": "content_block_delta", "index": 0, "delta": {"text": "a"}})]),
        ("a wrong type", vec![json!({"type": "content_block_start", "content_block": 5})]),
        ("too many calls", vec![call; MOST_CALLS + 1]),
        ("too many blocks at once", (0..=MOST_OPEN as u64).map(open).collect()),
        ("too long in all", vec![big; 3]),
        (
            "chat completions",
            vec![json!({"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]})],
        ),
    ] {
        let items = said(&events).await;
        assert_eq!(error(&items).map(|error| error.kind), Some(Kind::BadReply), "{why}: {:?}", items.last());
    }
}

#[tokio::test]
async fn errors_inside_the_stream_have_their_kinds() {
    for (kind, message, expected) in [
        ("overloaded_error", "Overloaded", Kind::Unavailable),
        ("api_error", "Internal server error", Kind::Unavailable),
        ("rate_limit_error", "slow down", Kind::RateLimited),
        ("authentication_error", "invalid x-api-key", Kind::Auth),
        ("permission_error", "no", Kind::Auth),
        ("billing_error", "pay first", Kind::Quota),
        ("invalid_request_error", "Your credit balance is too low to access the API", Kind::Quota),
        ("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum", Kind::ContextTooLong),
        ("invalid_request_error", "messages: at least one message is required", Kind::BadRequest),
    ] {
        let items = said(&[json!({"type": "error", "error": {"type": kind, "message": message}})]).await;
        let error = error(&items).unwrap();
        assert_eq!(error.kind, expected, "{kind}: {error}");
        assert_eq!(error.retry == Retry::Never, !matches!(expected, Kind::Unavailable | Kind::RateLimited));
    }
}

#[tokio::test]
async fn one_json_document_is_a_reply_too() {
    let whole = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m-1", "stop_reason": "tool_use",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "sig"},
            {"type": "text", "text": "Wait."},
            {"type": "tool_use", "id": "c", "name": "x", "input": {"n": 1}},
        ],
        "usage": {"input_tokens": 5, "output_tokens": 2},
    });
    let usage = Some(TokenUsage { input_tokens: 5, output_tokens: 2, ..TokenUsage::default() });
    let finished = Finished { reason: FinishReason::ToolCalls, usage, model: Some("m-1".into()) };
    assert_eq!(
        read_whole(reply(), &whole.to_string()).await,
        [
            Ok(ModelEvent::Reasoning("hm".into())),
            opaque(&json!({"type": "thinking", "thinking": "hm", "signature": "sig"})),
            Ok(ModelEvent::Text("Wait.".into())),
            call("c", "x", r#"{"n":1}"#),
            Ok(ModelEvent::Finished(finished)),
        ]
    );
    for bad in ["", "{}", "[]", "nonsense", r#"{"type":"message","content":[]}"#] {
        let items = read_whole(reply(), bad).await;
        assert_eq!(error(&items).map(|error| error.kind), Some(Kind::BadReply), "{bad}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(pieces: Vec<Vec<u8>>) {
        rehearsal::any_bytes(reply, pieces);
    }
}
