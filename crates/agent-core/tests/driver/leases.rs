//! Turns that change hands.

use std::{sync::Arc, time::Duration};

use agent_core::{ModelRequest, RunRequest, ScriptedProvider, ScriptedReply};
use session_api::{InboundState, Message, Role, WorkerId, contract::fixture::inbound_to};
use tool_api::Effect;

use crate::support::{
    Does, Probe, Reacting, TestApp, Trap, TrappedMailbox, core, none, request, script, session, text_of,
};

fn looking(answer: &str) -> Arc<ScriptedProvider> {
    script(vec![ScriptedReply::tool("look", &none()), ScriptedReply::text(answer)])
}

#[tokio::test]
async fn a_process_that_was_hung_for_too_long_changes_nothing_any_more() {
    let hung = Probe::new("look", Effect::Pure, Does::Wait);
    let first = TestApp::new(core(looking("from the hung one"), vec![hung.clone()]));
    // A row that anybody may run, as those of chat platforms are.
    let row = inbound_to(&session(), "go");
    let id = row.id;
    drop(first.stores.mailbox.accept(None, vec![row].into(), None).await.unwrap());
    let stream = first.factotum.attach(session(), id);
    hung.had(1).await;
    // Nothing of the first process runs while its lease runs out.
    first.clock.advance(Duration::from_secs(31));
    let look = Probe::new("look", Effect::Pure, Does::Say("seen".into()));
    let second = first.another(core(looking("from the other"), vec![look]));
    let resumed = second.factotum.resume(&session()).await.unwrap();
    assert_eq!(resumed.len(), 1);
    assert_eq!(resumed[0].result.content, "from the other");
    hung.release();
    let result = first.in_time(stream.wait()).await.unwrap();
    assert_eq!(result.content, "from the other");
    let texts: Vec<String> = second.outbox().await.iter().map(text_of).collect();
    assert_eq!(texts, ["from the other"]);
}

#[tokio::test]
async fn a_process_that_slept_through_its_lease_goes_on_where_nobody_took_it() {
    let slept = Probe::new("send", Effect::Unsafe, Does::Wait);
    let provider = script(vec![ScriptedReply::tool("send", &none()), ScriptedReply::text("Done.")]);
    let app = TestApp::new(core(provider, vec![slept.clone()]));
    let stream = app.factotum.run_streamed(request("go")).await.unwrap();
    slept.had(1).await;
    // The tool ends at the very moment in which the whole machine wakes from a long sleep.
    slept.release();
    app.clock.advance(Duration::from_secs(31));
    let result = app.in_time(stream.wait()).await.unwrap();
    assert!(result.content.starts_with("Done."), "{}", result.content);
    assert_eq!(slept.effects(), 1);
    assert_eq!(app.outbox().await.len(), 1);
}

#[tokio::test]
async fn whoever_waits_takes_the_turn_when_its_lease_runs_out() {
    let first = TestApp::new(core(script(vec![ScriptedReply::hang()]), Vec::new()));
    let row = inbound_to(&session(), "go");
    let id = row.id;
    drop(first.stores.mailbox.accept(None, vec![row].into(), None).await.unwrap());
    let lease = first.store_lease(WorkerId(uuid::Uuid::from_u128(77))).await;
    assert!(lease.is_some(), "somebody has it who is never heard of again");
    let second = first.another(core(script(vec![ScriptedReply::text("Here.")]), Vec::new()));
    let result = second.in_time(second.factotum.attach(session(), id).wait()).await.unwrap();
    assert_eq!(result.content, "Here.");
    assert!(second.elapsed() >= Duration::from_secs(30) && second.elapsed() < Duration::from_secs(32));
}

#[tokio::test]
async fn a_lease_is_renewed_for_as_long_as_the_turn_takes() {
    let mut core = core(script(vec![ScriptedReply::hang()]), Vec::new());
    core.limits.seconds = 200;
    let app = TestApp::new(core);
    let stream = app.factotum.run_streamed(request("go")).await.unwrap();
    let id = stream.inbound();
    let other = WorkerId(uuid::Uuid::from_u128(77));
    app.in_time(async {
        for _ in 0..15 {
            session_api::Clock::sleep(&app.clock, Duration::from_secs(10)).await;
            assert_eq!(app.store_lease(other).await, None, "nobody else may have it");
        }
    })
    .await;
    let view = app.stores.mailbox.inbound(id).await.unwrap().unwrap();
    assert!(matches!(view.state, InboundState::Running(_)), "{:?}", view.state);
    drop(stream);
}

