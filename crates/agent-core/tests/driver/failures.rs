//! Models that cannot be had.

use std::{collections::HashMap, sync::Arc, time::Duration};

use agent_core::{
    Attempt, FinishReason, LlmProvider, ModelError, ModelErrorKind, ModelEvent, ModelRequest, Retry,
    RetryPolicy, RetryingProvider, RunEventKind, ScriptedProvider, ScriptedReply, TokenUsage,
};
use session_api::{
    CallId, Clock, InboundState, ManualClock, Role, Scope, SequentialIds, Timestamp, ToolCall, UsageBy,
};

use crate::support::{Does, Probe, TestApp, core, request, script, session, while_time_passes};
use tool_api::Effect;

fn unavailable() -> ScriptedReply {
    ScriptedReply::error(ModelError::new(ModelErrorKind::Unavailable, "the server is away"))
}

#[tokio::test]
async fn a_message_without_an_answer_is_kept_and_can_be_tried_again() {
    let provider = script(vec![unavailable(), ScriptedReply::text("Back again.")]);
    let app = TestApp::new(core(provider, Vec::new()));
    let result = app.say("hello").await;
    assert_eq!(result.stop_reason, "model_failed");
    let error = result.error.expect("it failed");
    assert_eq!(error.kind, Some(ModelErrorKind::Unavailable));
    assert!(error.message.contains("the server is away"), "{}", error.message);
    let id = result.metadata["inbound"].parse().unwrap();
    assert!(result.content.contains(&format!("dead-letters retry {id}")), "{}", result.content);
    assert_eq!(app.outbox().await.len(), 1, "the sender is told");
    assert!(app.history().await.is_empty());
    assert_eq!(app.factotum.dead_letters(10).await.unwrap().len(), 1);

    assert_eq!(app.factotum.redrive(id).await.unwrap(), Some(session()));
    let again = app.factotum.attach(session(), id).wait().await.unwrap();
    assert_eq!((again.content.as_str(), again.error), ("Back again.", None));
    assert!(app.factotum.dead_letters(10).await.unwrap().is_empty());
    let roles: Vec<Role> = app.history().await.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant]);
}

#[tokio::test]
async fn a_dead_letter_can_be_dropped() {
    let app = TestApp::new(core(script(vec![unavailable()]), Vec::new()));
    let id = app.say("hello").await.metadata["inbound"].parse().unwrap();
    assert!(app.factotum.drop_dead_letter(id).await.unwrap());
    assert!(!app.factotum.drop_dead_letter(id).await.unwrap());
    assert_eq!(app.factotum.redrive(id).await.unwrap(), None);
    let view = app.stores.mailbox.inbound(id).await.unwrap().unwrap();
    assert!(matches!(view.state, InboundState::Settled(_)), "{:?}", view.state);
}

#[tokio::test]
async fn a_failed_message_does_not_hold_the_next_one_back() {
    let app = TestApp::new(core(script(vec![unavailable(), ScriptedReply::text("Here.")]), Vec::new()));
    app.say("first").await;
    assert_eq!(app.say("second").await.content, "Here.");
}

#[tokio::test]
async fn a_history_that_is_too_long_is_halved_until_it_fits() {
    let too_long = || ScriptedReply::error(ModelError::new(ModelErrorKind::ContextTooLong, "too long"));
    let mut replies = vec![ScriptedReply::text("yes"); 8];
    replies.extend([too_long(), too_long(), ScriptedReply::text("at last")]);
    let provider = script(replies);
    let mut core = core(provider.clone(), Vec::new());
    core.budget.history_messages = 16;
    let app = TestApp::new(core);
    for _ in 0..8 {
        app.say("more").await;
    }
    assert_eq!(app.say("and?").await.content, "at last");
    let sizes: Vec<usize> = provider.requests()[8..].iter().map(|request| request.messages.len()).collect();
    assert_eq!(sizes, [17, 9, 5]);
}

