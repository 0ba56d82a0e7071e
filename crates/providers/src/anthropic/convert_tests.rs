use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use serde_json::json;
use session_api::{BlobId, CallId, MessageId, Timestamp, ToolCall, ToolResult, ToolStatus, TurnId};
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

fn file(bytes: &[u8], mime: &str, name: &str) -> Part {
    Part::File { blob: BlobId::of(bytes), mime: mime.into(), name: name.into() }
}

fn thought(from: &str) -> Part {
    let block = json!({"type": "thinking", "thinking": "hm", "signature": "sig"});
    Part::Opaque { format: "anthropic".into(), data: json!({"from": from, "block": block}) }
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
        model: "claude-x".into(),
        system: "Be brief.".into(),
        messages: messages.into(),
        tools: [tool("b"), tool("a")].into(),
        blobs: HashMap::from([blob(b"png"), blob(b"pdf"), blob(b"txt")]),
        effort: None,
        max_output_tokens: None,
        correlation: "c-1".into(),
    }
}

fn body(request: &ModelRequest, config: &AnthropicConfig) -> Value {
    serde_json::to_value(Body::new(request, config, HERE)).unwrap()
}

fn text(messages: Vec<Message>) -> String {
    serde_json::to_string(&Body::new(&request(messages), &AnthropicConfig::default(), HERE)).unwrap()
}

/// The messages alone, without marks.
fn messages(sent: Vec<Message>) -> Value {
    let config = AnthropicConfig { cache: false, ..AnthropicConfig::default() };
    body(&request(sent), &config)["messages"].clone()
}

/// A conversation with everything in it.
fn everything() -> Vec<Message> {
    let seen = vec![Part::text("seen"), image(b"png")];
    vec![
        message(
            Role::User,
            vec![
                Part::text("look"),
                image(b"png"),
                file(b"pdf", "application/pdf", "a.pdf"),
                file(b"txt", "text/plain", "a.txt"),
            ],
        ),
        message(
            Role::Assistant,
            vec![
                Part::Reasoning { text: "hm".into() },
                thought(HERE),
                Part::text("Wait."),
                call("1", r#"{"a": 1}"#),
                call("functions.look:2", "nonsense"),
            ],
        ),
        message(Role::Tool, vec![result("1", ToolStatus::Ok, seen)]),
        message(Role::Tool, vec![result("functions.look:2", ToolStatus::Error, vec![Part::text("no")])]),
        user("so?"),
        message(Role::Assistant, vec![Part::text("That is it.")]),
        user("thanks"),
    ]
}

#[test]
fn a_request_with_everything_in_it() {
    insta::assert_json_snapshot!(body(&request(everything()), &AnthropicConfig::default()));
}

#[test]
fn the_bytes_stand_in_this_order() {
    assert_eq!(
        text(vec![user("hi")]),
        concat!(
            r#"{"model":"claude-x","stream":true,"max_tokens":8192,"tools":["#,
            r#"{"name":"a","description":"does a","input_schema":{"type":"object"}},"#,
            r#"{"name":"b","description":"does b","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}}],"#,
            r#""system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}],"#,
            r#""messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}]}"#
        )
    );
}

#[test]
fn a_longer_conversation_begins_with_the_same_bytes_but_for_the_marks() {
    let plain = |messages: &[Message]| {
        let whole = text(messages.to_vec()).replace(r#","cache_control":{"type":"ephemeral"}"#, "");
        whole.strip_suffix("]}]}").unwrap().to_owned()
    };
    let all = everything();
    // What ends a request: a message of the user, or results.
    for (short, long) in [(1, 4), (4, 7), (5, 7)] {
        assert!(plain(&all[..long]).starts_with(&plain(&all[..short])), "{short} of {long}");
    }
}

#[test]
fn there_are_at_most_four_marks_and_the_server_finds_the_ones_before() {
    let places = |messages: &[Message]| -> Vec<String> {
        let request = request(messages.to_vec());
        let body = body(&request, &AnthropicConfig::default());
        assert!(body.to_string().matches("cache_control").count() <= 4);
        let all = body["messages"].as_array().unwrap().iter();
        all.map(|message| {
            message["content"].as_array().unwrap().iter().any(|block| block.get("cache_control").is_some())
        })
        .map(|marked| if marked { "x" } else { "-" }.to_owned())
        .collect()
    };
    let all = everything();
    assert_eq!(places(&all[..1]).concat(), "x");
    assert_eq!(places(&all[..4]).concat(), "x-x");
    assert_eq!(places(&all).concat(), "--x-x");
    let config = AnthropicConfig { cache: false, ..AnthropicConfig::default() };
    assert!(!body(&request(everything()), &config).to_string().contains("cache_control"));
}

#[test]
fn what_is_not_at_hand_is_named() {
    let blind = AnthropicConfig { images: false, cache: false, ..AnthropicConfig::default() };
    let bmp = Part::Image { blob: BlobId::of(b"png"), mime: "image/bmp".into() };
    let parts = vec![
        image(b"gone"),
        file(b"gone", "application/pdf", "b.pdf"),
        file(b"txt", "text/csv", "c.csv"),
        bmp,
    ];
    let sent = messages(vec![message(Role::User, parts)]);
    let texts: Vec<&str> =
        sent[0]["content"].as_array().unwrap().iter().filter_map(|block| block["text"].as_str()).collect();
    assert_eq!(
        texts,
        [
            "[an image (image/png) is not sent: its bytes are not at hand]",
            "[the file `b.pdf` (application/pdf) is attached; its content is not part of this message]",
            "[the file `c.csv` (text/csv) is attached; its content is not part of this message]",
            "[an image is not sent: this format knows no image/bmp]",
        ]
    );
    let sent = body(&request(vec![message(Role::User, vec![image(b"png")])]), &blind);
    assert_eq!(sent["messages"][0]["content"][0]["type"], "text");
}

#[test]
fn the_user_begins_and_ends_and_nothing_is_empty() {
    for (sent, expected) in [
        (vec![], json!([{"role": "user", "content": [{"type": "text", "text": GO_ON}]}])),
        (
            vec![message(Role::Assistant, vec![thought(HERE)])],
            json!([
                {"role": "user", "content": [{"type": "text", "text": GO_ON}]},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "sig"},
                    {"type": "text", "text": "(no text)"}]},
                {"role": "user", "content": [{"type": "text", "text": GO_ON}]},
            ]),
        ),
        (
            vec![user(" \n"), user("a")],
            json!([{"role": "user", "content": [{"type": "text", "text": "(empty)"}, {"type": "text", "text": "a"}]}]),
        ),
    ] {
        assert_eq!(messages(sent), expected);
    }
}

