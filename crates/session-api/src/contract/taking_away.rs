//! Clearing and deleting sessions.

use super::{
    StoreHarness,
    fixture::{
        Must, Refused, Rig, founders, inbound, inbound_to, message, reply, saying, seconds, sending, session,
        uuid,
    },
};
use crate::{
    Checkpoint, InboundState, MessageId, Outcome, Outside, Scope, SessionStore, SessionWrite, Timestamp,
    WindowBudget, Writes,
};

fn store(rig: &Rig) -> &dyn SessionStore {
    rig.stores.sessions.as_ref()
}

async fn epoch(rig: &Rig) -> u64 {
    let budget = WindowBudget { messages: 1, bytes: 1 };
    store(rig).window(&Scope::All, &session(1), budget).await.must().epoch
}

async fn told(h: &dyn StoreHarness) -> Rig {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let said = vec![message(&turn, "one"), message(&turn, "two")];
    rig.commit(&turn, Writes { outbox: vec![reply(&turn, "two")], ..saying(said) }).await;
    rig
}

/// A clear takes messages and checkpoints away, says how many messages there were, and raises the epoch.
pub async fn a_clear_takes_the_history_and_raises_the_epoch(h: &dyn StoreHarness) {
    let rig = told(h).await;
    let before = epoch(&rig).await;
    let made = Checkpoint {
        id: MessageId(uuid()),
        upto: 1,
        summary: "one".into(),
        at: Timestamp(1),
        outside: Outside::default(),
    };
    store(&rig).append_checkpoint(&session(1), before, None, made, Writes::default()).await.must();
    assert_eq!(store(&rig).clear_session(&Scope::All, &session(1)).await.must(), 2);
    assert!(rig.history(&session(1)).await.is_empty());
    let budget = WindowBudget { messages: 10, bytes: 1000 };
    assert_eq!(store(&rig).window(&Scope::All, &session(1), budget).await.must().checkpoint, None);
    assert!(epoch(&rig).await > before);
    assert!(store(&rig).search(&Scope::All, "one", 10).await.must().is_empty());
    let turn = rig.start("again").await;
    rig.commit(&turn, saying(vec![message(&turn, "three")])).await;
    assert_eq!(rig.history(&session(1)).await, ["three"]);
}

/// An unknown session has nothing to clear and is not deleted.
pub async fn an_unknown_session_has_nothing_to_take(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    assert_eq!(store(&rig).clear_session(&Scope::All, &session(1)).await.must(), 0);
    assert!(!store(&rig).delete_session(&Scope::All, &session(1)).await.must());
}

/// Rows that wait outlive a clear.
pub async fn pending_rows_outlive_a_clear(h: &dyn StoreHarness) {
    let rig = told(h).await;
    rig.accept(inbound("still here")).await;
    store(&rig).clear_session(&Scope::All, &session(1)).await.must();
    assert_eq!(founders(&rig.lease().await), ["still here"]);
}

/// While a turn runs, clear and delete stop it and are refused; once it has ended they go through.
pub async fn a_running_turn_is_stopped_first(h: &dyn StoreHarness) {
    let rig = told(h).await;
    let before = epoch(&rig).await;
    let turn = rig.start("more").await;
    store(&rig).clear_session(&Scope::All, &session(1)).await.busy();
    assert!(rig.mailbox().control(&turn.lease).await.must().stopped_by.is_some());
    store(&rig).delete_session(&Scope::All, &session(1)).await.busy();
    assert_eq!(rig.history(&session(1)).await, ["one", "two"]);
    assert_eq!(epoch(&rig).await, before);
    rig.mailbox().commit(&turn.lease, Outcome::Stopped, saying(vec![message(&turn, "three")])).await.must();
    assert_eq!(store(&rig).clear_session(&Scope::All, &session(1)).await.must(), 3);
}

