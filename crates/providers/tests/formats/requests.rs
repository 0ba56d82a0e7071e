//! What a request looks like, and one conversation with a tool in every format.

use std::{sync::Arc, time::Duration};

use agent_core::contract::provider::{collect, request};
use agent_core::{LlmProvider, ModelErrorKind as Kind, ModelEvent, ModelRequest};
use futures_util::StreamExt;
use serde_json::json;
use servers::{ModelServer, Reply, Script, Usage};
use session_api::{Message, Part, Role, ToolResult, ToolStatus};

use crate::harness::{ANTHROPIC, CHAT, Format, KEY, RESPONSES};

#[tokio::test]
async fn requests_carry_key_headers_and_path() {
    for (format, path, key) in [
        (&CHAT, "/v1/chat/completions", ("authorization", format!("Bearer {KEY}"))),
        (&ANTHROPIC, "/v1/messages", ("x-api-key", KEY.to_owned())),
        (&RESPONSES, "/v1/responses", ("authorization", format!("Bearer {KEY}"))),
    ] {
        let server = ModelServer::start(Reply::text("hi"));
        let base = format!("{}?api-version=1", server.base_url());
        let provider = format.provider(&base, &json!({"headers": {"x-team": "blue"}}));
        let reply = collect(provider.as_ref(), request("hello")).await;
        assert_eq!((reply.text.as_str(), reply.error), ("hi", None), "{}", format.kind);
        let sent = &server.requests()[0];
        assert_eq!((sent.path.as_str(), sent.query.as_deref()), (path, Some("api-version=1")));
        assert_eq!(sent.header(key.0), Some(key.1.as_str()), "{}", format.kind);
        assert_eq!(sent.header("x-team"), Some("blue"));
        assert_eq!(sent.header("content-type"), Some("application/json"));
        assert_eq!(sent.tools(), ["calculate_expression", "current_datetime", "read_file"]);
        assert_eq!(sent.last_user_text().as_deref(), Some("hello"));
        if format.kind == "anthropic" {
            assert_eq!(sent.header("anthropic-version"), Some("2023-06-01"));
        }
        let other = format.provider(&base, &json!({"key_header": "api-key"}));
        collect(other.as_ref(), request("hello")).await;
        let sent = &server.requests()[1];
        assert_eq!((sent.header("api-key"), sent.header(key.0)), (Some(KEY), None), "{}", format.kind);
    }
}

#[tokio::test]
async fn anthropic_is_found_with_and_without_its_version_in_the_address() {
    let server = ModelServer::with_models(Reply::text("hi"), &["b", "a"]);
    for base in [server.base_url(), server.base_url().trim_end_matches("/v1").to_owned()] {
        let provider = ANTHROPIC.provider(&base, &json!({}));
        assert_eq!(collect(provider.as_ref(), request("hello")).await.error, None);
        assert_eq!(provider.models().await.unwrap(), ["b", "a"]);
    }
    assert_eq!(server.other_requests()[0].query.as_deref(), Some("limit=1000"));
    let listed = ANTHROPIC.provider(&server.base_url(), &json!({"models": ["mine"]}));
    assert_eq!(listed.models().await.unwrap(), ["mine"]);
    assert_eq!(server.other_requests().len(), 2);
}

#[tokio::test]
async fn a_server_that_does_not_stream_is_understood() {
    let documents = [
        (&CHAT, json!({"choices": [{"finish_reason": "stop", "message": {"content": "hi"}}]})),
        (
            &ANTHROPIC,
            json!({"type": "message", "stop_reason": "end_turn", "content": [{"type": "text", "text": "hi"}]}),
        ),
        (
            &RESPONSES,
            json!({"object": "response", "status": "completed", "output": [
                {"type": "message", "content": [{"type": "output_text", "text": "hi"}]}]}),
        ),
    ];
    for (format, document) in documents {
        let server = ModelServer::start(Reply::status(200, "application/json", &document.to_string()));
        let provider = format.provider(&server.base_url(), &json!({}));
        let reply = collect(provider.as_ref(), request("hello")).await;
        assert_eq!((reply.text.as_str(), reply.error), ("hi", None), "{}", format.kind);
    }
}

#[tokio::test]
async fn a_whole_reply_is_waited_for_as_long_as_a_reply_may_take() {
    for format in [&CHAT, &ANTHROPIC, &RESPONSES] {
        let server = ModelServer::start(Reply::text("hi").after(Duration::from_millis(1_300)));
        let table = json!({"idle_timeout_seconds": 1, "stream": false});
        let reply = collect(format.provider(&server.base_url(), &table).as_ref(), request("hello")).await;
        assert_eq!((reply.text.as_str(), reply.error), ("hi", None), "{}", format.kind);
    }
}

