//! Who answers, where nobody chose.

use std::sync::Arc;

use agent_core::{
    ChosenModel, Core, Destination, ModelError, ModelErrorKind, Models, Router, Rule, Rules, RunRequest,
    ScriptedProvider, ScriptedReply, SmallModel, TokenUsage,
};
use serde_json::Value;
use session_api::{AuditEntry, Effort, RunOverrides, Scope, Timestamp, UsageBy};
use tool_api::{Effect, ScriptedTool, Tool, ToolOutput};

use crate::support::{TestApp, core, request, script, session, while_time_passes};

struct Desk {
    app: TestApp,
    main: Arc<ScriptedProvider>,
    small: Arc<ScriptedProvider>,
    expert: Arc<ScriptedProvider>,
}

fn rule(pattern: &str, to: Destination) -> Rule {
    Rule::new("of-the-test", pattern, to).unwrap()
}

/// An assistant with a main model, a rule for tools, and a small model that says this.
fn desk(small: Vec<ScriptedReply>) -> Desk {
    let main = script(vec![ScriptedReply::text("from main")]);
    let expert =
        Arc::new(ScriptedProvider::new(vec![ScriptedReply::text("from the expert")]).named("expert"));
    let small = Arc::new(ScriptedProvider::new(small).named("small"));
    let tools: Vec<Arc<dyn Tool>> = vec![
        Arc::new(ScriptedTool::new("clock", Effect::Pure, vec![Ok(ToolOutput::text("noon"))])),
        Arc::new(ScriptedTool::new("erase", Effect::Unsafe, vec![Ok(ToolOutput::text("gone"))])),
    ];
    let core = core(main.clone(), tools);
    let (of_small, of_expert) =
        (ChosenModel::new(small.clone(), "tiny"), ChosenModel::new(expert.clone(), "large"));
    let clock = Destination::Tool { name: "clock".into(), arguments: "{}".into() };
    let rules = Rules(vec![rule("^what time", clock), rule("proof", Destination::Model(of_expert.clone()))]);
    let routers: Vec<Arc<dyn Router>> =
        vec![Arc::new(rules), Arc::new(SmallModel::new(of_small, Some(of_expert)))];
    let models = Models::new(ChosenModel::new(main.clone(), "model"), vec![expert.clone()]);
    let models = models.with_routers(routers).with_local(Some("expert/large".into()));
    Desk { app: TestApp::new(Core { models, ..core }), main, small, expert }
}

fn said(answer: &str) -> Vec<ScriptedReply> {
    let usage = TokenUsage { input_tokens: 50, output_tokens: 5, ..TokenUsage::default() };
    vec![ScriptedReply::text(answer).with_usage(usage)]
}

impl Desk {
    /// What the audit log tells of choices.
    async fn log(&self) -> Vec<Value> {
        let log = &self.app.stores.audit;
        let page = log.audit_rows(Some(&session()), 1_000).await.unwrap();
        let entries = page.into_iter().rev().map(|row| row.entry);
        let routed = entries.filter(|entry: &AuditEntry| entry.kind == "model.routed");
        routed
            .map(|entry| {
                assert_eq!(Some(entry.subject), entry.turn.map(|turn| turn.to_string()));
                serde_json::from_str(&entry.payload).unwrap()
            })
            .collect()
    }

    async fn purposes(&self) -> Vec<(String, u64)> {
        let ledger = &self.app.stores.usage;
        let totals = ledger.usage_totals(&Scope::All, Timestamp(0), UsageBy::Purpose).await.unwrap();
        totals.into_iter().map(|total| (total.group, total.input_tokens)).collect()
    }
}

#[tokio::test]
async fn a_rule_sends_a_message_to_a_tool_or_to_another_model() {
    let desk = desk(Vec::new());
    assert_eq!(desk.app.say("What time is it?").await.content, "noon");
    assert_eq!(desk.app.say("Is there a proof?").await.content, "from the expert");
    assert!(desk.main.requests().is_empty() && desk.small.requests().is_empty());
    let log = desk.log().await;
    assert_eq!((log[0]["to"].as_str(), log[0]["tool"].as_str()), (Some("tool"), Some("clock")));
    assert_eq!((log[1]["model"].as_str(), log[1]["by"].as_str()), (Some("expert/large"), Some("rules")));
    assert_eq!(log[1]["why"], "rule `of-the-test`");
}

