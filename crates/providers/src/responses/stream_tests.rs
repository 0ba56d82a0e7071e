use agent_core::{ModelError, ModelErrorKind as Kind};
use session_api::{CallId, ToolCall};

use super::{super::calls::MOST_CALLS, *};
use crate::exchange::rehearsal::{self, Items, cassettes, error, read, read_text, read_whole};

fn reply() -> Reply {
    Reply::new("here:1".into())
}

async fn said(events: &[Value]) -> Items {
    read_text(reply(), &events.iter().map(|event| format!("data: {event}\n\n")).collect::<String>()).await
}

#[expect(clippy::unnecessary_wraps, reason = "compared with what a stream brings")]
fn call(id: &str, name: &str, arguments: &str) -> Result<ModelEvent, ModelError> {
    let call = ToolCall { id: CallId(id.into()), name: name.into(), arguments: arguments.into() };
    Ok(ModelEvent::ToolCall(call))
}

#[expect(clippy::unnecessary_wraps, reason = "compared with what a stream brings")]
fn opaque(key: &str, value: Value) -> Result<ModelEvent, ModelError> {
    let mut data = json!({"from": "here:1"});
    data[key] = value;
    Ok(ModelEvent::Opaque { format: "openai-responses".into(), data })
}

fn item(index: u64, item: &Value, end: &str) -> Value {
    json!({"type": format!("response.output_item.{end}"), "output_index": index, "item": item})
}

#[tokio::test(start_paused = true)]
async fn cut_at_every_byte_a_reply_ends_well_or_with_one_error() {
    rehearsal::cut_at_every_byte("responses", reply).await;
}

#[tokio::test(start_paused = true)]
async fn the_pieces_in_which_bytes_arrive_do_not_matter() {
    rehearsal::in_pieces_of_any_size("responses", reply).await;
}