/// The reply as the driver would keep it.
pub(crate) async fn kept(provider: &dyn LlmProvider, request: ModelRequest) -> Message {
    let like = request.messages[0].clone();
    let mut parts: Vec<Part> = Vec::new();
    let mut stream = provider.stream(request).await.unwrap();
    while let Some(event) = stream.next().await {
        match event.unwrap() {
            ModelEvent::Text(text) => match parts.last_mut() {
                Some(Part::Text { text: last }) => last.push_str(&text),
                _ => parts.push(Part::Text { text }),
            },
            ModelEvent::Reasoning(text) => parts.push(Part::Reasoning { text }),
            ModelEvent::ToolCall(call) => parts.push(Part::ToolCall(call)),
            ModelEvent::Opaque { format, data } => parts.push(Part::Opaque { format, data }),
            ModelEvent::Attempt(_) | ModelEvent::Finished(_) => {}
        }
    }
    Message { role: Role::Assistant, parts, ..like }
}

async fn a_turn_with_a_tool(format: &Format, streams: bool) {
    let call = Reply::tool("read_file", json!({"path": "a.md"})).reasoning(["Let me ", "look."]);
    let text = Reply::text("It says hello.").usage(Usage { prompt: 120, completion: 17, cached: 64 });
    let server = ModelServer::start(Script::in_order([call.arguments_in(3), text.in_deltas(3)]));
    let provider = format.provider(&server.base_url(), &json!({"stream": streams}));
    let first = request("read it");
    let asked = kept(provider.as_ref(), first.clone()).await;
    let call = asked.tool_calls().next().unwrap().clone();
    assert_eq!((call.name.as_str(), call.arguments.as_str()), ("read_file", r#"{"path":"a.md"}"#));
    let result =
        ToolResult::new(call.id.clone(), call.name.clone(), ToolStatus::Ok, vec![Part::text("hello")]);
    let answered = Message { role: Role::Tool, parts: vec![Part::ToolResult(result)], ..asked.clone() };
    let messages = [first.messages.as_slice(), &[asked, answered]].concat();
    let reply = collect(provider.as_ref(), ModelRequest { messages: Arc::new(messages), ..first }).await;
    assert_eq!((reply.text.as_str(), reply.error), ("It says hello.", None), "{}", format.kind);
    let usage = reply.finished.unwrap().usage.unwrap();
    assert_eq!((usage.input_tokens, usage.cached_tokens, usage.output_tokens), (120, 64, 17));
    let sent = &server.requests()[1];
    assert_eq!(sent.wants_stream(), streams, "{}", format.kind);
    let accept = if streams { "text/event-stream" } else { "application/json" };
    assert_eq!(sent.header("accept"), Some(accept));
    assert_eq!(sent.tool_results(), [(call.id.0, "hello".to_owned())], "{}", format.kind);
    // What only the server can read goes back to it.
    let body = sent.body.to_string();
    match format.kind {
        "anthropic" => assert!(body.contains(r#""signature":"signature-0""#), "{body}"),
        "openai-responses" => assert!(body.contains(r#""encrypted_content":"sealed-0""#), "{body}"),
        _ => assert!(!body.contains("look."), "{body}"),
    }
}

#[tokio::test]
async fn a_turn_with_a_tool_passes_in_every_format_in_pieces_and_whole() {
    for format in [&CHAT, &ANTHROPIC, &RESPONSES] {
        a_turn_with_a_tool(format, true).await;
        a_turn_with_a_tool(format, false).await;
    }
}

#[tokio::test]
async fn without_a_key_the_vendors_are_not_even_asked() {
    for kind in ["openai", "anthropic", "openai-responses"] {
        let provider = providers::build("mine", kind, json!({}), None).unwrap();
        let error = collect(provider.as_ref(), request("hello")).await.error.unwrap();
        assert_eq!(error.kind, Kind::NotConfigured);
        assert!(error.message.contains("api_key") && error.message.contains("MINE_API_KEY"), "{error}");
    }
}

#[test]
fn nothing_secret_is_shown_and_nothing_senseless_is_taken() {
    for kind in ["openai", "anthropic", "openai-responses"] {
        for (key, table) in [
            ("base_url", json!({"base_url": "ftp://user:hunter22@host/"})),
            ("idle_timeout_seconds", json!({"idle_timeout_seconds": 0})),
            ("headers", json!({"headers": {"x-token": "hunter22\n"}})),
            ("key_header", json!({"key_header": "no header"})),
        ] {
            let secret = secrecy::SecretString::from(KEY.to_owned());
            let error = providers::build("main", kind, table, Some(secret)).err().unwrap();
            assert_eq!(error.key(), Some(key), "{kind}: {error}");
            assert!(!format!("{error:?}").contains("hunter22"), "{error:?}");
        }
    }
    let error = providers::build("main", "anthropic", json!({"thinking": 5}), None).err().unwrap();
    assert_eq!(error.key(), Some("thinking"));
    assert!(error.to_string().contains("from 1024"), "{error}");
    let error = providers::build("main", "anthropic", json!({"max_output_tokens": 0}), None).err().unwrap();
    assert_eq!(error.key(), Some("max_output_tokens"));
}

#[tokio::test]
async fn tools_of_the_server_and_further_fields_are_passed_through() {
    for (format, tool) in [
        (&CHAT, json!({"type": "browser_search"})),
        (&ANTHROPIC, json!({"type": "web_search_20250305", "name": "web_search", "max_uses": 5})),
        (&RESPONSES, json!({"type": "web_search"})),
    ] {
        let server = ModelServer::start(Reply::text("hi"));
        let table = json!({"server_tools": [tool], "extra_body": {"metadata": {"user_id": "a"}}});
        let provider = format.provider(&server.base_url(), &table);
        assert_eq!(collect(provider.as_ref(), request("hello")).await.error, None, "{}", format.kind);
        let bare = ModelRequest { tools: Arc::from([]), ..request("hello") };
        collect(provider.as_ref(), bare).await;
        let sent = server.requests();
        assert_eq!((&sent[0].body["tools"][0], sent[0].body["tools"].as_array().unwrap().len()), (&tool, 4));
        assert_eq!(sent[1].body["tools"], json!([tool]), "{}", format.kind);
        assert_eq!(sent[0].body["metadata"], json!({"user_id": "a"}), "{}", format.kind);
        for (key, wrong) in [
            ("server_tools", json!({"server_tools": [{"name": "x"}]})),
            ("extra_body", json!({"extra_body": {"model": "x"}})),
        ] {
            let built = providers::build("main", format.kind, wrong, None);
            assert_eq!(built.err().unwrap().key(), Some(key), "{}", format.kind);
        }
    }
}

/// What Anthropic sends when the model searches: the server's own call and what it found stand among the blocks.
const SEARCHED: &str = concat!(
    "data: {\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"usage\":{\"input_tokens\":3}}}\n\n",
    "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"server_tool_use\",",
    "\"id\":\"srv_1\",\"name\":\"web_search\",\"input\":{}}}\n\n",
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",",
    "\"partial_json\":\"{\\\"query\\\":\\\"tea\\\"}\"}}\n\n",
    "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"web_search_tool_result\",",
    "\"tool_use_id\":\"srv_1\",\"content\":[{\"type\":\"web_search_result\",\"encrypted_content\":\"x\"}]}}\n\n",
    "data: {\"type\":\"content_block_stop\",\"index\":1}\n\n",
    "data: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"text\",\"text\":\"Green.\"}}\n\n",
    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n",
    "data: {\"type\":\"message_stop\"}\n\n",
);

/// The same from the Responses API.
const LOOKED_UP: &str = concat!(
    "data: {\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":{\"type\":\"web_search_call\",",
    "\"id\":\"ws_1\",\"status\":\"completed\",\"action\":{\"type\":\"search\",\"query\":\"tea\"}}}\n\n",
    "data: {\"type\":\"response.output_item.done\",\"output_index\":1,\"item\":{\"type\":\"message\",",
    "\"content\":[{\"type\":\"output_text\",\"text\":\"Green.\"}]}}\n\n",
    "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",",
    "\"usage\":{\"input_tokens\":3,\"output_tokens\":2}}}\n\n",
);

#[tokio::test]
async fn what_a_server_did_by_itself_goes_back_to_it() {
    for (format, reply, expected) in [
        (
            &ANTHROPIC,
            SEARCHED,
            json!([
                {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "tea"}},
                {"type": "web_search_tool_result", "tool_use_id": "srv_1",
                    "content": [{"type": "web_search_result", "encrypted_content": "x"}]},
                {"type": "text", "text": "Green."},
            ]),
        ),
        (
            &RESPONSES,
            LOOKED_UP,
            json!([
                {"type": "web_search_call", "id": "ws_1", "status": "completed",
                    "action": {"type": "search", "query": "tea"}},
                {"role": "assistant", "content": "Green."},
            ]),
        ),
    ] {
        let first = Reply::status(200, "text/event-stream", reply);
        let server = ModelServer::start(Script::in_order([first, Reply::text("Yes.")]));
        let provider = format.provider(&server.base_url(), &json!({}));
        let asked = request("which tea?");
        let said = kept(provider.as_ref(), asked.clone()).await;
        let more = Message { role: Role::User, parts: vec![Part::text("sure?")], ..said.clone() };
        let messages = [asked.messages.as_slice(), &[said, more]].concat();
        let reply = collect(provider.as_ref(), ModelRequest { messages: Arc::new(messages), ..asked }).await;
        assert_eq!((reply.text.as_str(), reply.error), ("Yes.", None), "{}", format.kind);
        let sent = &server.requests()[1].body;
        let found = match format.kind {
            "anthropic" => sent["messages"][1]["content"].clone(),
            _ => json!([sent["input"][1], sent["input"][2]]),
        };
        assert_eq!(found, expected, "{}", format.kind);
    }
}
