//! The events of a run, by name, order and fields.

use agent_core::{ModelError, ModelErrorKind, ModelEvent, RunEvent, RunStream, ScriptedReply};
use serde_json::{Value, json};
use session_api::{CallId, Decision, ToolCall};
use tool_api::{AlwaysAsk, Effect, Tool};

use crate::support::{Does, Probe, TestApp, core, request, script, session};

fn calling(ids: &[(&str, &str)]) -> Vec<ModelEvent> {
    let call = |(id, name): &(&str, &str)| {
        ModelEvent::ToolCall(ToolCall {
            id: CallId((*id).into()),
            name: (*name).into(),
            arguments: format!("{{\"id\":\"{id}\"}}"),
        })
    };
    ids.iter().map(call).collect()
}

async fn all(stream: &mut RunStream) -> Vec<RunEvent> {
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        events.push(event);
    }
    events
}

/// An event as JSON without what all of them have, which is checked.
fn bare(event: &RunEvent, inbound: &str) -> Value {
    let mut value = serde_json::to_value(event).unwrap();
    let fields = value.as_object_mut().unwrap();
    assert_eq!(fields.remove("session").unwrap()["chat"], "main");
    assert!(fields.remove("turn").is_some() && fields.remove("at").is_some());
    assert_eq!(fields.remove("inbound"), Some(json!([inbound])));
    assert_eq!(fields.remove("correlation"), Some(json!(inbound)));
    value
}

#[tokio::test]
async fn the_eleven_events_come_in_order_with_their_fields() {
    let mut first = vec![ModelEvent::Reasoning("hm".into()), ModelEvent::Text("Let me see.".into())];
    first.extend(calling(&[("a", "look"), ("b", "break"), ("c", "send")]));
    let provider = script(vec![
        ScriptedReply::events(first),
        ScriptedReply::text("All done."),
        ScriptedReply::error(ModelError::new(ModelErrorKind::Quota, "no money left")),
    ]);
    let tools: Vec<std::sync::Arc<dyn Tool>> = vec![
        Probe::new("look", Effect::Idempotent, Does::Say("a cat".into())),
        Probe::new("break", Effect::Idempotent, Does::Fail("it broke".into())),
        Probe::new("send", Effect::Unsafe, Does::Say("sent".into())),
    ];
    let mut core = core(provider, tools);
    core.approver = std::sync::Arc::new(AlwaysAsk(vec!["send".into()]));
    let app = TestApp::new(core);

    let mut stream = app.factotum.run_streamed(request("go")).await.unwrap();
    let inbound = stream.inbound().to_string();
    let events = all(&mut stream).await;
    let asked = app.factotum.approvals().open().await.unwrap().remove(0);
    let told: Vec<Value> = events.iter().map(|event| bare(event, &inbound)).collect();
    let started = |id: &str, name: &str| {
        json!({"type": "tool.started", "name": name, "tool_call_id": id,
               "arguments": format!("{{\"id\":\"{id}\"}}"), "iteration": 1})
    };
    assert_eq!(
        told,
        [
            json!({"type": "run.started", "resuming": false}),
            json!({"type": "reasoning.delta", "text": "hm", "iteration": 1}),
            json!({"type": "text.delta", "text": "Let me see.", "iteration": 1}),
            json!({"type": "reasoning.completed", "text": "hm", "iteration": 1}),
            json!({"type": "text.completed", "text": "Let me see.", "iteration": 1, "resuming": true}),
            started("a", "look"),
            json!({"type": "tool.completed", "name": "look", "tool_call_id": "a", "millis": 0}),
            started("b", "break"),
            json!({"type": "tool.failed", "name": "break", "tool_call_id": "b", "error": "it broke", "millis": 0}),
            json!({"type": "approval.requested", "approval": asked.id, "name": "send",
                   "arguments": "{\"id\":\"c\"}", "reason": "`send` is set to ask before every call"}),
        ]
    );
    let result = stream.wait().await.unwrap();
    assert_eq!(result.stop_reason, "suspended");

    app.factotum.approvals().answer(asked.id, Decision::Allow).await.unwrap();
    let mut stream = app.factotum.attach(session(), inbound.parse().unwrap());
    let events = all(&mut stream).await;
    let told: Vec<Value> = events.iter().map(|event| bare(event, &inbound)).collect();
    assert_eq!(
        told,
        [
            json!({"type": "run.started", "resuming": true}),
            started("c", "send"),
            json!({"type": "tool.completed", "name": "send", "tool_call_id": "c", "millis": 0}),
            json!({"type": "text.delta", "text": "All ", "iteration": 2}),
            json!({"type": "text.delta", "text": "done.", "iteration": 2}),
            json!({"type": "text.completed", "text": "All done.", "iteration": 2, "resuming": false}),
            json!({"type": "run.completed", "content": "All done.", "stop_reason": "answered",
                   "tools_used": ["look", "break", "send"],
                   "usage": serde_json::to_value(stream.wait().await.unwrap().usage).unwrap()}),
        ]
    );

    let mut stream = app.factotum.stream(request("again")).await.unwrap();
    let events = all(&mut stream).await;
    let failed = bare(events.last().unwrap(), &stream.inbound().to_string());
    assert_eq!(
        (failed["type"].as_str(), failed["stop_reason"].as_str()),
        (Some("run.failed"), Some("model_failed"))
    );
    assert!(failed["error"].as_str().unwrap().contains("no money left"), "{failed}");
}

#[tokio::test]
async fn the_pieces_of_the_text_make_the_text() {
    let app = TestApp::new(core(script(vec![ScriptedReply::text("one two three")]), Vec::new()));
    let mut stream = app.factotum.run_streamed(request("count")).await.unwrap();
    let mut pieces = Vec::new();
    while let Some(piece) = stream.text().await {
        pieces.push(piece);
    }
    assert_eq!(pieces, ["one ", "two ", "three"]);
    assert_eq!(stream.wait().await.unwrap().content, "one two three");
}