/// What is kept in mind for a session goes with its history; values of people stay.
pub async fn values_of_a_session_go_with_its_history(h: &dyn StoreHarness) {
    let rig = told(h).await;
    let of_session = crate::PrincipalId::of_session(&session(1));
    let turn = rig.start("more").await;
    let mut writes = super::fixture::setting("name", "value");
    let set = |owner: crate::PrincipalId| crate::KvWrite::Set {
        owner,
        key: "goal".into(),
        value: "x".into(),
        expires_at: None,
    };
    writes.kv.extend([set(of_session.clone()), set(crate::PrincipalId::of_session(&session(2)))]);
    rig.commit(&turn, writes).await;
    store(&rig).clear_session(&Scope::All, &session(1)).await.must();
    assert!(rig.stores.kv.kv_list(&of_session, "", 9).await.must().is_empty());
    let other = crate::PrincipalId::of_session(&session(2));
    assert_eq!(rig.stores.kv.kv_list(&other, "", 9).await.must().len(), 1);
    assert_eq!(rig.value("name").await.as_deref(), Some("value"));
}

/// A turn takes the messages up to a place away and goes on; their index and the summaries that stand for them go too.
pub async fn a_turn_takes_the_oldest_messages_away(h: &dyn StoreHarness) {
    let rig = told(h).await;
    while rig.stores.memory.index_messages(10).await.must().left {}
    let (before, summary) = (epoch(&rig).await, "one".to_owned());
    let made =
        Checkpoint { id: MessageId(uuid()), upto: 1, summary, at: Timestamp(1), outside: Outside::default() };
    store(&rig).append_checkpoint(&session(1), before, None, made, Writes::default()).await.must();
    let turn = rig.start("more").await;
    let trim = SessionWrite { trim: Some(1), ..SessionWrite::default() };
    let writes = Writes { session: Some(trim), ..Writes::default() };
    rig.mailbox().journal(&turn.lease, super::fixture::step("call-1"), writes).await.must();
    assert!(epoch(&rig).await > before);
    assert_eq!(rig.history(&session(1)).await, ["two"]);
    rig.commit(&turn, saying(vec![message(&turn, "three")])).await;
    assert_eq!(rig.history(&session(1)).await, ["two", "three"]);
    let info = store(&rig).session(&Scope::All, &session(1)).await.must().must();
    assert_eq!((info.messages, info.last_seq), (2, 3));
    let budget = WindowBudget { messages: 10, bytes: 1000 };
    assert_eq!(store(&rig).window(&Scope::All, &session(1), budget).await.must().checkpoint, None);
    let query = crate::MemoryQuery { text: "one".into(), limit: 9, ..crate::MemoryQuery::default() };
    assert!(rig.stores.memory.recall(&Scope::All, &query).await.must().hits.is_empty());
}

/// A summary that was begun before a trim does not bring back what was taken away.
pub async fn a_summary_of_what_was_trimmed_is_a_conflict(h: &dyn StoreHarness) {
    let rig = told(h).await;
    let before = epoch(&rig).await;
    let turn = rig.start("more").await;
    let trim = SessionWrite { trim: Some(2), ..SessionWrite::default() };
    rig.commit(&turn, Writes { session: Some(trim), ..saying(vec![message(&turn, "three")]) }).await;
    assert_eq!(rig.history(&session(1)).await, ["three"]);
    let late = Checkpoint {
        id: MessageId(uuid()),
        upto: 2,
        summary: "one two".into(),
        at: Timestamp(1),
        outside: Outside::default(),
    };
    store(&rig).append_checkpoint(&session(1), before, None, late, Writes::default()).await.conflict();
}

/// What was begun before a clear is not committed after it.
pub async fn a_late_commit_is_refused(h: &dyn StoreHarness) {
    let rig = told(h).await;
    let turn = rig.start("more").await;
    rig.clock.advance(seconds(31));
    store(&rig).clear_session(&Scope::All, &session(1)).await.must();
    let late = saying(vec![message(&turn, "late")]);
    rig.mailbox().commit(&turn.lease, Outcome::Replied, late).await.stale();
    rig.journal(&turn, "call-1").await.stale();
    assert!(rig.history(&session(1)).await.is_empty());
}

