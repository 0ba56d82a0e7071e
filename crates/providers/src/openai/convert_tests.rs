use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use serde_json::{Value, json};
use session_api::{BlobId, CallId, MessageId, Timestamp, ToolStatus, TurnId};
use tool_api::Effect;

use super::*;
use crate::openai::{LimitField, ReplayReasoning, SystemRole};

fn message(role: Role, parts: Vec<Part>) -> Message {
    let (id, turn) = (MessageId(Default::default()), TurnId(Default::default()));
    Message { id, role, principal: None, turn, at: Timestamp(0), parts }
}

fn call(id: &str, name: &str, arguments: &str) -> Part {
    Part::ToolCall(ToolCall { id: CallId(id.into()), name: name.into(), arguments: arguments.into() })
}

fn result(id: &str, status: ToolStatus, content: Vec<Part>) -> Part {
    Part::ToolResult(ToolResult::new(CallId(id.into()), "look".into(), status, content))
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
        effort: None,
        max_output_tokens: Some(100),
        correlation: "c-1".into(),
    }
}

fn text(request: &ModelRequest, quirks: &Quirks) -> String {
    serde_json::to_string(&Body {
        request,
        stream: true,
        thinks: true,
        server_tools: &[],
        extra_body: &Map::new(),
        images: true,
        quirks,
        from: "here:1",
    })
    .unwrap()
}

fn messages(sent: Vec<Message>, quirks: &Quirks) -> Value {
    let body: Value = serde_json::from_str(&text(&request(sent), quirks)).unwrap();
    let mut all = body["messages"].clone();
    assert_eq!(all.as_array_mut().unwrap().remove(0), json!({"role": "system", "content": "Be brief."}));
    all
}

#[test]
fn the_bytes_are_these_and_in_this_order() {
    let body = text(&request(vec![message(Role::User, vec![Part::text("hi")])]), &Quirks::USUAL);
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
    let short = text(&request(history.clone()), &Quirks::USUAL);
    let longer = [history, vec![message(Role::User, vec![Part::text("more")])]].concat();
    let long = text(&request(longer), &Quirks::USUAL);
    assert!(long.starts_with(short.strip_suffix("]}").unwrap()));
}

