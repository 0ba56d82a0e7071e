//! Plain turns: what is stored, said and billed.

use agent_core::{ScriptedReply, TokenUsage};
use session_api::{Delivery, InboundState, OutboxKind, Outcome, Role, Scope, Timestamp, UsageBy};
use tool_api::{Effect, ScriptedTool, ToolOutput};

use crate::support::{TestApp, assert_pairs, core, none, script, session, text_of};

const USED: TokenUsage =
    TokenUsage { input_tokens: 100, cached_tokens: 40, cache_write_tokens: 0, output_tokens: 7 };

#[tokio::test]
async fn a_message_is_answered_in_one_turn() {
    let provider = script(vec![ScriptedReply::text("Good morning to you.").with_usage(USED)]);
    let app = TestApp::new(core(provider.clone(), Vec::new()));
    let result = app.say("Good morning.").await;
    assert_eq!(result.content, "Good morning to you.");
    assert_eq!((result.stop_reason.as_str(), result.error), ("answered", None));
    assert_eq!(result.usage, USED);
    for (key, value) in [("model", "scripted/model"), ("resumed", "false"), ("session", "cli:local:main")] {
        assert_eq!(result.metadata.get(key).map(String::as_str), Some(value), "{key}");
    }
    let history = app.history().await;
    let said: Vec<(Role, String)> = history.iter().map(|message| (message.role, message.text())).collect();
    assert_eq!(
        said,
        [(Role::User, "Good morning.".to_owned()), (Role::Assistant, "Good morning to you.".to_owned())]
    );
    assert_eq!(result.messages, history);
    let outbox = app.outbox().await;
    assert_eq!(outbox.len(), 1);
    assert_eq!((outbox[0].kind, outbox[0].delivery), (OutboxKind::Reply, Delivery::Pull));
    assert_eq!(text_of(&outbox[0]), "Good morning to you.");
    let id = result.metadata["inbound"].parse().unwrap();
    let view = app.stores.mailbox.inbound(id).await.unwrap().unwrap();
    assert!(matches!(view.state, InboundState::Settled(settled) if settled.outcome == Outcome::Replied));
}

#[tokio::test]
async fn a_tool_turn_stores_messages_answer_usage_and_audit() {
    let provider = script(vec![
        ScriptedReply::tool("look", &none()).with_usage(USED),
        ScriptedReply::text("Seen.").with_usage(USED),
    ]);
    let tool =
        std::sync::Arc::new(ScriptedTool::new("look", Effect::Pure, vec![Ok(ToolOutput::text("a cat"))]));
    let app = TestApp::new(core(provider.clone(), vec![tool.clone()]));
    let result = app.say("Look.").await;
    assert_eq!(result.content, "Seen.");
    assert_eq!(result.tools_used, ["look"]);
    assert_eq!(tool.calls(), ["{}"]);

    let history = app.history().await;
    let roles: Vec<Role> = history.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool, Role::Assistant]);
    assert_pairs(&history);
    assert_eq!(app.outbox().await.len(), 1);
    let usage = app.stores.usage.usage_totals(&Scope::All, Timestamp(0), UsageBy::Model).await.unwrap();
    assert_eq!((usage.len(), usage[0].calls, usage[0].input_tokens), (1, 2, 200));
    let audit = app.stores.audit.audit_rows(Some(&session()), 10).await.unwrap();
    assert_eq!(audit.len(), 1);
    assert_eq!((audit[0].entry.kind.as_str(), audit[0].entry.subject.as_str()), ("tool.ok", "look"));

    let second = &provider.requests()[1];
    let heard = second.messages.last().unwrap().tool_results().next().unwrap();
    assert_eq!(heard.content[0].as_text(), Some("a cat"));
}

#[tokio::test]
async fn what_stands_before_the_newest_message_is_the_same_bytes_from_turn_to_turn() {
    let provider = script(vec![
        ScriptedReply::text("One."),
        ScriptedReply::tool("look", &none()),
        ScriptedReply::text("Two."),
        ScriptedReply::text("Three."),
    ]);
    let tool = ScriptedTool::new("look", Effect::Pure, vec![Ok(ToolOutput::text("a cat"))]);
    let app = TestApp::new(core(provider.clone(), vec![std::sync::Arc::new(tool)]));
    for text in ["first", "second", "third"] {
        app.in_time(app.say(text)).await;
        app.clock.advance(std::time::Duration::from_secs(3600));
    }
    let requests = provider.requests();
    assert_eq!(requests.len(), 4);
    for pair in requests.windows(2) {
        let [earlier, later] = pair else { unreachable!() };
        assert_eq!(earlier.system, later.system);
        assert_eq!(earlier.tools, later.tools);
        let bytes = |messages: &[session_api::Message]| serde_json::to_string(messages).unwrap();
        let kept = &later.messages[..earlier.messages.len()];
        assert_eq!(bytes(&earlier.messages), bytes(kept));
    }
}

#[tokio::test]
async fn an_override_names_the_model_and_the_tools_of_one_run() {
    let provider = script(vec![ScriptedReply::text("Yes.")]);
    let tools = ["look", "send"].map(|name| {
        std::sync::Arc::new(ScriptedTool::new(name, Effect::Pure, Vec::new()))
            as std::sync::Arc<dyn tool_api::Tool>
    });
    let app = TestApp::new(core(provider.clone(), tools.into()));
    let overrides = session_api::RunOverrides {
        model: Some("other".into()),
        tools: Some(vec!["send".into()]),
        ..session_api::RunOverrides::default()
    };
    app.factotum.run(crate::support::request("hello").with(overrides)).await.unwrap();
    app.say("hello again").await;
    let requests = provider.requests();
    assert_eq!((requests[0].model.as_str(), requests[0].tools.len()), ("other", 1));
    assert_eq!((requests[1].model.as_str(), requests[1].tools.len()), ("model", 2));
}
