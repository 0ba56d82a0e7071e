use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use serde_json::json;
use session_api::{BlobId, CallId, MessageId, Timestamp, ToolStatus, TurnId};
use tool_api::Effect;

use super::*;

const HERE: &str = "here:1";

fn message(role: Role, parts: Vec<Part>) -> Message {
    let (id, turn) = (MessageId(Default::default()), TurnId(Default::default()));
    Message { id, role, principal: None, turn, at: Timestamp(0), parts }
}

fn user(text: &str) -> Message {
    message(Role::User, vec![Part::text(text)])
}

fn call(id: &str, arguments: &str) -> Part {
    Part::ToolCall(ToolCall { id: CallId(id.into()), name: "look".into(), arguments: arguments.into() })
}

fn result(id: &str, status: ToolStatus, content: Vec<Part>) -> Part {
    let (call_id, name) = (CallId(id.into()), "look".into());
    Part::ToolResult(ToolResult::new(call_id, name, status, content))
}

fn image(bytes: &[u8]) -> Part {
    Part::Image { blob: BlobId::of(bytes), mime: "image/png".into() }
}

fn opaque(from: &str, key: &str, value: Value) -> Part {
    let mut data = json!({"from": from});
    data[key] = value;
    Part::Opaque { format: "openai-responses".into(), data }
}

fn thought(from: &str) -> Part {
    opaque(
        from,
        "item",
        json!({"type": "reasoning", "id": "rs_1", "encrypted_content": "abc", "summary": []}),
    )
}

fn request(messages: Vec<Message>) -> ModelRequest {
    let tool = |name: &str| ToolSpec {
        name: name.into(),
        description: format!("does {name}"),
        parameters: json!({"type": "object"}),
        effect: Effect::Pure,
        timeout: Duration::from_secs(1),
    };
    let blob = |bytes: &'static [u8]| (BlobId::of(bytes), Bytes::from_static(bytes));
    ModelRequest {
        model: "gpt-6-sol".into(),
        system: "Be brief.".into(),
        messages: messages.into(),
        tools: [tool("b"), tool("a")].into(),
        blobs: HashMap::from([blob(b"png"), blob(b"pdf")]),
        effort: None,
        max_output_tokens: Some(100),
        correlation: "c-1".into(),
    }
}

fn text(messages: Vec<Message>, config: &ResponsesConfig) -> String {
    serde_json::to_string(&Body { request: &request(messages), config, from: HERE }).unwrap()
}

fn input(messages: Vec<Message>) -> Value {
    let body: Value = serde_json::from_str(&text(messages, &ResponsesConfig::default())).unwrap();
    body["input"].clone()
}