#[test]
fn thoughts_go_back_to_the_server_that_signed_them_and_to_no_other() {
    let foreign =
        Part::Opaque { format: "openai".into(), data: json!({"from": HERE, "block": {"type": "x"}}) };
    let said =
        |parts| messages(vec![user("a"), message(Role::Assistant, parts), user("b")])[1]["content"].clone();
    let blocks = said(vec![thought(HERE), thought("there:1"), foreign, Part::text("ok")]);
    assert_eq!(
        blocks,
        json!([{"type": "thinking", "thinking": "hm", "signature": "sig"}, {"type": "text", "text": "ok"}])
    );
}

#[test]
fn a_budget_leaves_room_for_the_answer_and_is_left_out_in_the_middle_of_foreign_work() {
    let budget = |tokens, most, messages| {
        let config = AnthropicConfig { thinking: Thinking::Budget(tokens), ..AnthropicConfig::default() };
        let sent = ModelRequest { max_output_tokens: most, ..request(messages) };
        body(&sent, &config)["thinking"]["budget_tokens"].as_u64()
    };
    let work = |first: Vec<Part>| {
        vec![
            user("a"),
            message(Role::Assistant, first),
            message(Role::Tool, vec![result("1", ToolStatus::Ok, vec![])]),
            message(Role::Assistant, vec![call("2", "{}")]),
            message(Role::Tool, vec![result("2", ToolStatus::Ok, vec![])]),
        ]
    };
    for (why, found, expected) in [
        ("as it is", budget(4096, None, vec![user("a")]), Some(4096)),
        ("half of the limit", budget(4096, Some(4000), vec![user("a")]), Some(2000)),
        ("too little to think", budget(4096, Some(2000), vec![user("a")]), None),
        (
            "work that began with a thought",
            budget(4096, None, work(vec![thought(HERE), call("1", "{}")])),
            Some(4096),
        ),
        ("work that began without", budget(4096, None, work(vec![call("1", "{}")])), None),
        ("work of another server", budget(4096, None, work(vec![thought("there:1"), call("1", "{}")])), None),
    ] {
        assert_eq!(found, expected, "{why}");
    }
    let config = AnthropicConfig { thinking: Thinking::Adaptive, ..AnthropicConfig::default() };
    assert_eq!(body(&request(work(vec![call("1", "{}")])), &config)["thinking"], json!({"type": "adaptive"}));
}

#[test]
fn how_hard_to_think_is_a_budget_for_older_models_and_a_word_for_newer_ones() {
    let said = |model: &str, effort, thinking| {
        let config = AnthropicConfig { thinking, ..AnthropicConfig::default() };
        let body = body(
            &ModelRequest {
                model: model.into(),
                effort,
                max_output_tokens: None,
                ..request(vec![user("a")])
            },
            &config,
        );
        (body["thinking"].clone(), body["output_config"].clone(), body["max_tokens"].clone())
    };
    let (old, new, nothing) = ("claude-sonnet-4-5-20250929", "claude-opus-5", Value::Null);
    let adaptive = json!({"type": "adaptive"});
    for (model, effort, thinking, expected) in [
        (
            old,
            Some(Effort::High),
            Thinking::Unsaid,
            (json!({"type": "enabled", "budget_tokens": 16_384}), nothing.clone(), json!(8_192 + 16_384)),
        ),
        (old, Some(Effort::Off), Thinking::Budget(4_096), (nothing.clone(), nothing.clone(), json!(8_192))),
        (
            new,
            Some(Effort::Low),
            Thinking::Budget(4_096),
            (adaptive.clone(), json!({"effort": "low"}), json!(8_192 + 2_048)),
        ),
        (new, Some(Effort::Off), Thinking::Adaptive, (nothing.clone(), nothing.clone(), json!(8_192))),
        (new, None, Thinking::Adaptive, (adaptive, nothing, json!(8_192))),
    ] {
        assert_eq!(said(model, effort, thinking), expected, "{model} {effort:?} {thinking:?}");
    }
}
