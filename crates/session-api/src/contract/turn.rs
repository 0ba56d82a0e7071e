//! `Mailbox::journal` and `commit`, and how writes are applied.

use super::{
    StoreHarness,
    fixture::{
        Must, Refused, Rig, asking, founders, inbound, inbound_to, message, question, record, reply, saying,
        sending, session, setting, step,
    },
};
use crate::{
    Delivery, InboundState, Message, OutboxMessage, Outcome, Part, Rank, Scope, SessionWrite, Turn,
    TurnState, WindowBudget, Writes,
};

fn texts(messages: &[OutboxMessage]) -> Vec<&str> {
    messages.iter().filter_map(|message| message.parts.first().and_then(Part::as_text)).collect()
}

async fn view(rig: &Rig, turn: &Turn) -> crate::TurnView {
    rig.mailbox().turn(turn.lease.turn).await.must().must()
}

/// Steps are numbered from 0 in the order in which they were written.
pub async fn steps_are_numbered_in_order(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    for call in ["one", "two", "three"] {
        rig.journal(&turn, call).await.must();
    }
    let seen = view(&rig, &turn).await;
    let steps: Vec<_> = seen.journal.into_iter().map(|entry| (entry.no, entry.step)).collect();
    assert_eq!(steps, [(0, step("one")), (1, step("two")), (2, step("three"))]);
}

/// A step applies what was written with it.
pub async fn a_step_applies_its_writes(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let said = reply(&turn, "working on it");
    let child = inbound_to(&session(2), "child");
    let writes = Writes {
        outbox: vec![said.clone()],
        inbound: vec![child.clone()],
        record: Some(record("state")),
        ..setting("key", "value")
    };
    rig.mailbox().journal(&turn.lease, step("call-1"), writes).await.must();
    assert_eq!(rig.value("key").await.as_deref(), Some("value"));
    assert_eq!(rig.mailbox().outbox(&session(1), 10).await.must(), [said]);
    assert_eq!(view(&rig, &turn).await.record, Some(record("state")));
    assert_eq!(founders(&rig.lease().await), ["child"]);
}

/// Only a commit adds to the history; elsewhere messages are an error that changes nothing.
pub async fn messages_outside_a_commit_change_nothing(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let asked = question(&turn, Rank::Owner);
    let bad = || Writes {
        messages: vec![message(&turn, "too early")],
        outbox: vec![reply(&turn, "too early")],
        inbound: vec![inbound_to(&session(2), "too early")],
        record: Some(record("too early")),
        ..setting("key", "too early")
    };
    rig.mailbox().journal(&turn.lease, step("call-1"), bad()).await.invalid();
    let suspension = Writes { approvals: asking(&[asked]).approvals, ..bad() };
    rig.mailbox().suspend(&turn.lease, suspension).await.invalid();
    assert_eq!(rig.value("key").await, None);
    assert!(rig.mailbox().outbox(&session(1), 10).await.must().is_empty());
    assert!(rig.mailbox().approvals(&Scope::All, false).await.must().is_empty());
    assert!(rig.history(&session(1)).await.is_empty());
    let seen = view(&rig, &turn).await;
    assert!(seen.journal.is_empty() && seen.record.is_none());
    rig.is_idle().await;
    rig.commit(&turn, Writes::default()).await;
}

/// A commit adds its messages to the history in order, behind those that stand there.
pub async fn a_commit_adds_its_messages_in_order(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    for (first, second) in [("one", "two"), ("three", "four")] {
        let turn = rig.start("hello").await;
        let before = rig.history(&session(1)).await;
        assert!(!before.contains(&first.to_owned()));
        rig.commit(&turn, saying(vec![message(&turn, first), message(&turn, second)])).await;
    }
    assert_eq!(rig.history(&session(1)).await, ["one", "two", "three", "four"]);
    let page = crate::Page { after: 0, limit: 10 };
    let stored = rig.stores.sessions.messages(&Scope::All, &session(1), page).await.must();
    assert_eq!(stored.iter().map(|m| m.seq).collect::<Vec<_>>(), [1, 2, 3, 4]);
}

/// A message comes back as it was written.
pub async fn a_message_comes_back_as_it_was(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let call = crate::ToolCall {
        id: crate::CallId("1".into()),
        name: "look".into(),
        arguments: "{\"a\": 1 }".into(),
    };
    let parts = vec![
        Part::text("line\n\u{1F600}"),
        Part::Reasoning { text: "hm".into() },
        Part::ToolCall(call),
        Part::Opaque { format: "f".into(), data: serde_json::json!({"b": [1, null]}) },
    ];
    let said = Message { parts, ..message(&turn, "") };
    rig.commit(&turn, saying(vec![said.clone()])).await;
    let page = crate::Page { after: 0, limit: 10 };
    let stored = rig.stores.sessions.messages(&Scope::All, &session(1), page).await.must();
    assert_eq!(stored.first().must().message, said);
}

/// A commit settles founders and rows that joined alike.
pub async fn a_commit_settles_founders_and_absorbed(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let founder = rig.accept(inbound("hello")).await;
    let turn = rig.lease().await;
    let joined = rig.accept(inbound("and this")).await;
    rig.mailbox().absorb(&turn.lease).await.must();
    rig.mailbox().commit(&turn.lease, Outcome::Quiet, Writes::default()).await.must();
    for id in [founder, joined] {
        let state = rig.state(id).await;
        let expected = (Some(turn.lease.turn), Outcome::Quiet);
        assert!(matches!(&state, InboundState::Settled(s) if (s.turn, s.outcome) == expected), "{state:?}");
    }
    rig.is_idle().await;
}

