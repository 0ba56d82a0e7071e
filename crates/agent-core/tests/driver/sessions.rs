//! Sessions, looked at and taken away.

use agent_core::ScriptedReply;
use session_api::{
    Page, RunNow, SessionKey, Timestamp, UsageBy, UsageTotal, WorkerId, contract::fixture::inbound_to,
};

use crate::support::{TestApp, core, request, script, session};

#[tokio::test]
async fn sessions_are_listed_read_and_searched() {
    let app = TestApp::new(core(script(vec![ScriptedReply::text("A walk in the park.")]), Vec::new()));
    app.say("What now?").await;
    let sessions = app.factotum.sessions();
    let listed = sessions.list(10).await.unwrap();
    assert_eq!((listed.len(), &listed[0].key, listed[0].messages), (1, &session(), 2));
    assert_eq!(sessions.get(&session()).await.unwrap(), Some(listed[0].clone()));
    assert_eq!(sessions.messages(&session(), Page { after: 1, limit: 10 }).await.unwrap().len(), 1);
    assert_eq!(sessions.search("PARK", 10).await.unwrap()[0].message.seq, 2);
    let copy = SessionKey::new("cli", "local", "copy");
    let said = app.history().await;
    assert_eq!(sessions.import(&copy, said.clone()).await.unwrap(), 2);
    assert_eq!(sessions.messages(&copy, Page { after: 0, limit: 10 }).await.unwrap()[0].message, said[0]);
}

#[tokio::test]
async fn clearing_stops_what_runs_first() {
    let provider =
        script(vec![ScriptedReply::text("Yes."), ScriptedReply::hang(), ScriptedReply::text("Who?")]);
    let app = TestApp::new(core(provider, Vec::new()));
    app.say("one").await;
    let running = app.factotum.run_streamed(request("two")).await.unwrap();
    tokio::task::yield_now().await;
    assert!(app.in_time(app.factotum.sessions().clear(&session())).await.unwrap() >= 2);
    let ended = app.in_time(running.wait()).await.unwrap();
    assert_eq!(ended.stop_reason, "stopped");
    assert_eq!(app.say("three").await.content, "Who?");
    let texts: Vec<String> = app.history().await.iter().map(session_api::Message::text).collect();
    assert_eq!(texts, ["three", "Who?"]);
}

#[tokio::test]
async fn a_run_whose_session_is_deleted_ends() {
    let app = TestApp::new(core(script(vec![ScriptedReply::hang()]), Vec::new()));
    let running = app.factotum.run_streamed(request("one")).await.unwrap();
    tokio::task::yield_now().await;
    assert!(app.in_time(app.factotum.sessions().delete(&session())).await.unwrap());
    // Its end and the deletion race; either way it ends.
    let ended = app.in_time(running.wait()).await;
    assert!(ended.is_err() || ended.is_ok_and(|result| result.stop_reason == "stopped"));
    assert!(app.factotum.sessions().list(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_run_kept_elsewhere_is_recorded_whatever_others_left_unfinished() {
    let app = TestApp::new(core(script(Vec::new()), Vec::new()));
    let place = SessionKey::new("cli", "local", "ephemeral");
    // One process died over its record, another left a row that nobody took.
    let dead = WorkerId(uuid::Uuid::from_u128(0xDEAD));
    for run_now in [Some(RunNow(dead)), None] {
        let row = inbound_to(&place, "left");
        drop(app.stores.mailbox.accept(None, vec![row].into(), run_now).await.unwrap());
    }
    app.store.kill(dead);
    let total = UsageTotal {
        group: "m".into(),
        calls: 1,
        input_tokens: 7,
        cached_tokens: 0,
        output_tokens: 0,
        cost_micros: 0,
        unpriced_calls: 0,
    };
    let record = || app.factotum.record_run(place.clone(), std::slice::from_ref(&total), &[]);
    let (one, two) = app.in_time(async { tokio::join!(record(), record()) }).await;
    one.unwrap();
    two.unwrap();
    assert!(!app.factotum.waiting(&place).await.unwrap().unfinished);
    let used = app.factotum.usage(Timestamp(0), UsageBy::Model).await.unwrap();
    assert_eq!(used[0].input_tokens, 14);
}
