use std::time::Duration;

use agent_core::{ModelErrorKind as Kind, Retry};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http_client::{StatusCode, TransportError};
use serde_json::json;
use session_api::{CallId, ToolCall};

use super::*;
use crate::exchange::rehearsal::{self, Items, error, read_from, read_text, read_whole, voice};

fn reply() -> Reply {
    Reply::new("here:1".into(), true)
}

async fn heard<S>(body: S) -> Items
where
    S: Stream<Item = Result<Bytes, TransportError>> + Send + Unpin + 'static,
{
    read_from(reply(), body).await
}

async fn said(text: &str) -> Items {
    read_text(reply(), text).await
}

fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

#[tokio::test(start_paused = true)]
async fn cut_at_every_byte_a_reply_ends_well_or_with_one_error() {
    rehearsal::cut_at_every_byte("openai", reply).await;
}

#[tokio::test(start_paused = true)]
async fn the_pieces_in_which_bytes_arrive_do_not_matter() {
    rehearsal::in_pieces_of_any_size("openai", reply).await;
}

#[tokio::test(start_paused = true)]
async fn silence_before_and_within_a_reply_times_out() {
    let first = data(&json!({"choices": [{"delta": {"content": "a"}}]}));
    for pieces in [vec![], vec![Ok(Bytes::from(first))]] {
        let items = heard(stream::iter(pieces).chain(stream::pending())).await;
        let error = error(&items).unwrap();
        assert_eq!((error.kind, error.retry), (Kind::Timeout, Retry::Backoff));
        assert!(error.message.contains("60 s") && error.message.contains("idle_timeout_seconds"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_never_ends_is_given_up_at_the_total_limit() {
    let drip = Box::pin(stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_secs(50)).await;
        Some((Ok(Bytes::from_static(b": still here\n")), ()))
    }));
    let items = heard(drip).await;
    let error = error(&items).unwrap();
    assert_eq!(error.kind, Kind::Timeout);
    assert!(error.message.contains("600 s") && error.message.contains("total_timeout_seconds"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn after_the_finish_reason_nothing_can_spoil_the_reply() {
    let text = data(&json!({"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]}));
    let bytes = || Ok(Bytes::from(text.clone()));
    let ended = heard(stream::iter([bytes()])).await;
    let silent = heard(stream::iter([bytes()]).chain(stream::pending())).await;
    assert_eq!(error(&ended), None);
    assert_eq!(silent, ended);
}

#[tokio::test(start_paused = true)]
async fn text_after_the_finish_reason_belongs_to_the_reply() {
    let stop = data(&json!({"choices": [{"delta": {}, "finish_reason": "stop"}]}));
    let late = data(&json!({"choices": [{"delta": {"content": "late"}}]}));
    let items = said(&format!("{stop}{late}data: [DONE]\n\n")).await;
    assert_eq!(items[0], Ok(ModelEvent::Text("late".into())));
    assert_eq!(error(&items), None);
}

#[tokio::test(start_paused = true)]
async fn nothing_after_done_is_read() {
    let text = data(&json!({"choices": [{"delta": {"content": "a"}}]}));
    let items = said(&format!("{text}data: [DONE]\n\n{text}data: nonsense\n\n")).await;
    assert_eq!(items.len(), 2, "{items:?}");
    assert_eq!(error(&items), None);
}

#[tokio::test(start_paused = true)]
async fn replies_without_sense_are_bad_replies() {
    let call = |index: usize| json!({"index": index, "function": {"name": "x", "arguments": "{}"}});
    let many: Vec<Value> = (0..=super::super::calls::MOST_CALLS).map(call).collect();
    let big = data(&json!({"choices": [{"delta": {"content": "x".repeat(900_000)}}]}));
    for (why, text) in [
        ("an empty object", "data: {}\n\ndata: [DONE]\n\n".to_owned()),
        ("null", "data: null\n\ndata: [DONE]\n\n".to_owned()),
        ("nothing at all", String::new()),
        ("only the end", "data: [DONE]\n\n".to_owned()),
        ("a page", "<html><body>Welcome</body></html>".to_owned()),
        ("no end", data(&json!({"choices": [{"delta": {"content": "a"}}]}))),
        ("a list", "data: []\n\n".to_owned()),
        ("choices of a wrong type", "data: {\"choices\": 5}\n\n".to_owned()),
        ("too many calls", data(&json!({"choices": [{"delta": {"tool_calls": many}}]}))),
        ("too long in all", format!("{big}{big}{big}data: [DONE]\n\n")),
        ("too long a line", format!("data: {}", "x".repeat(1_100_000))),
    ] {
        let items = said(&text).await;
        assert_eq!(error(&items).map(|error| error.kind), Some(Kind::BadReply), "{why}: {:?}", items.last());
    }
}

#[tokio::test(start_paused = true)]
async fn finish_reasons_are_mapped_and_unknown_ones_tolerated() {
    let call = json!([{"index": 0, "id": "c", "function": {"name": "x", "arguments": "{}"}}]);
    for (reason, calls, expected) in [
        ("stop", false, FinishReason::Stop),
        ("stop", true, FinishReason::ToolCalls),
        ("tool_calls", true, FinishReason::ToolCalls),
        ("function_call", true, FinishReason::ToolCalls),
        ("tool_calls", false, FinishReason::Stop),
        ("length", false, FinishReason::Length),
        ("length", true, FinishReason::Length),
        ("content_filter", false, FinishReason::Filtered),
        ("because", false, FinishReason::Stop),
    ] {
        let delta = if calls { json!({"tool_calls": call}) } else { json!({"content": "a"}) };
        let items = said(&data(&json!({"choices": [{"delta": delta, "finish_reason": reason}]}))).await;
        let Some(Ok(ModelEvent::Finished(finished))) = items.last() else { panic!("{reason}: {items:?}") };
        assert_eq!(finished.reason, expected, "{reason}");
    }
}

#[tokio::test]
async fn one_json_document_is_a_reply_too() {
    let whole = json!({
        "model": "m-1", "object": "chat.completion",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": "Wait.", "reasoning": "hm",
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "x", "arguments": "{}"}}]}}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2},
    });
    let events = read_whole(reply(), &whole.to_string()).await;
    let call = ToolCall { id: CallId("c".into()), name: "x".into(), arguments: "{}".into() };
    let usage = Some(TokenUsage { input_tokens: 5, output_tokens: 2, ..TokenUsage::default() });
    let finished = Finished { reason: FinishReason::ToolCalls, usage, model: Some("m-1".into()) };
    assert_eq!(
        events,
        [
            Ok(ModelEvent::Reasoning("hm".into())),
            Ok(ModelEvent::Text("Wait.".into())),
            Ok(ModelEvent::ToolCall(call)),
            Ok(ModelEvent::Finished(finished)),
        ]
    );
    for bad in ["", "{}", "[]", "nonsense", r#"{"choices":[]}"#] {
        let items = read_whole(reply(), bad).await;
        assert_eq!(error(&items).map(|error| error.kind), Some(Kind::BadReply), "{bad}");
    }
    let items = read_whole(reply(), r#"{"error":{"message":"busy","code":503}}"#).await;
    let error = error(&items).unwrap();
    assert_eq!((error.kind, error.status), (Kind::Unavailable, Some(503)));
    assert!(voice().page(StatusCode::OK).message.contains("base_url"));
}

#[tokio::test]
async fn what_must_be_sent_back_is_kept_where_that_is_wanted() {
    let details = |text: &str| json!([{"type": "reasoning.text", "index": 0, "text": text}]);
    let call = json!([{"index": 0, "id": "c", "function": {"name": "x", "arguments": "{}"},
        "extra_content": {"google": {"thought_signature": "sig"}}}]);
    let text = [
        json!({"choices": [{"delta": {"reasoning": "a", "reasoning_details": details("a")}}]}),
        json!({"choices": [{"delta": {"reasoning": "b", "reasoning_details": details("b")}}]}),
        json!({"choices": [{"delta": {"tool_calls": call}, "finish_reason": "tool_calls"}]}),
    ]
    .map(|value| data(&value))
    .concat();
    let opaque = |data| Ok(ModelEvent::Opaque { format: "openai".into(), data });
    let items = said(&text).await;
    let kept = json!({"from": "here:1", "reasoning_details": details("ab")});
    assert_eq!(items[2], opaque(kept));
    assert_eq!(
        items[3],
        opaque(json!({"from": "here:1", "extra_content": {"google": {"thought_signature": "sig"}}}))
    );
    assert!(matches!(items[4], Ok(ModelEvent::ToolCall(_))));
    let items = read_text(Reply::new("here:1".into(), false), &text).await;
    assert!(!items.iter().any(|item| matches!(item, Ok(ModelEvent::Opaque { .. }))), "{items:?}");
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(pieces: Vec<Vec<u8>>) {
        rehearsal::any_bytes(reply, pieces);
    }
}
