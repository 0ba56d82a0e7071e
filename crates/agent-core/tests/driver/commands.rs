//! Slash commands and direct tool calls: answered without a model, and off the record.

use std::sync::Arc;

use agent_core::{COMMANDS, RunRequest, ScriptedReply, TokenUsage};
use session_api::{Principal, PrincipalId, Rank};
use tool_api::{Effect, ScriptedTool, ToolOutput};

use crate::support::{TestApp, core, request, script};

fn app() -> (TestApp, Arc<agent_core::ScriptedProvider>) {
    let usage =
        TokenUsage { input_tokens: 100, cached_tokens: 40, output_tokens: 7, ..TokenUsage::default() };
    let provider = script(vec![ScriptedReply::text("Hello.").with_usage(usage)]);
    let tool = ScriptedTool::new("look", Effect::Unsafe, vec![Ok(ToolOutput::text("a cat"))]);
    (TestApp::new(core(provider.clone(), vec![Arc::new(tool)])), provider)
}

#[tokio::test]
async fn commands_answer_before_anything_was_said() {
    let (app, provider) = app();
    for (command, answer) in [
        ("/stop", "Nothing is running."),
        ("/history", "Nothing was said here yet."),
        ("/usage", "No model was called yet."),
        (
            "/model",
            "This conversation uses the default model, scripted/model.\nProviders: scripted. `/model NAME` \
             chooses another.",
        ),
        ("/sessions", "cli:local:main: 0 messages (here)"),
        ("/new", "A new conversation begins. The old one stays searchable."),
        ("/history 0", "Write `/history N` with a number from 1 to 100."),
        ("/approve", "Write `/approve ID` with the id of an open question."),
        ("/statsu", "There is no command `/statsu`. Did you mean `/status`? `/help` lists them all."),
        (
            "/approve 01890a5d-ac96-774b-bcce-b302099a8057",
            "This question is not open, or not yours to answer.",
        ),
    ] {
        let result = app.say(command).await;
        assert_eq!(result.content, answer, "{command}");
        assert_eq!(result.stop_reason, "answered", "{command}");
    }
    assert!(provider.requests().is_empty());
    assert!(app.history().await.is_empty(), "commands are off the record");
}

#[tokio::test]
async fn commands_tell_of_what_was_said() {
    let (app, _) = app();
    app.say("Good morning.").await;
    assert_eq!(app.say("/history").await.content, "you: Good morning.\nfactotum: Hello.");
    assert_eq!(app.say("/history 1").await.content, "factotum: Hello.");
    assert_eq!(app.say("/sessions").await.content, "cli:local:main: 2 messages (here)");
    assert_eq!(
        app.say("/status").await.content,
        "Model: scripted/model\nConversation: cli:local:main, 2 messages\nTools: 1\nWaiting: 0 messages, 0 questions"
    );
    assert_eq!(
        app.say("/usage").await.content,
        "2026-11-18: 1 calls, 100 tokens in (40 cached), 7 out, price unknown"
    );
    assert_eq!(app.history().await.len(), 2);
}

#[tokio::test]
async fn help_names_every_command() {
    let (app, _) = app();
    let help = app.say("/help").await.content;
    for command in COMMANDS {
        assert!(help.lines().any(|line| line.starts_with(&format!("`/{}", command.name))), "{help}");
    }
    assert!(help.lines().last().unwrap().starts_with("`tool:NAME"), "{help}");
}

#[tokio::test]
async fn a_new_conversation_begins_without_the_old_one() {
    let (app, provider) = app();
    app.say("first").await;
    app.say("/new").await;
    app.say("second").await;
    let requests = provider.requests();
    let texts: Vec<String> = requests[1].messages.iter().map(session_api::Message::text).collect();
    assert_eq!(texts, ["second"]);
    assert_eq!(app.factotum.sessions().search("first", 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_conversation_can_choose_its_model_and_go_back() {
    let (app, provider) = app();
    assert_eq!(app.say("/model scripted/big").await.content, "This conversation now uses scripted/big.");
    app.say("hello").await;
    assert!(app.say("/status").await.content.starts_with("Model: scripted/big\n"));
    assert!(app.say("/model").await.content.starts_with("This conversation uses scripted/big;"));
    app.say("/model default").await;
    app.say("hello").await;
    let models: Vec<String> = provider.requests().into_iter().map(|request| request.model).collect();
    assert_eq!(models, ["big", "model"]);
}

#[tokio::test]
async fn the_owner_calls_a_tool_directly_and_it_is_on_the_record() {
    let (app, provider) = app();
    let result = app.say("tool:look {\"at\": \"it\"}").await;
    assert_eq!(result.content, "a cat");
    assert_eq!(result.tools_used, ["look"]);
    assert!(provider.requests().is_empty());
    assert_eq!(app.history().await.len(), 4);
    assert!(app.say("tool:lok").await.content.contains("there is no tool `lok`"));
}

#[tokio::test]
async fn a_member_may_not_call_tools_directly() {
    let (app, _) = app();
    let principal = Principal { id: PrincipalId("kim".into()), rank: Rank::Member };
    let run = RunRequest { principal, ..request("tool:look") };
    assert_eq!(app.factotum.run(run).await.unwrap().content, "Only the owner may call tools directly.");
}
