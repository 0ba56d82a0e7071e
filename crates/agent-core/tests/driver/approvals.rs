//! Questions to a person.

use std::{sync::Arc, time::Duration};

use agent_core::{RunResult, ScriptedProvider, ScriptedReply};
use session_api::{ApprovalState, Decision, OutboxKind, Role, ToolStatus};
use tool_api::{AlwaysAsk, Effect};

use crate::support::{Does, Probe, TestApp, assert_pairs, core, none, script, session, text_of};

struct Asked {
    app: TestApp,
    send: Arc<Probe>,
    provider: Arc<ScriptedProvider>,
    first: RunResult,
}

/// A turn that waits for an answer about `send`.
async fn asked() -> Asked {
    let send = Probe::new("send", Effect::Unsafe, Does::Say("sent".into()));
    let provider = script(vec![ScriptedReply::tool("send", &none()), ScriptedReply::text("All right.")]);
    let mut core = core(provider.clone(), vec![send.clone()]);
    core.approver = Arc::new(AlwaysAsk(vec!["send".into()]));
    let app = TestApp::new(core);
    let first = app.say("Send it.").await;
    Asked { app, send, provider, first }
}

/// What the model was told about the call.
fn told(provider: &ScriptedProvider) -> (ToolStatus, String) {
    let requests = provider.requests();
    let result = requests[1].messages.iter().find_map(|message| message.tool_results().next()).unwrap();
    (result.status, result.content[0].as_text().unwrap().to_owned())
}

#[tokio::test]
async fn a_question_ends_the_run_and_names_the_way_to_answer() {
    let Asked { app, send, first, .. } = asked().await;
    assert_eq!(first.stop_reason, "suspended");
    assert_eq!(first.questions.len(), 1);
    assert_eq!(first.questions[0].call.name, "send");
    assert_eq!(send.effects(), 0);
    let outbox = app.outbox().await;
    let approval = first.questions[0].id;
    assert_eq!(outbox[0].kind, OutboxKind::Question { approval });
    let text = text_of(&outbox[0]);
    assert!(text.contains(&format!("/approve {approval}")), "{text}");
    assert!(text.contains(&format!("/deny {approval}")), "{text}");
    let waiting = app.factotum.waiting(&session()).await.unwrap();
    assert_eq!(waiting.questions, first.questions);
}

#[tokio::test]
async fn an_allowed_call_runs_and_the_turn_goes_on() {
    let Asked { app, send, provider, first } = asked().await;
    let answered = app.factotum.approvals().answer(first.questions[0].id, Decision::Allow).await.unwrap();
    assert_eq!(answered.state, ApprovalState::Allowed);
    let resumed = app.factotum.resume(&session()).await.unwrap();
    assert_eq!(resumed.len(), 1);
    assert_eq!(resumed[0].result.content, "All right.");
    assert_eq!(resumed[0].inbound.to_string(), first.metadata["inbound"]);
    assert_eq!(send.effects(), 1);
    assert_eq!(told(&provider), (ToolStatus::Ok, "sent".into()));
    assert_pairs(&app.history().await);
    let late = app.factotum.approvals().answer(first.questions[0].id, Decision::Deny).await.unwrap_err();
    assert!(late.to_string().contains("it was allowed"), "{late}");
}

#[tokio::test]
async fn a_denied_call_does_not_run_and_the_model_is_told() {
    let Asked { app, send, provider, first } = asked().await;
    app.factotum.approvals().answer(first.questions[0].id, Decision::Deny).await.unwrap();
    let resumed = app.factotum.resume(&session()).await.unwrap();
    assert_eq!(resumed[0].result.content, "All right.");
    assert_eq!(send.effects(), 0);
    let (status, text) = told(&provider);
    assert!(status == ToolStatus::Error && text.contains("denied"), "{text}");
}

#[tokio::test]
async fn a_question_that_nobody_answers_expires() {
    let Asked { app, send, provider, first } = asked().await;
    app.clock.advance(Duration::from_secs(601));
    assert!(app.factotum.approvals().open().await.unwrap().is_empty());
    let late = app.factotum.approvals().answer(first.questions[0].id, Decision::Allow).await.unwrap_err();
    assert!(late.to_string().contains("expired"), "{late}");
    let resumed = app.factotum.resume(&session()).await.unwrap();
    assert_eq!(resumed[0].result.content, "All right.");
    assert_eq!(send.effects(), 0);
    let (status, text) = told(&provider);
    assert!(status == ToolStatus::Error && text.contains("nobody answered"), "{text}");
}

#[tokio::test]
async fn a_new_message_takes_the_place_of_the_answer() {
    let Asked { app, send, provider, .. } = asked().await;
    let second = app.say("Rather not, thank you.").await;
    assert_eq!(second.content, "All right.");
    assert_eq!(send.effects(), 0);
    let (status, text) = told(&provider);
    assert!(status == ToolStatus::Error && text.contains("something new"), "{text}");
    let request = provider.requests().remove(1);
    let last = request.messages.last().unwrap();
    assert!(last.role == Role::User && last.text().ends_with("Rather not, thank you."), "{last:?}");
    assert_eq!(provider.requests().len(), 2, "one turn answers both");
}

#[tokio::test]
async fn an_answer_in_the_chat_resumes_the_turn() {
    let Asked { app, send, first, .. } = asked().await;
    let id = first.questions[0].id;
    app.say(&format!("/approve {id}")).await;
    let row = first.metadata["inbound"].parse().unwrap();
    let result = app.factotum.attach(session(), row).wait().await.unwrap();
    assert_eq!((result.content.as_str(), send.effects()), ("All right.", 1));
}

#[tokio::test]
async fn another_process_goes_on_after_the_answer() {
    let Asked { app, first, .. } = asked().await;
    app.crash();
    let send = Probe::new("send", Effect::Unsafe, Does::Say("sent".into()));
    let mut other = core(script(vec![ScriptedReply::text("Sent by another.")]), vec![send.clone()]);
    other.approver = Arc::new(AlwaysAsk(vec!["send".into()]));
    let other = app.another(other);
    other.factotum.approvals().answer(first.questions[0].id, Decision::Allow).await.unwrap();
    let resumed = other.factotum.resume(&session()).await.unwrap();
    assert_eq!(resumed[0].result.content, "Sent by another.");
    assert_eq!(resumed[0].result.metadata["resumed"], "true");
    assert_eq!(send.effects(), 1);
}

#[tokio::test]
async fn a_stop_ends_a_turn_that_waits_for_an_answer() {
    let Asked { app, send, first, .. } = asked().await;
    app.factotum.stop(&session()).await.unwrap();
    let resumed = app.factotum.resume(&session()).await.unwrap();
    assert_eq!(resumed[0].result.stop_reason, "stopped");
    assert_eq!(send.effects(), 0);
    assert_pairs(&app.history().await);
    assert!(app.factotum.approvals().answer(first.questions[0].id, Decision::Allow).await.is_err());
}

#[tokio::test]
async fn a_command_waits_no_longer_than_the_question_is_open() {
    let Asked { app, send, provider, .. } = asked().await;
    let result = app.in_time(app.say("/status")).await;
    assert!(result.content.starts_with("Model: "), "{}", result.content);
    assert!(app.elapsed() >= Duration::from_secs(600) && app.elapsed() < Duration::from_secs(602));
    assert_eq!((send.effects(), provider.requests().len()), (0, 2));
}