/// A conversation with everything in it.
fn everything() -> Vec<Message> {
    let pdf = Part::File { blob: BlobId::of(b"pdf"), mime: "application/pdf".into(), name: "a.pdf".into() };
    vec![
        message(Role::User, vec![Part::text("look"), image(b"png"), pdf]),
        message(
            Role::Assistant,
            vec![
                Part::Reasoning { text: "hm".into() },
                thought(HERE),
                opaque(HERE, "phase", "commentary".into()),
                Part::text("Wait."),
                call("1", r#"{"a": 1}"#),
                call("functions.look:2", "nonsense"),
            ],
        ),
        message(Role::Tool, vec![result("1", ToolStatus::Ok, vec![Part::text("seen"), image(b"png")])]),
        message(Role::Tool, vec![result("functions.look:2", ToolStatus::Error, vec![Part::text("no")])]),
        user("so?"),
        message(Role::Assistant, vec![Part::text("That is it.")]),
        user("thanks"),
    ]
}

#[test]
fn a_request_with_everything_in_it() {
    let body: Value = serde_json::from_str(&text(everything(), &ResponsesConfig::default())).unwrap();
    insta::assert_json_snapshot!(body);
}

#[test]
fn the_bytes_stand_in_this_order() {
    assert_eq!(
        text(vec![user("hi")], &ResponsesConfig::default()),
        concat!(
            r#"{"model":"gpt-6-sol","stream":true,"store":false,"include":["reasoning.encrypted_content"],"#,
            r#""max_output_tokens":100,"tools":["#,
            r#"{"type":"function","name":"a","description":"does a","parameters":{"type":"object"},"strict":false},"#,
            r#"{"type":"function","name":"b","description":"does b","parameters":{"type":"object"},"strict":false}],"#,
            r#""instructions":"Be brief.","input":[{"role":"user","content":[{"type":"input_text","text":"hi"}]}]}"#
        )
    );
}

#[test]
fn a_longer_conversation_begins_with_the_same_bytes() {
    let whole = |messages: &[Message]| text(messages.to_vec(), &ResponsesConfig::default());
    let all = everything();
    for (short, long) in [(1, 4), (4, 7), (5, 7)] {
        let short = whole(&all[..short]);
        assert!(whole(&all[..long]).starts_with(short.strip_suffix("]}").unwrap()));
    }
}

#[test]
fn thoughts_are_asked_for_only_of_models_that_think() {
    for (model, reasoning, expected) in [
        ("gpt-5", None, true),
        ("openai/gpt-4o", None, false),
        ("gpt-4.1-mini", None, false),
        ("gpt-9", None, true),
        ("the-intern", None, true),
        ("gpt-5", Some(false), false),
        ("gpt-4o", Some(true), true),
    ] {
        let config =
            ResponsesConfig { reasoning, reasoning_effort: Some("low".into()), ..ResponsesConfig::default() };
        let request = ModelRequest { model: model.into(), ..request(vec![user("hi")]) };
        let body = serde_json::to_value(Body { request: &request, config: &config, from: HERE }).unwrap();
        assert_eq!(body.get("include").is_some(), expected, "{model}");
        assert_eq!(body["reasoning"]["effort"] == "low", expected, "{model}");
        for (effort, word) in [(Effort::Off, "none"), (Effort::High, "high")] {
            let request = ModelRequest { effort: Some(effort), ..request.clone() };
            let body = serde_json::to_value(Body { request: &request, config: &config, from: HERE }).unwrap();
            assert_eq!(body["reasoning"]["effort"] == word, expected, "{model}");
        }
    }
    let config = ResponsesConfig { reasoning_summary: Some(Summary::Auto), ..ResponsesConfig::default() };
    let body: Value = serde_json::from_str(&text(vec![user("hi")], &config)).unwrap();
    assert_eq!(body["reasoning"], json!({"summary": "auto"}));
}

#[test]
fn thoughts_go_back_to_the_server_that_sealed_them_and_only_before_something() {
    let said = |parts| input(vec![user("a"), message(Role::Assistant, parts)]);
    let kept = json!({"type": "reasoning", "id": "rs_1", "encrypted_content": "abc", "summary": []});
    let foreign =
        Part::Opaque { format: "anthropic".into(), data: json!({"from": HERE, "item": {"type": "x"}}) };
    let ok = json!({"role": "assistant", "content": "ok"});
    let blocks = said(vec![thought(HERE), thought("there:1"), foreign, Part::text("ok")]);
    assert_eq!(blocks.as_array().unwrap()[1..], [kept, ok]);
    assert_eq!(
        said(vec![thought(HERE)]).as_array().unwrap()[1..],
        [json!({"role": "assistant", "content": "(no text)"})]
    );
}

#[test]
fn images_of_results_wait_where_results_hold_only_text() {
    let config = ResponsesConfig { tool_result_images: false, ..ResponsesConfig::default() };
    let conversation = vec![
        message(Role::Assistant, vec![call("1", "{}"), call("2", "{}")]),
        message(Role::Tool, vec![result("1", ToolStatus::Ok, vec![image(b"png")])]),
        message(Role::Tool, vec![result("2", ToolStatus::Unknown, vec![])]),
    ];
    let body: Value = serde_json::from_str(&text(conversation, &config)).unwrap();
    assert_eq!(
        body["input"].as_array().unwrap()[2..],
        [
            json!({"type": "function_call_output", "call_id": "1", "output": [
                {"type": "input_text", "text": "[an image: see the user message after the results]"}]}),
            json!({"type": "function_call_output", "call_id": "2", "output": "(it was started; how it ended is unknown)"}),
            json!({"role": "user", "content": [
                {"type": "input_text", "text": "[images from the result of `look` (1):]"},
                {"type": "input_image", "image_url": "data:image/png;base64,cG5n"}]}),
        ]
    );
}
