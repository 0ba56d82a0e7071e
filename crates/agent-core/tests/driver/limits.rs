//! Limits and circles, with the store and the driver in between.

use std::sync::Arc;

use agent_core::ScriptedReply;
use session_api::{Importance, RunOverrides, Scope, Timestamp, UsageBy};
use tool_api::{Effect, ScriptedTool, ToolOutput};

use crate::support::{Does, Probe, TestApp, assert_pairs, core, none, request, script};

#[tokio::test]
async fn the_second_identical_failure_ends_the_turn_and_names_the_tool() {
    let broken = Probe::new("look", Effect::Unsafe, Does::Fail("no such file".into()));
    let app = TestApp::new(core(script(vec![ScriptedReply::tool("look", &none())]), vec![broken.clone()]));
    let result = app.say("go").await;
    assert_eq!(result.stop_reason, "repeated_failure");
    assert!(result.content.contains("`look` failed twice"), "{}", result.content);
    assert!(result.error.is_some());
    assert_eq!(broken.effects(), 2);
    assert_pairs(&app.history().await);
}

#[tokio::test]
async fn the_third_identical_call_ends_the_turn_and_names_the_tool() {
    let look = Probe::new("look", Effect::Pure, Does::Say("nothing new".into()));
    let app = TestApp::new(core(script(vec![ScriptedReply::tool("look", &none())]), vec![look.clone()]));
    let result = app.say("go").await;
    assert_eq!(result.stop_reason, "repeated_call");
    assert!(result.content.contains("`look` was called three times"), "{}", result.content);
    assert_eq!(look.effects(), 2);
    assert_pairs(&app.history().await);
}

#[tokio::test]
async fn a_run_can_narrow_its_limits() {
    let look = Probe::new("look", Effect::Pure, Does::Say("seen".into()));
    let app = TestApp::new(core(script(vec![ScriptedReply::tool("look", &none())]), vec![look.clone()]));
    let run = |overrides| app.factotum.run(request("go").with(overrides));
    let result = run(RunOverrides { max_model_calls: Some(1), ..RunOverrides::default() }).await.unwrap();
    assert_eq!((result.stop_reason.as_str(), look.effects()), ("max_model_calls", 1));
    let result = run(RunOverrides { max_tool_calls: Some(0), ..RunOverrides::default() }).await.unwrap();
    assert_eq!((result.stop_reason.as_str(), look.effects()), ("max_tool_calls", 1));
    assert_pairs(&app.history().await);
    let usage = app.stores.usage.usage_totals(&Scope::All, Timestamp(0), UsageBy::Model).await.unwrap();
    assert_eq!(usage[0].calls, 2, "calls of a turn that hit a limit are billed too");
}

#[tokio::test]
async fn what_matters_less_is_cut_sooner() {
    let text = "x".repeat(100);
    for (importance, kept) in [(Importance::Low, 10), (Importance::Normal, 40), (Importance::High, 80)] {
        let output = ToolOutput { importance, ..ToolOutput::text(text.clone()) };
        let tool = ScriptedTool::new("look", Effect::Pure, vec![Ok(output)]);
        let provider = script(vec![ScriptedReply::tool("look", &none()), ScriptedReply::text("Done.")]);
        let mut core = core(provider, vec![Arc::new(tool)]);
        core.budget.result_chars = 40;
        let app = TestApp::new(core);
        app.say("go").await;
        let history = app.history().await;
        let result = history.iter().find_map(|message| message.tool_results().next()).unwrap();
        let shown = result.content[0].as_text().unwrap();
        let omitted = 100 - kept;
        assert!(shown.starts_with(&"x".repeat(kept)) && !shown.contains(&"x".repeat(kept + 1)), "{shown}");
        assert!(shown.contains(&format!("{omitted} characters omitted")), "{shown}");
    }
}