#[tokio::test]
async fn a_small_model_chooses_where_no_rule_fits_and_stands_on_the_bill() {
    for (answer, content) in [
        ("{\"to\": \"main\"}", "from main"),
        ("{\"to\": \"specialist\"}", "from the expert"),
        ("{\"to\": \"tool\", \"name\": \"clock\", \"arguments\": {}}", "noon"),
        ("{\"to\": \"tool\", \"name\": \"erase\", \"arguments\": {}}", "from main"),
        ("I think the specialist should do it.", "from main"),
    ] {
        let desk = desk(said(answer));
        assert_eq!(desk.app.say("hello").await.content, content, "{answer}");
        let log = desk.log().await;
        assert_eq!((log.len(), log[0]["by"].as_str()), (1, Some("small/tiny")), "{answer}");
        let purposes = desk.purposes().await;
        assert!(purposes.contains(&("routing".into(), 50)), "{purposes:?}");
        let offered = &desk.small.requests()[0].system;
        assert!(offered.contains("clock") && !offered.contains("erase"), "only what looks is offered");
    }
}

#[tokio::test]
async fn a_router_that_fails_or_hangs_keeps_nobody_waiting_for_long() {
    let down = ScriptedReply::error(ModelError::new(ModelErrorKind::Unavailable, "down"));
    for (reply, why) in [(down, "it failed: down"), (ScriptedReply::hang(), "it took longer than 8 s")] {
        let desk = desk(vec![reply]);
        let answer = while_time_passes(&desk.app.clock, desk.app.say("hello")).await;
        assert_eq!(answer.content, "from main");
        let log = desk.log().await;
        assert_eq!((log[0]["to"].as_str(), log[0]["why"].as_str()), (Some("main"), Some(why)));
        assert_eq!(log[0]["model"], "scripted/model");
    }
}

#[tokio::test]
async fn whoever_chose_a_model_is_not_routed() {
    let desk = desk(said("{\"to\": \"specialist\"}"));
    let overrides = RunOverrides { model: Some("scripted/other".into()), ..RunOverrides::default() };
    let chosen = RunRequest { overrides, ..request("prove it") };
    assert_eq!(desk.app.factotum.run(chosen).await.unwrap().content, "from main");
    desk.app.say("/model scripted/other").await;
    assert_eq!(desk.app.say("the proof").await.content, "from main");
    assert!(desk.small.requests().is_empty() && desk.expert.requests().is_empty());
    assert!(desk.log().await.is_empty());
}

#[tokio::test]
async fn local_switches_there_and_back() {
    let desk = desk(said("{\"to\": \"main\"}"));
    assert_eq!(desk.app.say("/local").await.content, "This conversation now uses expert/large.");
    assert_eq!(desk.app.say("hello").await.content, "from the expert");
    let back = "This conversation uses the default model, scripted/model.";
    assert_eq!(desk.app.say("/local").await.content, back);
    assert_eq!(desk.app.say("hello").await.content, "from main");
    for (command, answer) in [
        ("/local on", "This conversation now uses expert/large."),
        ("/local on", "This conversation now uses expert/large."),
        ("/local off", back),
        ("/local maybe", "Write `/local`, `/local on` or `/local off`."),
    ] {
        assert_eq!(desk.app.say(command).await.content, answer);
    }
    let without = TestApp::new(core(script(Vec::new()), Vec::new()));
    let answer = without.say("/local").await.content;
    assert_eq!(answer, "No local model is configured. `agent.local` in the configuration names one.");
}

#[tokio::test]
async fn how_hard_to_think_is_chosen_by_the_run_the_conversation_and_the_configuration() {
    let main = script(vec![ScriptedReply::text("yes")]);
    let app = TestApp::new(Core { effort: Some(Effort::Medium), ..core(main.clone(), Vec::new()) });
    let asked = async |say: RunRequest| {
        app.factotum.run(say).await.unwrap();
        main.requests().last().unwrap().effort
    };
    assert_eq!(asked(request("one")).await, Some(Effort::Medium));
    for (command, answer, then) in [
        ("/think high", "The model thinks here from now on: high.", Effort::High),
        (
            "/think",
            "In this conversation the model thinks: high. `/think off|low|medium|high|default` changes it.",
            Effort::High,
        ),
        (
            "/think hard",
            "`hard` is not how hard a model can think; write off, low, medium or high, or default.",
            Effort::High,
        ),
        ("/think OFF", "The model answers here without thinking first, where it can.", Effort::Off),
        (
            "/think default",
            "How hard the model thinks is no longer chosen here: the configuration says medium.",
            Effort::Medium,
        ),
    ] {
        assert_eq!(app.say(command).await.content, answer);
        assert_eq!(asked(request("again")).await, Some(then), "{command}");
    }
    app.say("/think low").await;
    let alone = RunOverrides { effort: Some(Effort::High), ..RunOverrides::default() };
    assert_eq!(asked(request("this once").with(alone)).await, Some(Effort::High));
    assert_eq!(asked(request("and now")).await, Some(Effort::Low));
}