#[tokio::test]
async fn a_run_with_a_model_and_a_preset_is_refused_before_it_is_accepted() {
    let app = TestApp::new(core(script(Vec::new()), Vec::new()));
    let overrides = session_api::RunOverrides {
        model: Some("a/b".into()),
        preset: Some("c".into()),
        ..session_api::RunOverrides::default()
    };
    assert!(app.factotum.run(request("hello").with(overrides)).await.is_err());
    assert!(app.factotum.sessions().list(10).await.unwrap().is_empty());
}

/// Asks a retrying provider once; returns what came, how often the inner one was asked, and how long it took.
async fn ask(replies: Vec<ScriptedReply>) -> (Result<String, ModelError>, usize, Duration) {
    let clock = ManualClock::at(Timestamp(0));
    let inner = Arc::new(ScriptedProvider::new(replies));
    let retrying = RetryingProvider::new(
        inner.clone(),
        RetryPolicy::default(),
        Arc::new(clock.clone()),
        Arc::new(SequentialIds::default()),
    );
    let request = ModelRequest {
        model: "model".into(),
        system: "".into(),
        messages: Arc::default(),
        tools: Arc::new([]),
        blobs: HashMap::new(),
        effort: None,
        max_output_tokens: None,
        correlation: String::new(),
    };
    let outcome = while_time_passes(&clock, async {
        let mut stream = retrying.stream(request).await?;
        let mut text = String::new();
        while let Some(event) = futures_util::StreamExt::next(&mut stream).await {
            match event? {
                agent_core::ModelEvent::Text(piece) => text.push_str(&piece),
                agent_core::ModelEvent::Finished(finished) => assert_eq!(finished.reason, FinishReason::Stop),
                _ => {}
            }
        }
        Ok(text)
    })
    .await;
    (outcome, inner.requests().len(), clock.monotonic())
}

fn limited(seconds: u64) -> ScriptedReply {
    ScriptedReply::error(ModelError {
        retry: Retry::After(Duration::from_secs(seconds)),
        ..ModelError::new(ModelErrorKind::RateLimited, "too often")
    })
}

#[tokio::test]
async fn a_failure_before_the_first_piece_is_tried_again_with_growing_patience() {
    let (outcome, asked, took) = ask(vec![unavailable(), unavailable(), ScriptedReply::text("Here.")]).await;
    assert_eq!((outcome.unwrap().as_str(), asked), ("Here.", 3));
    // 500 ms and 1 s, each with up to half of itself on top.
    assert!(took >= Duration::from_millis(1500) && took <= Duration::from_millis(2300), "{took:?}");
}

#[tokio::test]
async fn it_gives_up_after_its_attempts() {
    let (outcome, asked, _) = ask(vec![unavailable()]).await;
    assert_eq!((outcome.unwrap_err().kind, asked), (ModelErrorKind::Unavailable, 3));
}

#[tokio::test]
async fn a_server_that_says_when_is_asked_then() {
    let (outcome, asked, took) = ask(vec![limited(7), ScriptedReply::text("Here.")]).await;
    assert_eq!((outcome.unwrap().as_str(), asked), ("Here.", 2));
    assert!(took >= Duration::from_secs(7) && took <= Duration::from_millis(7300), "{took:?}");
}

#[tokio::test]
async fn a_server_that_asks_for_too_much_patience_is_not_waited_for() {
    let (outcome, asked, took) = ask(vec![limited(61), ScriptedReply::text("Here.")]).await;
    assert_eq!((outcome.unwrap_err().kind, asked), (ModelErrorKind::RateLimited, 1));
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn nothing_is_tried_again_after_the_first_piece_or_when_it_would_fail_again() {
    let broken = ModelError::new(ModelErrorKind::BadReply, "it broke off");
    let (outcome, asked, _) = ask(vec![ScriptedReply::text("Well").then_error(broken)]).await;
    assert_eq!((outcome.unwrap_err().kind, asked), (ModelErrorKind::BadReply, 1));
    let refused = ScriptedReply::error(ModelError::new(ModelErrorKind::Auth, "the key is refused"));
    let (outcome, asked, _) = ask(vec![refused]).await;
    assert_eq!((outcome.unwrap_err().kind, asked), (ModelErrorKind::Auth, 1));
}

#[tokio::test]
async fn what_tools_did_before_the_model_was_lost_stays_in_the_history_and_is_not_tried_again() {
    let send = Probe::new("send", Effect::Unsafe, Does::Say("sent".into()));
    let provider = script(vec![ScriptedReply::tool("send", &serde_json::json!({})), unavailable()]);
    let app = TestApp::new(core(provider, vec![send.clone()]));
    let result = app.say("send it").await;
    assert_eq!(result.stop_reason, "model_failed");
    assert!(result.error.is_some());
    assert!(result.content.contains("What was done so far is kept"), "{}", result.content);
    let roles: Vec<Role> = app.history().await.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool, Role::Assistant]);
    assert!(app.factotum.dead_letters(10).await.unwrap().is_empty(), "trying again would send it twice");
    assert_eq!(send.effects(), 1);
}

