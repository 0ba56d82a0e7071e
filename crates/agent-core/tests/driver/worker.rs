//! The cheap model that runs the tool loop.

use std::sync::Arc;

use agent_core::{
    ChosenModel, Core, ModelError, ModelErrorKind, Models, RunRequest, ScriptedProvider, ScriptedReply,
    TokenUsage, ToolWorker,
};
use serde_json::json;
use session_api::{RunOverrides, Scope, Timestamp, UsageBy};
use tool_api::Effect;

use crate::support::{Does, Probe, TestApp, core, request, script};

struct Desk {
    app: TestApp,
    main: Arc<ScriptedProvider>,
    worker: Arc<ScriptedProvider>,
}

/// An assistant with a tool, a main model that says this, and a worker that says that and is asked so often.
fn desk(main: Vec<ScriptedReply>, worker: Vec<ScriptedReply>, calls: u32) -> Desk {
    let (main, worker) = (script(main), Arc::new(ScriptedProvider::new(worker).named("cheap")));
    let core = core(main.clone(), vec![Probe::new("look", Effect::Pure, Does::Say("seen".into()))]);
    let models = Models::new(ChosenModel::new(main.clone(), "model"), vec![worker.clone()]);
    let model = ChosenModel::new(worker.clone(), "tiny");
    let models = models.with_worker(Some(ToolWorker { model, calls }));
    Desk { app: TestApp::new(Core { models, ..core }), main, worker }
}

/// A call; the same one three times would end the turn.
fn look(at: u32) -> ScriptedReply {
    let usage = TokenUsage { input_tokens: 10, output_tokens: 1, ..TokenUsage::default() };
    ScriptedReply::tool("look", &json!({ "at": at })).with_usage(usage)
}

fn says(text: &str) -> ScriptedReply {
    ScriptedReply::text(text).with_usage(TokenUsage {
        input_tokens: 100,
        output_tokens: 2,
        ..TokenUsage::default()
    })
}

/// How many results of tools the last request held.
fn results(provider: &ScriptedProvider) -> usize {
    let requests = provider.requests();
    requests.last().unwrap().messages.iter().flat_map(|message| message.tool_results()).count()
}

#[tokio::test]
async fn the_worker_runs_the_loop_and_the_main_model_has_the_first_word_and_the_last() {
    let main = vec![look(0), says("From the main model.")];
    let desk = desk(main, vec![look(1), look(2), says("nobody reads this")], 10);
    let result = desk.app.factotum.run(request("look around")).await.unwrap();
    assert_eq!(result.content, "From the main model.");
    assert_eq!((desk.main.requests().len(), desk.worker.requests().len()), (2, 3));
    assert_eq!(results(&desk.main), 3, "the main model sees all that was found");
    assert!(!format!("{:?}", desk.main.requests()).contains("nobody reads this"));
    // Each call stands on the bill under its own model, and the run tells of them all.
    let usage = &desk.app.stores.usage;
    let totals = usage.usage_totals(&Scope::All, Timestamp(0), UsageBy::Model).await.unwrap();
    let mut calls: Vec<_> = totals.iter().map(|total| (total.group.clone(), total.calls)).collect();
    calls.sort();
    assert_eq!(calls, [("model".to_owned(), 2), ("tiny".to_owned(), 3)]);
    assert_eq!(result.usage.input_tokens, 3 * 10 + 2 * 100);
}

#[tokio::test]
async fn a_worker_that_fails_is_not_asked_again_and_nobody_notices() {
    let down = ScriptedReply::error(ModelError::new(ModelErrorKind::Unavailable, "it is down"));
    let desk = desk(vec![look(0), look(1), says("Done.")], vec![down], 10);
    assert_eq!(desk.app.say("look").await.content, "Done.");
    assert_eq!((desk.main.requests().len(), desk.worker.requests().len()), (3, 1));
}

#[tokio::test]
async fn a_worker_that_comes_to_no_end_is_bounded() {
    let desk = desk(vec![look(0), says("Enough.")], vec![look(1)], 2);
    assert_eq!(desk.app.say("look").await.content, "Enough.");
    assert_eq!((desk.main.requests().len(), desk.worker.requests().len()), (2, 2));
}

#[tokio::test]
async fn who_chose_a_model_gets_that_model_alone() {
    let desk = desk(vec![look(0), says("Mine.")], vec![look(1)], 10);
    let chosen = RunOverrides { model: Some("scripted/other".into()), ..RunOverrides::default() };
    let run = RunRequest { overrides: chosen, ..request("look") };
    assert_eq!(desk.app.factotum.run(run).await.unwrap().content, "Mine.");
    assert!(desk.worker.requests().is_empty());
}