/// A commit ends the turn and its lease; the record is dropped and the journal stays.
pub async fn a_commit_ends_the_turn(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let writes = Writes { record: Some(record("state")), ..Writes::default() };
    rig.mailbox().journal(&turn.lease, step("call-1"), writes).await.must();
    rig.commit(&turn, Writes::default()).await;
    let seen = view(&rig, &turn).await;
    assert_eq!((seen.state, seen.record, seen.journal.len()), (TurnState::Done, None, 1));
    rig.journal(&turn, "call-2").await.stale();
    rig.mailbox().commit(&turn.lease, Outcome::Replied, saying(vec![message(&turn, "again")])).await.stale();
    assert!(rig.history(&session(1)).await.is_empty());
    let info = rig.stores.sessions.session(&Scope::All, &session(1)).await.must().must();
    assert_eq!((info.open_turn, info.pending), (None, 0));
}

/// What a turn said to a row's route is read by the row's id, in order.
pub async fn replies_are_read_by_inbound_id(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let founder = rig.accept(inbound("hello")).await;
    let turn = rig.lease().await;
    let pull = |text| OutboxMessage { delivery: Delivery::Pull, ..reply(&turn, text) };
    let mut elsewhere = pull("elsewhere");
    elsewhere.route.chat = "another chat".into();
    rig.mailbox().journal(&turn.lease, step("call-1"), sending(vec![pull("one")])).await.must();
    rig.commit(&turn, sending(vec![elsewhere, pull("two")])).await;
    let state = rig.state(founder).await;
    assert!(matches!(&state, InboundState::Settled(s) if texts(&s.replies) == ["one", "two"]), "{state:?}");
}

/// An id that stands already is left as it is.
pub async fn an_id_that_stands_is_left_as_it_is(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let (said, child) = (message(&turn, "first"), inbound_to(&session(2), "first"));
    let (out, asked) = (reply(&turn, "first"), question(&turn, Rank::Owner));
    let first = Writes {
        outbox: vec![out.clone()],
        inbound: vec![child.clone()],
        approvals: asking(std::slice::from_ref(&asked)).approvals,
        ..Writes::default()
    };
    rig.mailbox().suspend(&turn.lease, first).await.must();
    rig.accept(super::fixture::answer(asked.id, crate::Decision::Allow)).await;
    let again = rig.lease().await;
    let second = Writes {
        messages: vec![said.clone(), Message { parts: vec![Part::text("second")], ..said }],
        outbox: vec![OutboxMessage { parts: vec![Part::text("second")], ..out }],
        inbound: vec![crate::Inbound { parts: vec![Part::text("second")], ..child }],
        approvals: asking(&[asked]).approvals,
        ..Writes::default()
    };
    rig.commit(&again, second).await;
    assert_eq!(rig.history(&session(1)).await, ["first"]);
    assert_eq!(texts(&rig.mailbox().outbox(&session(1), 10).await.must()), ["first"]);
    let asked = rig.mailbox().approvals(&Scope::All, false).await.must();
    assert_eq!(asked.first().must().state, crate::ApprovalState::Allowed);
    assert_eq!(founders(&rig.lease().await), ["first"]);
    rig.is_idle().await;
}

/// A change to the session is applied field by field with its commit.
pub async fn a_commit_changes_the_session(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let change =
        |title: Option<&str>, model: Option<Option<&str>>, effort: Option<Option<crate::Effort>>| Writes {
            session: Some(SessionWrite {
                title: title.map(Into::into),
                model: model.map(|model| model.map(Into::into)),
                effort,
                ..SessionWrite::default()
            }),
            ..Writes::default()
        };
    let low = Some(crate::Effort::Low);
    let changes = [
        (change(Some("Title"), Some(Some("a/b")), None), Some("a/b"), None),
        (change(None, None, Some(low)), Some("a/b"), low),
        (change(None, Some(None), None), None, low),
        (change(None, None, Some(None)), None, None),
    ];
    for (writes, model, effort) in changes {
        let turn = rig.start("hello").await;
        rig.commit(&turn, writes).await;
        let info = rig.stores.sessions.session(&Scope::All, &session(1)).await.must().must();
        assert_eq!(
            (info.title.as_deref(), info.model.as_deref(), info.effort),
            (Some("Title"), model, effort)
        );
        let budget = WindowBudget { messages: 10, bytes: 1000 };
        let window = rig.stores.sessions.window(&Scope::All, &session(1), budget).await.must();
        assert_eq!((window.model.as_deref(), window.effort), (model, effort));
    }
}

/// The outbox of a session lists its own messages, the newest first, at most as many as asked for.
pub async fn the_outbox_lists_the_newest_first(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    rig.accept(inbound_to(&session(2), "elsewhere")).await;
    let elsewhere = OutboxMessage { session: session(2), ..reply(&turn, "elsewhere") };
    let messages = vec![reply(&turn, "one"), elsewhere, reply(&turn, "two"), reply(&turn, "three")];
    rig.commit(&turn, sending(messages)).await;
    let listed = rig.mailbox().outbox(&session(1), 2).await.must();
    assert_eq!(texts(&listed), ["three", "two"]);
}

/// What nobody knows is not found, and that is no error.
pub async fn unknown_ids_are_not_found(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    assert_eq!(rig.mailbox().turn(crate::TurnId(super::fixture::uuid())).await.must(), None);
    assert_eq!(rig.mailbox().inbound(crate::InboundId(super::fixture::uuid())).await.must(), None);
    assert!(rig.mailbox().outbox(&session(1), 10).await.must().is_empty());
}