/// A turn that nobody held when its session was cleared is leased to finalize, so that its sender hears of it.
pub async fn a_suspended_turn_is_finalized_after_a_clear(h: &dyn StoreHarness) {
    let rig = told(h).await;
    let turn = rig.start("more").await;
    let id = turn.founders.first().must().inbound.id;
    rig.suspend(&turn).await;
    store(&rig).clear_session(&Scope::All, &session(1)).await.must();
    let again = rig.lease().await;
    assert_eq!(again.lease.turn, turn.lease.turn);
    assert!(again.stopped_by.is_some());
    let notice = sending(vec![reply(&again, "the conversation was cleared")]);
    rig.mailbox().commit(&again.lease, Outcome::Stopped, notice).await.must();
    rig.is_settled(id, Outcome::Stopped).await;
}

/// A deleted session is gone with all that belonged to it.
pub async fn a_deletion_takes_everything(h: &dyn StoreHarness) {
    let rig = told(h).await;
    let turn = rig.start("asks").await;
    rig.suspend(&turn).await;
    let waiting = rig.accept(super::fixture::command("/status")).await;
    assert!(store(&rig).delete_session(&Scope::All, &session(1)).await.must());
    assert_eq!(store(&rig).session(&Scope::All, &session(1)).await.must(), None);
    assert!(rig.history(&session(1)).await.is_empty());
    assert!(rig.mailbox().outbox(&session(1), 10).await.must().is_empty());
    assert!(rig.mailbox().approvals(&Scope::All, false).await.must().is_empty());
    assert_eq!(rig.mailbox().turn(turn.lease.turn).await.must(), None);
    assert_eq!(rig.mailbox().inbound(waiting).await.must(), None);
    assert!(super::sending::claim(&rig, 10).await.is_empty());
    rig.is_idle().await;
    assert!(!store(&rig).delete_session(&Scope::All, &session(1)).await.must());
}

/// Other sessions notice nothing of a deletion.
pub async fn a_deletion_leaves_other_sessions_alone(h: &dyn StoreHarness) {
    let rig = told(h).await;
    let other = rig.accept(inbound_to(&session(2), "other")).await;
    let turn = rig.lease().await;
    store(&rig).delete_session(&Scope::All, &session(1)).await.must();
    assert_eq!(rig.state(other).await, InboundState::Running(turn.lease.turn));
    rig.commit(&turn, saying(vec![message(&turn, "other")])).await;
    assert_eq!(rig.history(&session(2)).await, ["other"]);
}

/// A lease of a deleted session is good for nothing.
pub async fn a_lease_of_a_deleted_session_is_stale(h: &dyn StoreHarness) {
    let rig = told(h).await;
    let turn = rig.start("more").await;
    rig.clock.advance(seconds(31));
    store(&rig).delete_session(&Scope::All, &session(1)).await.must();
    rig.mailbox().commit(&turn.lease, Outcome::Replied, saying(vec![message(&turn, "late")])).await.stale();
    assert_eq!(store(&rig).session(&Scope::All, &session(1)).await.must(), None);
}

/// A summary of a deleted session does not find its way into a new one of the same name.
pub async fn a_summary_of_a_deleted_session_is_a_conflict(h: &dyn StoreHarness) {
    let rig = told(h).await;
    let before = epoch(&rig).await;
    store(&rig).delete_session(&Scope::All, &session(1)).await.must();
    let turn = rig.start("anew").await;
    rig.commit(&turn, saying(vec![message(&turn, "new")])).await;
    let late = Checkpoint {
        id: MessageId(uuid()),
        upto: 1,
        summary: "old".into(),
        at: Timestamp(1),
        outside: Outside::default(),
    };
    store(&rig).append_checkpoint(&session(1), before, None, late, Writes::default()).await.conflict();
}