#[test]
fn without_tools_limit_and_usage_the_fields_are_absent() {
    let mut bare = request(Vec::new());
    bare.tools = [].into();
    bare.system = "".into();
    bare.max_output_tokens = None;
    let quirks = Quirks { stream_usage: false, ..Quirks::USUAL };
    assert_eq!(text(&bare, &quirks), r#"{"model":"gpt-x","stream":true,"messages":[]}"#);
}

#[test]
fn how_hard_to_think_stands_where_the_server_looks_for_it() {
    let said = |field, effort, thinks| {
        let (asked, quirks) =
            (ModelRequest { effort, ..request(Vec::new()) }, Quirks { effort_field: field, ..Quirks::USUAL });
        let body = Body {
            request: &asked,
            stream: true,
            thinks,
            server_tools: &[],
            extra_body: &Map::new(),
            images: true,
            quirks: &quirks,
            from: "here:1",
        };
        let mut body = serde_json::to_value(&body).unwrap();
        let fields = ["reasoning_effort", "reasoning", "enable_thinking", "thinking"];
        let found = fields.iter().filter_map(|key| Some(((*key).to_owned(), body.get_mut(key)?.take())));
        Value::Object(found.collect())
    };
    let (off, high) = (Some(Effort::Off), Some(Effort::High));
    for (field, effort, expected) in [
        (EffortField::ReasoningEffort, high, json!({"reasoning_effort": "high"})),
        (EffortField::ReasoningEffort, off, json!({"reasoning_effort": "none"})),
        (EffortField::Reasoning, high, json!({"reasoning": {"effort": "high"}})),
        (EffortField::EnableThinking, high, json!({"enable_thinking": true})),
        (EffortField::EnableThinking, off, json!({"enable_thinking": false})),
        (EffortField::Thinking, high, json!({"thinking": {"type": "enabled"}})),
        (EffortField::Thinking, off, json!({"thinking": {"type": "disabled"}})),
        (EffortField::ReasoningEffort, None, json!({})),
    ] {
        assert_eq!(said(field, effort, true), expected, "{field:?} {effort:?}");
    }
    assert_eq!(said(EffortField::ReasoningEffort, high, false), json!({}), "a model that cannot think");
}

#[test]
fn a_user_message_is_text_or_parts() {
    let file = Part::File { blob: BlobId::of(b"f"), mime: "application/pdf".into(), name: "a.pdf".into() };
    let parts = vec![Part::text("look"), image(b"png"), image(b"gone"), file];
    let sent = messages(vec![message(Role::User, parts.clone())], &Quirks::USUAL);
    assert_eq!(
        sent,
        json!([{"role": "user", "content": [
            {"type": "text", "text": "look"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}},
            {"type": "text", "text": "[an image (image/png) is not sent: its bytes are not at hand]"},
            {"type": "text", "text": "[the file `a.pdf` (application/pdf) is attached; its content is not part of this message]"},
        ]}])
    );
    let sent = request(vec![message(Role::User, parts[..2].to_vec()), message(Role::User, vec![])]);
    let blind = Body {
        server_tools: &[],
        extra_body: &Map::new(),
        request: &sent,
        stream: true,
        thinks: true,
        images: false,
        quirks: &Quirks::USUAL,
        from: "here:1",
    };
    let sent = serde_json::to_value(blind).unwrap()["messages"].clone();
    assert_eq!(
        sent,
        json!([
            {"role": "system", "content": "Be brief."},
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
        messages(conversation, &Quirks::USUAL),
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
        messages(said(), &Quirks::USUAL),
        json!([{"role": "assistant", "content": "yes"}, {"role": "assistant", "content": "(no text)"}])
    );
    for (policy, field) in
        [(ReplayReasoning::ReasoningContent, "reasoning_content"), (ReplayReasoning::Reasoning, "reasoning")]
    {
        let quirks = Quirks { replay_reasoning: policy, ..Quirks::USUAL };
        assert_eq!(messages(said(), &quirks)[0][field], "hm");
    }
}

#[test]
fn each_quirk_changes_one_thing() {
    let usual = text(&request(vec![message(Role::User, vec![Part::text("hi")])]), &Quirks::USUAL);
    for (quirks, before, after) in [
        (
            Quirks { limit_field: LimitField::MaxCompletionTokens, ..Quirks::USUAL },
            r#""max_tokens":100"#,
            r#""max_completion_tokens":100"#,
        ),
        (Quirks { stream_usage: false, ..Quirks::USUAL }, r#""stream_options":{"include_usage":true},"#, ""),
        (
            Quirks { system_role: SystemRole::Developer, ..Quirks::USUAL },
            r#""role":"system""#,
            r#""role":"developer""#,
        ),
        (
            Quirks { parallel_tool_calls: Some(false), ..Quirks::USUAL },
            r#""tools":"#,
            r#""parallel_tool_calls":false,"tools":"#,
        ),
    ] {
        let sent = text(&request(vec![message(Role::User, vec![Part::text("hi")])]), &quirks);
        assert_eq!(sent, usual.replace(before, after));
        assert_ne!(sent, usual);
    }
}

#[test]
fn results_hold_their_images_where_servers_can_read_them() {
    let conversation = vec![
        message(Role::Assistant, vec![call("1", "look", "{}")]),
        message(Role::Tool, vec![result("1", ToolStatus::Ok, vec![Part::text("seen"), image(b"png")])]),
    ];
    let quirks = Quirks { tool_result_images: true, ..Quirks::USUAL };
    assert_eq!(
        messages(conversation, &quirks)[1],
        json!({"role": "tool", "tool_call_id": "1", "content": [
            {"type": "text", "text": "seen"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}},
        ]})
    );
}

#[test]
fn user_and_assistant_take_turns_where_servers_insist() {
    let conversation = vec![
        message(Role::Assistant, vec![Part::text("before")]),
        message(Role::User, vec![Part::text("a")]),
        message(Role::User, vec![Part::text("b")]),
        message(Role::Assistant, vec![Part::text("wait")]),
        message(Role::Assistant, vec![call("call-1", "look", "{}")]),
        message(Role::Tool, vec![result("call-1", ToolStatus::Ok, vec![image(b"png")])]),
        message(Role::User, vec![Part::text("so?")]),
    ];
    let quirks = Quirks { strict_alternation: true, short_call_ids: true, ..Quirks::USUAL };
    let sent = messages(conversation.clone(), &quirks);
    let id = sent[3]["tool_calls"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 9);
    assert_eq!(
        sent,
        json!([
            {"role": "user", "content": "(the conversation goes on)"},
            {"role": "assistant", "content": "before"},
            {"role": "user", "content": "a\nb"},
            {"role": "assistant", "content": "wait", "tool_calls": [
                {"id": id, "type": "function", "function": {"name": "look", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": id, "content": "[an image: see the user message after the results]"},
            {"role": "assistant", "content": "(noted)"},
            {"role": "user", "content": [
                {"type": "text", "text": "[images from the result of `look` (call-1):]"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}},
                {"type": "text", "text": "so?"},
            ]},
        ])
    );
    let user = Quirks { system_role: SystemRole::User, ..quirks };
    let body: Value = serde_json::from_str(&text(&request(conversation), &user)).unwrap();
    assert_eq!(body["messages"][0], json!({"role": "user", "content": "Be brief."}));
    assert_eq!(body["messages"][1]["role"], "assistant");
}

#[test]
fn extras_go_back_to_the_server_that_made_them_and_to_no_other() {
    let kept = |from: &str, key: &str| {
        let mut data = json!({"from": from});
        data[key] = json!({"x": 1});
        Part::Opaque { format: "openai".into(), data }
    };
    let said = |from: &str| {
        let parts = vec![
            kept(from, "reasoning_details"),
            Part::text("ok"),
            kept(from, "extra_content"),
            call("1", "look", "{}"),
            call("2", "look", "{}"),
        ];
        vec![message(Role::Assistant, parts)]
    };
    let quirks = Quirks { replay_extras: true, ..Quirks::USUAL };
    let sent = messages(said("here:1"), &quirks);
    assert_eq!(sent[0]["reasoning_details"], json!({"x": 1}));
    assert_eq!(sent[0]["tool_calls"][0]["extra_content"], json!({"x": 1}));
    assert_eq!(sent[0]["tool_calls"][1].get("extra_content"), None);
    for sent in [messages(said("there:1"), &quirks), messages(said("here:1"), &Quirks::USUAL)] {
        let sent = sent.to_string();
        assert!(!sent.contains("extra_content") && !sent.contains("reasoning_details"), "{sent}");
    }
}
