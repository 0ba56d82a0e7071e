use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use serde_json::{Value, json};
use session_api::{BlobId, CallId, MessageId, Timestamp, TurnId};
use tool_api::Effect;

use super::*;
use crate::openai::ReplayReasoning;

fn message(role: Role, parts: Vec<Part>) -> Message {
    let (id, turn) = (MessageId(Default::default()), TurnId(Default::default()));
    Message { id, role, principal: None, turn, at: Timestamp(0), parts }
}

fn call(id: &str, name: &str, arguments: &str) -> Part {
    Part::ToolCall(ToolCall { id: CallId(id.into()), name: name.into(), arguments: arguments.into() })
}

fn result(id: &str, status: ToolStatus, content: Vec<Part>) -> Part {
    Part::ToolResult(ToolResult {
        call_id: CallId(id.into()),
        name: "look".into(),
        status,
        content,
        whole: None,
    })
}

fn image(bytes: &[u8]) -> Part {
    Part::Image { blob: BlobId::of(bytes), mime: "image/png".into() }
}

fn request(messages: Vec<Message>) -> ModelRequest {
    let tool = |name: &str| ToolSpec {
        name: name.into(),
        description: format!("does {name}"),
        parameters: json!({"type": "object"}),
        effect: Effect::Pure,
        timeout: Duration::from_secs(1),
    };
    ModelRequest {
        model: "gpt-x".into(),
        system: "Be brief.".into(),
        messages: messages.into(),
        tools: [tool("b"), tool("a")].into(),
        blobs: HashMap::from([(BlobId::of(b"png"), Bytes::from_static(b"png"))]),
        max_output_tokens: Some(100),
        correlation: "c-1".into(),
    }
}

fn text(request: &ModelRequest, config: &OpenAiConfig) -> String {
    serde_json::to_string(&Body { request, config, limit_field: "max_tokens" }).unwrap()
}

fn messages(sent: Vec<Message>, config: &OpenAiConfig) -> Value {
    let body: Value = serde_json::from_str(&text(&request(sent), config)).unwrap();
    let mut all = body["messages"].clone();
    assert_eq!(all.as_array_mut().unwrap().remove(0), json!({"role": "system", "content": "Be brief."}));
    all
}

#[test]
fn the_bytes_are_these_and_in_this_order() {
    let body = text(&request(vec![message(Role::User, vec![Part::text("hi")])]), &OpenAiConfig::default());
    assert_eq!(
        body,
        concat!(
            r#"{"model":"gpt-x","stream":true,"stream_options":{"include_usage":true},"max_tokens":100,"tools":["#,
            r#"{"type":"function","function":{"name":"a","description":"does a","parameters":{"type":"object"}}},"#,
            r#"{"type":"function","function":{"name":"b","description":"does b","parameters":{"type":"object"}}}],"#,
            r#""messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"hi"}]}"#
        )
    );
}

#[test]
fn a_longer_conversation_begins_with_the_same_bytes() {
    let history = vec![
        message(Role::User, vec![Part::text("hi"), image(b"png")]),
        message(Role::Assistant, vec![call("1", "a", "{}")]),
        message(Role::Tool, vec![result("1", ToolStatus::Ok, vec![Part::text("done")])]),
    ];
    let short = text(&request(history.clone()), &OpenAiConfig::default());
    let longer = [history, vec![message(Role::User, vec![Part::text("more")])]].concat();
    let long = text(&request(longer), &OpenAiConfig::default());
    assert!(long.starts_with(short.strip_suffix("]}").unwrap()));
}