#[tokio::test]
async fn a_turn_that_kills_every_process_ends_as_a_dead_letter() {
    let provider = || script(vec![ScriptedReply::hang()]);
    let mut app = TestApp::new(core(provider(), Vec::new()));
    let keyed = || RunRequest { idempotency_key: Some("k".into()), detached: true, ..request("go") };
    for _ in 0..3 {
        let model = provider();
        let next = app.another(core(model.clone(), Vec::new()));
        let stream = next.factotum.run_streamed(keyed()).await.unwrap();
        drop(stream);
        while model.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        next.crash();
        app = next;
    }
    let last = app.another(core(script(vec![ScriptedReply::text("never asked")]), Vec::new()));
    let result = last.factotum.run(keyed()).await.unwrap();
    assert!(result.error.is_some());
    assert!(result.content.contains("begun several times"), "{}", result.content);
    assert_eq!(last.factotum.dead_letters(10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_turn_given_up_after_its_tools_ran_keeps_what_they_did() {
    let sent = Probe::new("send", Effect::Unsafe, Does::Say("sent".into()));
    let react = |request: &ModelRequest| match request.messages.iter().any(|m| m.role == Role::Tool) {
        true => ScriptedReply::hang(),
        false => ScriptedReply::tool("send", &none()),
    };
    let calls = Arc::new(Trap::never());
    let core = || core(Arc::new(Reacting::new(calls.clone(), react)), vec![sent.clone()]);
    let keyed = || RunRequest { idempotency_key: Some("k".into()), detached: true, ..request("go") };
    let mut app = TestApp::new(core());
    drop(app.factotum.run_streamed(keyed()).await.unwrap());
    sent.had(1).await;
    for _ in 0..10 {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        app.crash();
        app = app.another(core());
        if app.factotum.waiting(&session()).await.unwrap().unfinished {
            drop(app.factotum.run_streamed(keyed()).await.unwrap());
        }
    }
    let result = app.factotum.run(keyed()).await.unwrap();
    assert!(result.content.contains("begun several times"), "{}", result.content);
    assert!(result.content.contains("What was done so far is kept"), "{}", result.content);
    assert_eq!(sent.effects(), 1);
    assert!(app.factotum.dead_letters(10).await.unwrap().is_empty(), "a retry would send again");
    assert!(app.history().await.iter().any(|message| message.role == Role::Tool));
}

/// Calls a tool that is not there, unless it has heard two messages.
fn react(request: &ModelRequest) -> ScriptedReply {
    let people = request.messages.iter().filter(|message| message.role == Role::User).count();
    if people == 2 { ScriptedReply::text("Heard both.") } else { ScriptedReply::tool("nothing", &none()) }
}

#[tokio::test]
async fn a_message_that_joined_just_before_a_crash_is_heard() {
    let undisturbed = Arc::new(Trap::never());
    let steered = |trap: &Arc<Trap>| {
        TestApp::with_mailbox(core(Arc::new(Reacting::new(trap.clone(), react)), Vec::new()), |stores| {
            TrappedMailbox::around(stores, trap.clone())
        })
    };
    let detached = |text: &str| RunRequest { detached: true, ..request(text) };
    let app = steered(&undisturbed);
    let first = app.factotum.run_streamed(detached("first")).await.unwrap();
    app.factotum.run(request("second")).await.unwrap();
    first.wait().await.unwrap();
    let at = undisturbed.names().iter().position(|name| name == "after absorb").unwrap();

    let trap = Arc::new(Trap::at(at));
    let app = steered(&trap);
    let first = app.factotum.run_streamed(detached("first")).await.unwrap();
    let second = app.factotum.run_streamed(detached("second")).await.unwrap();
    trap.reached().await;
    app.crash();
    // Here the model answers at once: there is no tool boundary at which the message could join again.
    let other = app.another(core(script(vec![ScriptedReply::text("Heard both.")]), Vec::new()));
    let result = other.factotum.attach(session(), second.inbound()).wait().await.unwrap();
    assert_eq!(result.content, "Heard both.");
    let people: Vec<String> = other
        .history()
        .await
        .iter()
        .filter(|message| message.role == Role::User)
        .map(Message::text)
        .collect();
    assert_eq!(people, ["first", "[+0ms] second"]);
    drop(first);
}

#[tokio::test]
async fn what_joined_a_turn_unread_comes_in_again_when_it_is_given_up() {
    let sent = Probe::new("send", Effect::Unsafe, Does::Say("sent".into()));
    let react = |request: &ModelRequest| match request.messages.iter().any(|m| m.role == Role::Tool) {
        true => ScriptedReply::hang(),
        false => ScriptedReply::tool("send", &none()),
    };
    let core = || core(Arc::new(Reacting::new(Arc::new(Trap::never()), react)), vec![sent.clone()]);
    let keyed = || RunRequest { idempotency_key: Some("k".into()), detached: true, ..request("go") };
    let app = TestApp::new(core());
    drop(app.factotum.run_streamed(keyed()).await.unwrap());
    sent.had(1).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    app.crash();
    // Processes that die before they get anywhere; the first one takes in what came meanwhile.
    let second = inbound_to(&session(), "and this");
    let id = second.id;
    drop(app.stores.mailbox.accept(None, vec![second].into(), None).await.unwrap());
    for number in 100..110 {
        let worker = WorkerId(uuid::Uuid::from_u128(number));
        let turn = app.store_lease(worker).await.unwrap();
        if turn.exhausted {
            app.store.kill(worker);
            break;
        }
        app.stores.mailbox.absorb(&turn.lease).await.unwrap();
        app.store.kill(worker);
    }
    let last = app.another(core());
    let result = last.factotum.run(keyed()).await.unwrap();
    assert!(result.content.contains("begun several times"), "{}", result.content);
    let settled = last.stores.mailbox.inbound(id).await.unwrap().unwrap();
    assert!(matches!(settled.state, InboundState::Settled(_)), "{:?}", settled.state);
    let again = last.store_lease(WorkerId(uuid::Uuid::from_u128(200))).await.unwrap();
    assert_eq!(again.founders[0].inbound.external_id, format!("again:{id}"));
    assert_eq!(again.founders[0].inbound.parts[0].as_text(), Some("and this"));
}
