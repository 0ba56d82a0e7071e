//! Tool calls as the driver makes them.

use std::{sync::Arc, time::Duration};

use agent_core::{ScriptedProvider, ScriptedReply};
use session_api::{Message, ToolStatus};
use tool_api::{Effect, Tool};

use crate::support::{Does, Probe, TestApp, assert_pairs, core, none, script};

fn calling(tools: &[&str]) -> Arc<ScriptedProvider> {
    let calls = tools.iter().map(|name| (*name, none())).collect();
    script(vec![ScriptedReply::tools(calls), ScriptedReply::text("Done.")])
}

/// The results of the newest tool message, as status and text.
fn results(history: &[Message]) -> Vec<(ToolStatus, String)> {
    let message = history.iter().rev().find(|message| message.tool_results().next().is_some());
    let line = |result: &session_api::ToolResult| {
        (result.status, result.content.iter().filter_map(session_api::Part::as_text).collect())
    };
    message.unwrap().tool_results().map(line).collect()
}

#[tokio::test]
async fn a_panic_in_a_tool_is_a_failed_result() {
    let app = TestApp::new(core(calling(&["boom"]), vec![Probe::new("boom", Effect::Pure, Does::Panic)]));
    assert_eq!(app.say("go").await.content, "Done.");
    let [(status, text)] = &results(&app.history().await)[..] else { panic!("one result") };
    assert_eq!(*status, ToolStatus::Error);
    assert!(text.contains("crashed"), "{text}");
}

#[tokio::test]
async fn a_tool_that_takes_too_long_is_ended_and_told_to_stop() {
    let slow = Probe::new("slow", Effect::Unsafe, Does::Hang);
    let app = TestApp::new(core(calling(&["slow"]), vec![slow.clone()]));
    assert_eq!(app.in_time(app.say("go")).await.content, "Done.");
    let [(status, text)] = &results(&app.history().await)[..] else { panic!("one result") };
    assert_eq!(*status, ToolStatus::Error);
    assert_eq!(text, "timed out after 5 s; it may have had effects");
    assert!(slow.all_cancelled());
    assert!(app.elapsed() >= Duration::from_secs(5) && app.elapsed() < Duration::from_secs(6));
}

#[tokio::test]
async fn a_tool_that_is_not_there_is_named_with_those_that_are() {
    let tools: Vec<Arc<dyn Tool>> = vec![Probe::new("look", Effect::Pure, Does::Say("seen".into()))];
    let app = TestApp::new(core(calling(&["lok", "look"]), tools));
    assert_eq!(app.say("go").await.content, "Done.");
    let results = results(&app.history().await);
    assert_eq!(results[0], (ToolStatus::Error, "there is no tool `lok`; there are: look".into()));
    assert_eq!(results[1], (ToolStatus::Ok, "seen".into()));
    let audit = app.stores.audit.audit_rows(None, 10).await.unwrap();
    let kinds: Vec<&str> = audit.iter().map(|row| row.entry.kind.as_str()).collect();
    assert!(kinds.contains(&"tool.refused") && kinds.contains(&"tool.ok"), "{kinds:?}");
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_explained_and_nothing_runs() {
    let look = Probe::new("look", Effect::Pure, Does::Say("seen".into()));
    let provider = script(vec![
        ScriptedReply::tools(vec![("look", serde_json::json!("words"))]),
        ScriptedReply::text("Oh."),
    ]);
    let app = TestApp::new(core(provider, vec![look.clone()]));
    app.say("go").await;
    assert_eq!(look.effects(), 0);
    let (status, text) = results(&app.history().await).remove(0);
    assert_eq!(status, ToolStatus::Error);
    assert!(text.starts_with("invalid arguments: "), "{text}");
}

#[tokio::test]
async fn pure_calls_of_one_reply_run_at_the_same_time() {
    let tools = ["a", "b"].map(|name| Probe::new(name, Effect::Pure, Does::Wait));
    let app = TestApp::new(core(calling(&["a", "b"]), vec![tools[0].clone(), tools[1].clone()]));
    let stream = app.factotum.run_streamed(crate::support::request("go")).await.unwrap();
    tools[0].had(1).await;
    tools[1].had(1).await;
    // The second may end first; the results keep the order of the calls.
    tools[1].release();
    tools[0].release();
    assert_eq!(stream.wait().await.unwrap().content, "Done.");
    assert_pairs(&app.history().await);
}

#[tokio::test]
async fn calls_with_effects_wait_for_each_other() {
    let tools = ["a", "b"].map(|name| Probe::new(name, Effect::Unsafe, Does::Wait));
    let app = TestApp::new(core(calling(&["a", "b"]), vec![tools[0].clone(), tools[1].clone()]));
    let stream = app.factotum.run_streamed(crate::support::request("go")).await.unwrap();
    tools[0].had(1).await;
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(tools[1].effects(), 0);
    tools[0].release();
    tools[1].had(1).await;
    tools[1].release();
    assert_eq!(stream.wait().await.unwrap().content, "Done.");
}

#[tokio::test]
async fn a_long_result_is_stored_whole_and_the_cut_is_marked() {
    // Characters of several bytes: the limit counts characters.
    let long = "äöü-".repeat(100);
    let mut core = core(calling(&["look"]), vec![Probe::new("look", Effect::Pure, Does::Say(long.clone()))]);
    core.budget.result_chars = 150;
    let app = TestApp::new(core);
    app.say("go").await;
    let history = app.history().await;
    let result = history.iter().find_map(|message| message.tool_results().next()).unwrap();
    let id = result.whole.clone().expect("the whole is stored");
    let head: String = long.chars().take(150).collect();
    let expected = format!("{head}\n[truncated: 250 characters omitted; read_result id={id}]");
    assert_eq!(result.content[0].as_text(), Some(expected.as_str()));
    assert_eq!(app.stores.blobs.get_blob(&id).await.unwrap().unwrap(), long.as_bytes());
}

#[tokio::test]
async fn a_tool_of_our_own_writes_once_with_its_end() {
    let app = TestApp::new(core(calling(&["tell"]), vec![Probe::new("tell", Effect::Ours, Does::Notice)]));
    app.say("go").await;
    let texts: Vec<String> = app.outbox().await.iter().map(crate::support::text_of).collect();
    assert_eq!(texts, ["a notice", "Done."]);
}