#[test]
fn without_tools_limit_and_usage_the_fields_are_absent() {
    let mut bare = request(Vec::new());
    bare.tools = [].into();
    bare.system = "".into();
    bare.max_output_tokens = None;
    let config = OpenAiConfig { stream_usage: false, ..OpenAiConfig::default() };
    assert_eq!(text(&bare, &config), r#"{"model":"gpt-x","stream":true,"messages":[]}"#);
}

#[test]
fn a_user_message_is_text_or_parts() {
    let file = Part::File { blob: BlobId::of(b"f"), mime: "application/pdf".into(), name: "a.pdf".into() };
    let parts = vec![Part::text("look"), image(b"png"), image(b"gone"), file];
    let sent = messages(vec![message(Role::User, parts.clone())], &OpenAiConfig::default());
    assert_eq!(
        sent,
        json!([{"role": "user", "content": [
            {"type": "text", "text": "look"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}},
            {"type": "text", "text": "[an image (image/png) is not sent: its bytes are not at hand]"},
            {"type": "text", "text": "[the file `a.pdf` (application/pdf) is attached; its content is not part of this message]"},
        ]}])
    );
    let blind = OpenAiConfig { images: false, ..OpenAiConfig::default() };
    let sent = messages(vec![message(Role::User, parts[..2].to_vec()), message(Role::User, vec![])], &blind);
    assert_eq!(
        sent,
        json!([
            {"role": "user", "content": "look\n[an image (image/png) is not sent: this provider is set up as taking none]"},
            {"role": "user", "content": "(empty)"},
        ])
    );
}

#[test]
fn results_follow_their_calls_and_their_images_come_after_all_of_them() {
    let shown = vec![Part::text("seen"), image(b"png")];
    let conversation = vec![
        message(
            Role::Assistant,
            vec![call("1", "look", r#"{"a":1}"#), call("2", "look", ""), call("3", "look", "{}")],
        ),
        message(
            Role::Tool,
            vec![result("1", ToolStatus::Ok, shown), result("2", ToolStatus::Unknown, vec![])],
        ),
        message(Role::Tool, vec![result("3", ToolStatus::Error, vec![Part::text("no")])]),
        message(Role::User, vec![Part::text("so?")]),
    ];
    let function = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "look", "arguments": arguments}});
    assert_eq!(
        messages(conversation, &OpenAiConfig::default()),
        json!([
            {"role": "assistant", "content": null, "tool_calls": [function("1", r#"{"a":1}"#), function("2", "{}"), function("3", "{}")]},
            {"role": "tool", "tool_call_id": "1", "content": "seen\n[an image: see the user message after the results]"},
            {"role": "tool", "tool_call_id": "2", "content": "(it was started; how it ended is unknown)"},
            {"role": "tool", "tool_call_id": "3", "content": "no"},
            {"role": "user", "content": [
                {"type": "text", "text": "[images from the result of `look` (1):]"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}},
            ]},
            {"role": "user", "content": "so?"},
        ])
    );
}

#[test]
fn nonsense_that_a_model_wrote_is_sent_back_in_a_form_that_servers_accept() {
    for (raw, expected) in [
        (r#"{"a": 1}"#, r#"{"a": 1}"#),
        (" \n", "{}"),
        ("{bad}", r#"{"_invalid":"{bad}"}"#),
        ("null", r#"{"_invalid":"null"}"#),
        (r#"{"a":1}{"#, r#"{"_invalid":"{\"a\":1}{"}"#),
    ] {
        assert_eq!(arguments(raw), expected, "{raw}");
    }
    for (raw, expected) in [
        ("read_file", "read_file"),
        ("", "unnamed"),
        ("read file ä", "read_file__"),
        (&"x".repeat(65), &"x".repeat(64)),
    ] {
        assert_eq!(name(raw), expected);
    }
}

#[test]
fn reasoning_is_replayed_only_where_that_is_configured() {
    let opaque = Part::Opaque { format: "other".into(), data: json!({"secret": 1}) };
    let thought = Part::Reasoning { text: "hm".into() };
    let said = || {
        vec![
            message(Role::Assistant, vec![thought.clone(), opaque.clone(), Part::text("yes")]),
            message(Role::Assistant, vec![thought.clone()]),
        ]
    };
    assert_eq!(
        messages(said(), &OpenAiConfig::default()),
        json!([{"role": "assistant", "content": "yes"}, {"role": "assistant", "content": "(no text)"}])
    );
    for (policy, field) in
        [(ReplayReasoning::ReasoningContent, "reasoning_content"), (ReplayReasoning::Reasoning, "reasoning")]
    {
        let config = OpenAiConfig { replay_reasoning: policy, ..OpenAiConfig::default() };
        assert_eq!(messages(said(), &config)[0][field], "hm");
    }
}