#[tokio::test]
async fn sealed_thoughts_keep_their_place() {
    let recorded = cassettes("responses").into_iter().find(|(name, _)| name == "thinking_tools.sse").unwrap();
    let items = read(reply(), vec![recorded.1]).await;
    let thought = |id: &str| {
        let summary = json!([{"type": "summary_text", "text": "Two and two are four."}]);
        opaque(
            "item",
            json!({"type": "reasoning", "id": id, "encrypted_content": "gAAAAABsealed", "summary": summary}),
        )
    };
    // Reasoning is shown as it comes, that before the second call too.
    let kept: Vec<_> =
        items.iter().filter(|item| !matches!(item, Ok(ModelEvent::Reasoning(_)))).cloned().collect();
    assert_eq!(
        kept[..kept.len() - 1],
        [
            thought("rs_0"),
            opaque("phase", "commentary".into()),
            Ok(ModelEvent::Text("Two files. ".into())),
            call("call_a1", "read_file", r#"{"path":"notes/día.md"}"#),
            thought("rs_3"),
            call("call_c3", "read_file", r#"{"path":"b.md"}"#),
        ]
    );
}

#[tokio::test]
async fn ends_are_mapped_and_unknown_ones_tolerated() {
    let text = json!({"type": "message", "content": [{"type": "output_text", "text": "a"}]});
    let tool = json!({"type": "function_call", "call_id": "c", "name": "x", "arguments": "{}"});
    for (event, reason, item_of, expected) in [
        ("response.completed", Value::Null, &text, FinishReason::Stop),
        ("response.completed", Value::Null, &tool, FinishReason::ToolCalls),
        ("response.incomplete", json!({"reason": "max_output_tokens"}), &text, FinishReason::Length),
        ("response.incomplete", json!({"reason": "max_output_tokens"}), &tool, FinishReason::Length),
        ("response.incomplete", json!({"reason": "content_filter"}), &text, FinishReason::Filtered),
        ("response.incomplete", json!({"reason": "because"}), &text, FinishReason::Length),
        ("response.incomplete", Value::Null, &text, FinishReason::Length),
        ("response.cancelled", Value::Null, &text, FinishReason::Stop),
    ] {
        let end = json!({"type": event, "response": {"incomplete_details": reason}});
        let items = said(&[item(0, item_of, "done"), end]).await;
        let Some(Ok(ModelEvent::Finished(finished))) = items.last() else { panic!("{event}: {items:?}") };
        assert_eq!(finished.reason, expected, "{event} {reason}");
    }
}

#[tokio::test]
async fn odd_calls_arrive_as_they_were_written() {
    let piece = |index: u64, delta: &str| json!({"type": "response.function_call_arguments.delta", "output_index": index, "delta": delta});
    let begun =
        |id: &str, name: &str| json!({"type": "function_call", "call_id": id, "name": name, "arguments": ""});
    let items = said(&[
        // Interleaved, never ended.
        item(0, &begun("a", "x"), "added"),
        item(1, &begun("b", "y"), "added"),
        piece(1, "not "),
        piece(0, "{\"n\":"),
        piece(1, "JSON"),
        piece(0, "1}"),
        // All at one place, the same id twice, no name, the object itself.
        item(2, &json!({"type": "function_call", "call_id": "b", "arguments": "{}"}), "done"),
        item(2, &json!({"type": "function_call", "name": "z", "arguments": {"n": 2}}), "done"),
        // Pieces of a call that never began.
        piece(9, "lost"),
        json!({"type": "response.completed", "response": {}}),
    ])
    .await;
    assert_eq!(
        items[..4],
        [
            call("a", "x", r#"{"n":1}"#),
            call("b", "y", "not JSON"),
            call("b", "", "{}"),
            call("", "z", r#"{"n":2}"#)
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn replies_without_sense_are_bad_replies() {
    let tool = json!({"type": "function_call", "call_id": "c", "name": "x"});
    let tools = (0..=MOST_CALLS as u64).map(|index| item(index, &tool, "done")).collect();
    let big = json!({"type": "response.output_text.delta", "delta": "x".repeat(900_000)});
    for (why, events) in [
        ("nothing at all", vec![]),
        ("null", vec![Value::Null]),
        ("an empty object", vec![json!({})]),
        ("an end without anything", vec![json!({"type": "response.completed"})]),
        ("no end", vec![json!({"type": "response.output_text.delta", "delta": "a"})]),
        ("a wrong type", vec![json!({"type": "response.completed", "response": 5})]),
        ("too many calls", tools),
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
    let failed = |code: &str| json!({"type": "response.failed", "response": {"status": "failed", "error": {"code": code, "message": "no"}}});
    for (event, expected) in [
        (failed("server_error"), Kind::Unavailable),
        (failed("rate_limit_exceeded"), Kind::RateLimited),
        (failed("context_length_exceeded"), Kind::ContextTooLong),
        (failed("insufficient_quota"), Kind::Quota),
        (json!({"type": "response.failed"}), Kind::Unavailable),
        (json!({"type": "error", "code": "server_error", "message": "no"}), Kind::Unavailable),
        (
            json!({"type": "error", "error": {"code": "rate_limit_exceeded", "message": "no"}}),
            Kind::RateLimited,
        ),
        (json!({"type": "error"}), Kind::Unavailable),
    ] {
        let items = said(std::slice::from_ref(&event)).await;
        assert_eq!(error(&items).map(|error| error.kind), Some(expected), "{event}");
    }
}

#[tokio::test]
async fn one_json_document_is_a_reply_too() {
    let whole = json!({
        "object": "response", "model": "m-1", "status": "completed",
        "output": [
            {"type": "reasoning", "id": "rs", "summary": [{"text": "hm"}, {"text": "so"}], "encrypted_content": "abc"},
            {"type": "message", "content": [{"type": "output_text", "text": "Wait."}, {"type": "refusal", "refusal": " No."}]},
            {"type": "function_call", "call_id": "c", "name": "x", "arguments": "{}"},
        ],
        "usage": {"input_tokens": 5, "output_tokens": 2},
    });
    let usage = Some(TokenUsage { input_tokens: 5, output_tokens: 2, ..TokenUsage::default() });
    let finished = Finished { reason: FinishReason::ToolCalls, usage, model: Some("m-1".into()) };
    let thought = json!({"type": "reasoning", "id": "rs", "summary": [{"text": "hm"}, {"text": "so"}], "encrypted_content": "abc"});
    assert_eq!(
        read_whole(reply(), &whole.to_string()).await,
        [
            Ok(ModelEvent::Reasoning("hm\n\nso".into())),
            opaque("item", thought),
            Ok(ModelEvent::Text("Wait. No.".into())),
            call("c", "x", "{}"),
            Ok(ModelEvent::Finished(finished)),
        ]
    );
    for bad in ["", "{}", "[]", "nonsense", r#"{"object":"response"}"#] {
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
