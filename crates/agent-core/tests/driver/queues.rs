//! Several messages in one conversation.

use agent_core::{RunRequest, ScriptedReply};
use session_api::{Message, Principal, PrincipalId, Rank, Role, SessionKey};
use tool_api::Effect;

use crate::support::{Does, Probe, TestApp, assert_pairs, core, none, request, script};

#[tokio::test]
async fn two_runs_of_one_session_keep_their_order() {
    let app =
        TestApp::new(core(script(vec![ScriptedReply::text("one"), ScriptedReply::text("two")]), Vec::new()));
    let first = app.factotum.run_streamed(request("first")).await.unwrap();
    let second = app.factotum.run_streamed(request("second")).await.unwrap();
    let (second, first) = tokio::join!(second.wait(), first.wait());
    assert_eq!(first.unwrap().content, "one");
    assert_eq!(second.unwrap().content, "two");
    let texts: Vec<String> = app.history().await.iter().map(Message::text).collect();
    assert_eq!(texts, ["first", "one", "second", "two"]);
}

#[tokio::test]
async fn a_key_gives_nobody_the_answer_of_another_conversation_or_person() {
    let app = TestApp::new(core(script(vec![ScriptedReply::text("for you only")]), Vec::new()));
    let keyed = |request: RunRequest| RunRequest { idempotency_key: Some("1".into()), ..request };
    assert_eq!(app.factotum.run(keyed(request("mine"))).await.unwrap().content, "for you only");
    let elsewhere = RunRequest::new(SessionKey::new("cli", "local", "elsewhere"), "mine");
    let member = Principal { id: PrincipalId("kim".into()), rank: Rank::Member };
    let somebody = RunRequest { principal: member, ..request("mine") };
    for other in [elsewhere, somebody] {
        let error = app.factotum.run(keyed(other)).await.unwrap_err();
        assert!(error.to_string().contains("idempotency key"), "{error}");
    }
    assert_eq!(app.factotum.run(keyed(request("mine"))).await.unwrap().content, "for you only");
}

#[tokio::test]
async fn a_message_that_comes_during_a_tool_call_joins_the_turn() {
    let wait = Probe::new("wait", Effect::Pure, Does::Wait);
    let provider = script(vec![ScriptedReply::tool("wait", &none()), ScriptedReply::text("Both.")]);
    let app = TestApp::new(core(provider.clone(), vec![wait.clone()]));
    let first = app.factotum.run_streamed(request("first")).await.unwrap();
    wait.had(1).await;
    app.clock.advance(std::time::Duration::from_millis(70));
    let second = app.factotum.run_streamed(request("second")).await.unwrap();
    wait.release();
    assert_eq!(first.wait().await.unwrap().content, "Both.");
    assert_eq!(second.wait().await.unwrap().content, "Both.");
    let requests = provider.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].messages.last().unwrap().text(), "[+70ms] second");
    let history = app.history().await;
    assert_pairs(&history);
    assert_eq!(history.iter().filter(|message| message.role == Role::User).count(), 2);
    assert_eq!(app.outbox().await.len(), 1);
}

#[tokio::test]
async fn a_command_does_not_join_a_turn() {
    let wait = Probe::new("wait", Effect::Pure, Does::Wait);
    let provider = script(vec![ScriptedReply::tool("wait", &none()), ScriptedReply::text("Done.")]);
    let app = TestApp::new(core(provider.clone(), vec![wait.clone()]));
    let first = app.factotum.run_streamed(request("first")).await.unwrap();
    wait.had(1).await;
    let second = app.factotum.run_streamed(request("/model")).await.unwrap();
    wait.release();
    assert_eq!(first.wait().await.unwrap().content, "Done.");
    assert!(second.wait().await.unwrap().content.contains("default model"));
    assert_eq!(provider.requests().len(), 2);
}

#[tokio::test]
async fn the_same_idempotency_key_is_the_same_run() {
    let provider = script(vec![ScriptedReply::text("one"), ScriptedReply::text("two")]);
    let app = TestApp::new(core(provider.clone(), Vec::new()));
    let keyed = || RunRequest { idempotency_key: Some("k-1".into()), ..request("hello") };
    let first = app.factotum.run_streamed(keyed()).await.unwrap();
    let beside = app.factotum.run_streamed(keyed()).await.unwrap();
    assert_eq!(first.inbound(), beside.inbound());
    let (first, beside) = tokio::join!(first.wait(), beside.wait());
    let (first, beside) = (first.unwrap(), beside.unwrap());
    let later = app.factotum.run(keyed()).await.unwrap();
    for result in [&first, &beside, &later] {
        assert_eq!(result.content, "one");
        assert_eq!(result.metadata["inbound"], first.metadata["inbound"]);
    }
    assert_eq!(provider.requests().len(), 1);
}

#[tokio::test]
async fn a_message_waits_for_the_turn_of_another_process() {
    let wait = Probe::new("wait", Effect::Pure, Does::Wait);
    let provider = script(vec![ScriptedReply::tool("wait", &none()), ScriptedReply::text("mine")]);
    let app = TestApp::new(core(provider, vec![wait.clone()]));
    let other = app.another(core(script(vec![ScriptedReply::text("yours")]), Vec::new()));
    let first = app.factotum.run_streamed(request("first")).await.unwrap();
    wait.had(1).await;
    let second = other.factotum.run_streamed(request("second")).await.unwrap();
    wait.release();
    let (first, second) = tokio::join!(first.wait(), second.wait());
    assert_eq!(first.unwrap().content, "mine");
    assert_eq!(second.unwrap().content, "yours", "only its own process may run it");
}
