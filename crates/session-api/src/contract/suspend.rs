//! `Mailbox::suspend`: what a turn that asks keeps and gives up.

use super::{
    StoreHarness,
    fixture::{Must, Refused, Rig, asking, founders, inbound, question, record, setting, step},
};
use crate::{ApprovalState, Decision, InboundState, Rank, Scope, StepKind, TurnState, Writes};

/// A turn is suspended for at least one question.
pub async fn a_suspension_needs_a_question(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    rig.mailbox().suspend(&turn.lease, setting("key", "value")).await.invalid();
    assert_eq!(rig.value("key").await, None);
    rig.journal(&turn, "call-1").await.must();
}

/// The lease of a suspended turn is over, and nobody gets one while its question is open.
pub async fn a_suspended_turn_is_leased_by_nobody(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let id = turn.founders.first().must().inbound.id;
    rig.suspend(&turn).await;
    rig.journal(&turn, "call-1").await.stale();
    rig.is_idle().await;
    assert_eq!(rig.state(id).await, InboundState::Suspended(turn.lease.turn));
    let view = rig.mailbox().turn(turn.lease.turn).await.must().must();
    assert_eq!(view.state, TurnState::Suspended);
}

/// A suspended turn is its session's open turn: rows behind it wait.
pub async fn a_suspended_turn_holds_its_session(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    rig.suspend(&turn).await;
    rig.accept(super::fixture::command("/status")).await;
    rig.is_idle().await;
    let info = rig.stores.sessions.session(&Scope::All, &turn.lease.session).await.must().must();
    assert_eq!(info.open_turn, Some(turn.lease.turn));
}

/// A suspension applies its writes and stands in the journal.
pub async fn a_suspension_applies_its_writes_and_is_journalled(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    rig.mailbox().journal(&turn.lease, step("call-1"), Writes::default()).await.must();
    let asked = question(&turn, Rank::Owner);
    let writes = Writes {
        record: Some(record("asks")),
        kv: setting("key", "value").kv,
        ..asking(std::slice::from_ref(&asked))
    };
    rig.mailbox().suspend(&turn.lease, writes).await.must();
    assert_eq!(rig.value("key").await.as_deref(), Some("value"));
    rig.accept(super::fixture::answer(asked.id, Decision::Allow)).await;
    let again = rig.lease().await;
    assert_eq!(again.record, Some(record("asks")));
    let kinds: Vec<&StepKind> = again.journal.iter().map(|entry| &entry.step.kind).collect();
    assert_eq!(kinds, [&step("call-1").kind, &StepKind::Suspended]);
    assert_eq!(founders(&again), ["hello"]);
}

/// A question outlives the process that asked it, and may be answered before anybody else starts.
pub async fn a_question_survives_its_worker(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let asked = rig.suspend(&turn).await;
    h.kill(rig.worker).await;
    let other = Rig::open_as(h, 2).await;
    other.is_idle().await;
    other.accept(super::fixture::answer(asked.id, Decision::Deny)).await;
    let again = other.lease().await;
    assert_eq!(again.lease.turn, turn.lease.turn);
    assert_eq!(again.approvals.first().must().state, ApprovalState::Denied);
}

/// A turn may be suspended again, for another question.
pub async fn a_turn_asks_twice(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let first = rig.suspend(&turn).await;
    rig.accept(super::fixture::answer(first.id, Decision::Allow)).await;
    let again = rig.lease().await;
    let second = rig.suspend(&again).await;
    rig.is_idle().await;
    rig.accept(super::fixture::answer(second.id, Decision::Deny)).await;
    let last = rig.lease().await;
    let states: Vec<ApprovalState> = last.approvals.iter().map(|asked| asked.state).collect();
    assert_eq!(states, [ApprovalState::Allowed, ApprovalState::Denied]);
}

/// What was said while a turn was suspended joins it once it runs again.
pub async fn what_was_said_meanwhile_joins_afterwards(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    rig.suspend(&turn).await;
    let id = rig.accept(inbound("forget it")).await;
    let again = rig.lease().await;
    let absorbed = rig.mailbox().absorb(&again.lease).await.must();
    assert_eq!(absorbed.first().must().inbound.id, id);
}
