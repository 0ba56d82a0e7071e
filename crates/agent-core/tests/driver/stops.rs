//! Stops and deadlines.

use std::{sync::Arc, time::Duration};

use agent_core::{RunEventKind, RunRequest, ScriptedReply};
use session_api::{InboundState, Outcome, ToolStatus};
use tool_api::Effect;

use crate::support::{Does, Probe, TestApp, assert_pairs, core, none, request, script, session};

/// Within this time a stop must have ended a turn.
const SOON: Duration = Duration::from_millis(500);

#[tokio::test]
async fn a_stop_ends_a_turn_whose_model_hangs() {
    let provider = script(vec![ScriptedReply::text("I was about").then_hang()]);
    let app = TestApp::new(core(provider.clone(), Vec::new()));
    let mut stream = app.factotum.run_streamed(request("go")).await.unwrap();
    while !matches!(stream.next().await.expect("it streams").kind, RunEventKind::TextDelta { .. }) {}
    stream.cancel().await.unwrap();
    let result = app.in_time(stream.wait()).await.unwrap();
    assert_eq!((result.stop_reason.as_str(), result.error), ("stopped", None));
    assert_eq!(result.content, "Stopped. What was done so far is kept.");
    assert!(app.elapsed() <= SOON, "{:?}", app.elapsed());
    provider.stream_dropped().await;
    assert_eq!(app.history().await.len(), 2, "the message and the notice");
}

#[tokio::test]
async fn a_stop_ends_a_turn_whose_tool_hangs_and_cancels_the_tool() {
    let slow = Probe::new("slow", Effect::Unsafe, Does::Hang);
    let provider = script(vec![ScriptedReply::tools(vec![("slow", none()), ("slow", none())])]);
    let app = TestApp::new(core(provider, vec![slow.clone()]));
    let stream = app.factotum.run_streamed(request("go")).await.unwrap();
    slow.had(1).await;
    let result = app.in_time(stream.close()).await.unwrap();
    assert_eq!(result.stop_reason, "stopped");
    assert!(app.elapsed() <= SOON, "{:?}", app.elapsed());
    assert!(slow.all_cancelled());
    assert_eq!(slow.effects(), 1, "the second call did not run");
    let history = app.history().await;
    assert_pairs(&history);
    let results: Vec<ToolStatus> =
        history.iter().flat_map(session_api::Message::tool_results).map(|result| result.status).collect();
    assert_eq!(results, [ToolStatus::Unknown, ToolStatus::Error]);
    assert!(result.content.contains("`slow` was interrupted, outcome unknown"), "{}", result.content);
}

#[tokio::test]
async fn a_stop_with_nothing_running_leaves_nothing_for_the_next_run() {
    let app = TestApp::new(core(script(vec![ScriptedReply::text("Here.")]), Vec::new()));
    app.factotum.stop(&session()).await.unwrap();
    assert!(!app.factotum.waiting(&session()).await.unwrap().unfinished);
    assert_eq!(app.say("hello").await.content, "Here.");
}

#[tokio::test]
async fn cancelling_a_run_that_waits_leaves_the_one_before_it_alone() {
    let wait = Probe::new("wait", Effect::Unsafe, Does::Wait);
    let provider = script(vec![
        ScriptedReply::tool("wait", &none()),
        ScriptedReply::text("First."),
        ScriptedReply::hang(),
    ]);
    let app = TestApp::new(core(provider, vec![wait.clone()]));
    let first = app.factotum.run_streamed(request("first")).await.unwrap();
    wait.had(1).await;
    let overrides = session_api::RunOverrides { model: Some("other".into()), ..Default::default() };
    let second = app.factotum.run_streamed(request("second").with(overrides)).await.unwrap();
    second.cancel().await.unwrap();
    wait.release();
    assert_eq!(first.wait().await.unwrap().content, "First.");
    assert_eq!(app.in_time(second.wait()).await.unwrap().stop_reason, "stopped");
}