#[tokio::test]
async fn an_attempt_that_failed_leaves_nothing_in_the_answer_and_stands_on_the_bill() {
    let used = TokenUsage { input_tokens: 50, output_tokens: 3, ..TokenUsage::default() };
    let attempt = Attempt {
        provider: "first".into(),
        model: "m1".into(),
        kind: ModelErrorKind::BadReply,
        message: "the reply of provider `first` broke off".into(),
        millis: 20,
        wait_millis: 0,
        usage: used,
        next_provider: "second".into(),
        next_model: "m2".into(),
    };
    let call = ToolCall { id: CallId("a".into()), name: "send".into(), arguments: "{}".into() };
    let reply = ScriptedReply::events(vec![
        ModelEvent::Text("Half an ".into()),
        ModelEvent::ToolCall(call),
        ModelEvent::Attempt(Box::new(attempt)),
        ModelEvent::Text("A whole answer.".into()),
    ]);
    let send = Probe::new("send", Effect::Unsafe, Does::Say("sent".into()));
    let app = TestApp::new(core(script(vec![reply.with_reason(FinishReason::Stop)]), vec![send.clone()]));
    let mut stream = app.factotum.run_streamed(request("hello")).await.unwrap();
    let mut told = Vec::new();
    while let Some(event) = stream.next().await {
        if let RunEventKind::AttemptFailed { next, iteration, .. } = event.kind {
            told.push((next, iteration));
        }
    }
    let result = app.in_time(stream.wait()).await.unwrap();
    assert_eq!((result.content.as_str(), send.effects()), ("A whole answer.", 0));
    assert_eq!(told, [("second/m2".to_owned(), 1)]);
    let totals = app.stores.usage.usage_totals(&Scope::All, Timestamp(0), UsageBy::Model).await.unwrap();
    let of = |model: &str| totals.iter().find(|total| total.group == model).map(|total| total.output_tokens);
    assert_eq!(of("m1"), Some(3), "{totals:?}");
    assert!(of("m2").is_some(), "{totals:?}");
}

#[tokio::test]
async fn a_reply_that_breaks_off_stands_on_the_bill() {
    let broken = ModelError::new(ModelErrorKind::BadReply, "it broke off");
    let app = TestApp::new(core(
        script(vec![ScriptedReply::text("Well, well, well").then_error(broken)]),
        Vec::new(),
    ));
    assert_eq!(app.say("hello").await.stop_reason, "model_failed");
    let totals = app.stores.usage.usage_totals(&Scope::All, Timestamp(0), UsageBy::Model).await.unwrap();
    assert!(totals.iter().any(|total| total.output_tokens > 0), "{totals:?}");
}

#[tokio::test]
async fn a_preset_that_does_not_exist_is_told_and_not_replaced_by_the_default() {
    let app = TestApp::new(core(script(vec![ScriptedReply::text("unasked")]), Vec::new()));
    let overrides =
        session_api::RunOverrides { preset: Some("fast".into()), ..session_api::RunOverrides::default() };
    let result = app.in_time(app.factotum.run(request("hello").with(overrides))).await.unwrap();
    assert_eq!(result.stop_reason, "model_failed");
    assert!(result.content.contains("no preset `fast`"), "{}", result.content);
}
