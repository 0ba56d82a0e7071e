use std::path::Path;

use agent_core::{ModelErrorKind as Kind, Retry};
use http_client::StatusCode;
use serde_json::json;
use session_api::{CallId, ToolCall};

use super::*;

fn voice() -> Arc<Voice> {
    Arc::new(Voice {
        provider: "main".into(),
        model: "gpt-x".into(),
        server: "here:1".into(),
        secrets: Vec::new(),
        total: Duration::from_secs(600),
    })
}

fn limits() -> Limits {
    Limits { idle: Duration::from_secs(60), total: Box::pin(tokio::time::sleep(Duration::from_secs(600))) }
}

/// Everything that a stream of these pieces brings; checks that nothing follows the end.
async fn read_from<S>(body: S) -> Vec<Result<ModelEvent, ModelError>>
where
    S: Stream<Item = Result<Bytes, TransportError>> + Send + Unpin + 'static,
{
    let items: Vec<_> = streamed_reply(body, limits(), voice()).collect().await;
    let is_end = |item: &Result<ModelEvent, ModelError>| matches!(item, Err(_) | Ok(ModelEvent::Finished(_)));
    assert_eq!(items.iter().filter(|item| is_end(item)).count(), 1, "one end: {items:?}");
    assert!(items.last().is_some_and(is_end), "the end is last: {items:?}");
    let empty = |item: &Result<ModelEvent, ModelError>| matches!(item, Ok(ModelEvent::Text(text) | ModelEvent::Reasoning(text)) if text.is_empty());
    assert!(!items.iter().any(empty), "no empty pieces: {items:?}");
    items
}

async fn read(pieces: Vec<Vec<u8>>) -> Vec<Result<ModelEvent, ModelError>> {
    read_from(stream::iter(pieces.into_iter().map(|piece| Ok(Bytes::from(piece))))).await
}

async fn read_text(text: &str) -> Vec<Result<ModelEvent, ModelError>> {
    read(vec![text.as_bytes().to_vec()]).await
}

fn error(items: &[Result<ModelEvent, ModelError>]) -> Option<&ModelError> {
    items.last().and_then(|item| item.as_ref().err())
}

fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

fn cassettes() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cassettes/openai");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = files
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    all.sort();
    assert!(all.len() >= 10);
    all
}

#[tokio::test(start_paused = true)]
async fn cut_at_every_byte_a_reply_ends_well_or_with_one_error() {
    for (name, bytes) in cassettes() {
        let whole = read(vec![bytes.clone()]).await;
        for cut in 0..bytes.len() {
            let items = read(vec![bytes[..cut].to_vec()]).await;
            if let Some(error) = error(&items) {
                let expected = [Kind::BadReply, Kind::Unavailable];
                assert!(expected.contains(&error.kind), "{name} cut at {cut}: {error:?}");
                assert_eq!(error.retry, Retry::Backoff, "{name} cut at {cut}");
                let calls = items.iter().any(|item| matches!(item, Ok(ModelEvent::ToolCall(_))));
                assert!(!calls, "{name} cut at {cut}: half a reply calls nothing");
            } else {
                // Only what follows the finish reason may be missing.
                let said = |items: &[Result<ModelEvent, ModelError>]| items[..items.len() - 1].to_vec();
                assert_eq!(said(&items), said(&whole), "{name} cut at {cut}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_pieces_in_which_bytes_arrive_do_not_matter() {
    for (name, bytes) in cassettes() {
        let whole = read(vec![bytes.clone()]).await;
        let single: Vec<Vec<u8>> = bytes.iter().map(|byte| vec![*byte]).collect();
        assert_eq!(read(single).await, whole, "{name} byte by byte");
        for size in [2, 3, 7, 61] {
            let pieces = bytes.chunks(size).map(<[u8]>::to_vec).collect();
            assert_eq!(read(pieces).await, whole, "{name} by {size}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn silence_before_and_within_a_reply_times_out() {
    let first = data(&json!({"choices": [{"delta": {"content": "a"}}]}));
    for pieces in [vec![], vec![Ok(Bytes::from(first))]] {
        let items = read_from(stream::iter(pieces).chain(stream::pending())).await;
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
    let items = read_from(drip).await;
    let error = error(&items).unwrap();
    assert_eq!(error.kind, Kind::Timeout);
    assert!(error.message.contains("600 s") && error.message.contains("total_timeout_seconds"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn after_the_finish_reason_nothing_can_spoil_the_reply() {
    let said = data(&json!({"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]}));
    let bytes = || Ok(Bytes::from(said.clone()));
    let ended = read_from(stream::iter([bytes()])).await;
    let silent = read_from(stream::iter([bytes()]).chain(stream::pending())).await;
    assert_eq!(error(&ended), None);
    assert_eq!(silent, ended);
}

#[tokio::test(start_paused = true)]
async fn text_after_the_finish_reason_belongs_to_the_reply() {
    let stop = data(&json!({"choices": [{"delta": {}, "finish_reason": "stop"}]}));
    let late = data(&json!({"choices": [{"delta": {"content": "late"}}]}));
    let items = read_text(&format!("{stop}{late}data: [DONE]\n\n")).await;
    assert_eq!(items[0], Ok(ModelEvent::Text("late".into())));
    assert_eq!(error(&items), None);
}

#[tokio::test(start_paused = true)]
async fn nothing_after_done_is_read() {
    let said = data(&json!({"choices": [{"delta": {"content": "a"}}]}));
    let items = read_text(&format!("{said}data: [DONE]\n\n{said}data: nonsense\n\n")).await;
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
        let items = read_text(&text).await;
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
        let items = read_text(&data(&json!({"choices": [{"delta": delta, "finish_reason": reason}]}))).await;
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
    let events: Vec<_> = whole_reply(whole.to_string().as_bytes(), &voice()).unwrap().collect().await;
    let call = ToolCall { id: CallId("c".into()), name: "x".into(), arguments: "{}".into() };
    let usage = Some(TokenUsage { input_tokens: 5, cached_tokens: 0, output_tokens: 2 });
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
        let error = whole_reply(bad.as_bytes(), &voice()).err().unwrap();
        assert_eq!(error.kind, Kind::BadReply, "{bad}");
    }
    let error = whole_reply(br#"{"error":{"message":"busy","code":503}}"#, &voice()).err().unwrap();
    assert_eq!((error.kind, error.status), (Kind::Unavailable, Some(503)));
    assert!(voice().page(StatusCode::OK).message.contains("base_url"));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(pieces: Vec<Vec<u8>>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(read(pieces));
    }
}