#[tokio::test]
async fn a_stop_does_not_touch_the_turn_after_it() {
    let app =
        TestApp::new(core(script(vec![ScriptedReply::hang(), ScriptedReply::text("Here.")]), Vec::new()));
    let stream = app.factotum.run_streamed(request("go")).await.unwrap();
    app.in_time(stream.close()).await.unwrap();
    assert_eq!(app.say("still there?").await.content, "Here.");
}

#[tokio::test]
async fn the_wall_time_of_a_turn_is_limited() {
    let mut core = core(script(vec![ScriptedReply::hang()]), Vec::new());
    core.limits.seconds = 60;
    let app = TestApp::new(core);
    let result = app.in_time(app.say("go")).await;
    assert_eq!(result.stop_reason, "deadline");
    assert!(result.content.contains("60 s are the limit"), "{}", result.content);
    assert!(result.error.is_some());
    assert!(app.elapsed() >= Duration::from_secs(60) && app.elapsed() < Duration::from_secs(61));
    assert!(!app.factotum.waiting(&session()).await.unwrap().unfinished);
}

/// Waits until the row has settled and says how.
async fn outcome(app: &TestApp, id: session_api::InboundId) -> Outcome {
    let mut version = 0;
    loop {
        let view = app.stores.mailbox.inbound(id).await.unwrap().unwrap();
        if let InboundState::Settled(settled) = view.state {
            return settled.outcome;
        }
        version = app.stores.mailbox.changed(version).await.unwrap();
    }
}

#[tokio::test]
async fn dropping_a_stream_stops_its_run() {
    let provider = script(vec![ScriptedReply::hang()]);
    let app = TestApp::new(core(provider.clone(), Vec::new()));
    let stream = app.factotum.run_streamed(request("go")).await.unwrap();
    let id = stream.inbound();
    drop(stream);
    assert_eq!(app.in_time(outcome(&app, id)).await, Outcome::Stopped);
    assert!(app.elapsed() <= SOON, "{:?}", app.elapsed());
}

#[tokio::test]
async fn dropping_the_stream_of_a_run_that_waits_leaves_the_one_before_it_alone() {
    let wait = Probe::new("wait", Effect::Unsafe, Does::Wait);
    let provider = script(vec![
        ScriptedReply::tool("wait", &none()),
        ScriptedReply::text("First."),
        ScriptedReply::hang(),
    ]);
    let app = TestApp::new(core(provider, vec![wait.clone()]));
    let first = app.factotum.run_streamed(request("first")).await.unwrap();
    wait.had(1).await;
    // Overrides of its own: it cannot join the turn that runs.
    let overrides = session_api::RunOverrides { model: Some("other".into()), ..Default::default() };
    let second = app.factotum.run_streamed(request("second").with(overrides)).await.unwrap();
    let id = second.inbound();
    drop(second);
    app.clock.advance(SOON);
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    wait.release();
    assert_eq!(first.wait().await.unwrap().content, "First.");
    assert_eq!(app.in_time(outcome(&app, id)).await, Outcome::Stopped);
}

#[tokio::test]
async fn a_detached_run_goes_on_without_its_stream() {
    let wait = Probe::new("wait", Effect::Pure, Does::Wait);
    let provider = script(vec![ScriptedReply::tool("wait", &none()), ScriptedReply::text("Done.")]);
    let app = TestApp::new(core(provider, vec![wait.clone()]));
    let stream = app.factotum.run_streamed(RunRequest { detached: true, ..request("go") }).await.unwrap();
    let id = stream.inbound();
    wait.had(1).await;
    drop(stream);
    wait.release();
    assert_eq!(outcome(&app, id).await, Outcome::Replied);
    let again = app.factotum.attach(session(), id).wait().await.unwrap();
    assert_eq!(again.content, "Done.");
}

#[tokio::test]
async fn another_process_can_stop_a_turn() {
    let provider = script(vec![ScriptedReply::hang()]);
    let app = TestApp::new(core(provider.clone(), Vec::new()));
    let other = app.another(core(script(Vec::new()), Vec::new()));
    let stream = app.factotum.run_streamed(request("go")).await.unwrap();
    other.factotum.stop(&session()).await.unwrap();
    let result = app.in_time(stream.wait()).await.unwrap();
    assert_eq!(result.stop_reason, "stopped");
    drop(Arc::clone(&provider));
}
