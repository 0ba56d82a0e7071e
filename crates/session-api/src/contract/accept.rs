//! `Mailbox::accept`.

use super::{
    StoreHarness,
    fixture::{Must, Refused, Rig, founders, inbound, inbound_to, moving, seconds, session},
};
use crate::{
    Acceptance, CursorMove, CursorPosition, Inbound, InboundId, InboundState, Outcome, RunNow, Scope,
    SessionKey, SourceLease, Writes,
};

fn to(position: u64) -> CursorMove {
    CursorMove { name: "updates".into(), to: CursorPosition { generation: 0, position } }
}

async fn claim(rig: &Rig) -> SourceLease {
    rig.mailbox().claim_source(rig.worker, "test", "bot", seconds(60)).await.must().must()
}

/// Where the cursor named `updates` stands.
async fn cursor(rig: &Rig) -> Option<CursorPosition> {
    claim(rig).await.cursors.into_iter().find(|(name, _)| name == "updates").map(|(_, at)| at)
}

/// A row that was accepted waits under the id that it came with.
pub async fn a_new_row_waits_under_its_own_id(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let row = inbound("hello");
    let id = rig.accept(row.clone()).await;
    let view = rig.mailbox().inbound(id).await.must().must();
    assert_eq!(view.row.inbound, row);
    assert_eq!(view.state, InboundState::Pending { ahead: 0 });
}

/// A row waits behind those of its session that were accepted before it, the running ones included.
pub async fn a_row_counts_those_ahead_of_it(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.accept(inbound_to(&session(2), "elsewhere")).await;
    rig.accept(inbound("first")).await;
    rig.accept(inbound("second")).await;
    let third = rig.accept(inbound("third")).await;
    assert_eq!(rig.state(third).await, InboundState::Pending { ahead: 2 });
    rig.lease().await;
    rig.lease().await;
    assert_eq!(rig.state(third).await, InboundState::Pending { ahead: 2 });
}

/// A repeated external id is a duplicate of the first row and changes nothing.
pub async fn a_repeated_external_id_is_a_duplicate(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let first = inbound("first");
    rig.accept(first.clone()).await;
    let again = Inbound { external_id: first.external_id.clone(), ..inbound("again") };
    let id = again.id;
    let accepted = rig.mailbox().accept(None, vec![again].into(), None).await.must();
    assert_eq!(accepted.rows, [Acceptance::Duplicate(first.id)]);
    assert_eq!(rig.mailbox().inbound(id).await.must(), None);
    assert_eq!(founders(&rig.lease().await), ["first"]);
    rig.is_idle().await;
}

/// A row is a duplicate also when the first one was settled long ago.
pub async fn a_duplicate_of_a_settled_row_starts_nothing(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let first = inbound("first");
    rig.accept(first.clone()).await;
    let turn = rig.lease().await;
    rig.commit(&turn, Writes::default()).await;
    let accepted = rig.mailbox().accept(None, vec![first.clone()].into(), None).await.must();
    assert_eq!(accepted.rows, [Acceptance::Duplicate(first.id)]);
    rig.is_settled(first.id, Outcome::Replied).await;
    rig.is_idle().await;
}

/// External ids of different accounts have nothing to do with one another.
pub async fn the_same_external_id_of_another_account_is_new(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let first = inbound("first");
    rig.accept(first.clone()).await;
    let elsewhere = SessionKey::new("test", "other-bot", "chat-1");
    rig.accept(Inbound { external_id: first.external_id, ..inbound_to(&elsewhere, "second") }).await;
}

/// The answers stand in the order of the batch, and a repeat inside it is a duplicate.
pub async fn a_repeat_inside_a_batch_is_a_duplicate(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let first = inbound("first");
    let again = Inbound { external_id: first.external_id.clone(), ..inbound("again") };
    let batch = vec![first.clone(), again, inbound("last")];
    let accepted = rig.mailbox().accept(None, batch.into(), None).await.must();
    assert_eq!(accepted.rows, [Acceptance::New, Acceptance::Duplicate(first.id), Acceptance::New]);
}

/// An external id outlives the session that it was accepted for.
pub async fn a_duplicate_stays_one_after_its_session_was_deleted(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let first = inbound("first");
    rig.accept(first.clone()).await;
    assert!(rig.stores.sessions.delete_session(&Scope::All, &session(1)).await.must());
    let again = Inbound { id: InboundId(super::fixture::uuid()), ..first };
    let accepted = rig.mailbox().accept(None, vec![again].into(), None).await.must();
    assert!(matches!(accepted.rows.as_slice(), [Acceptance::Duplicate(_)]), "{:?}", accepted.rows);
    rig.is_idle().await;
}

/// What was accepted is there after the death of the process that accepted it.
pub async fn an_accepted_row_survives_its_worker(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.accept(inbound("hello")).await;
    h.kill(rig.worker).await;
    let other = Rig::open_as(h, 2).await;
    assert_eq!(founders(&other.lease().await), ["hello"]);
}

/// A cursor moves in the commit that stores its batch.
pub async fn a_cursor_moves_with_its_batch(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let lease = claim(&rig).await;
    rig.mailbox().accept(Some(&lease), moving(vec![inbound("hello")], to(7)), None).await.must();
    assert_eq!(cursor(&rig).await, Some(CursorPosition { generation: 0, position: 7 }));
}

/// A batch without rows moves the cursor as well.
pub async fn an_empty_batch_moves_the_cursor(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let lease = claim(&rig).await;
    rig.mailbox().accept(Some(&lease), moving(Vec::new(), to(7)), None).await.must();
    assert_eq!(cursor(&rig).await, Some(CursorPosition { generation: 0, position: 7 }));
}

/// A move backwards is ignored, and its batch is stored.
pub async fn a_cursor_never_moves_backwards(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let lease = claim(&rig).await;
    rig.mailbox().accept(Some(&lease), moving(Vec::new(), to(7)), None).await.must();
    rig.mailbox().accept(Some(&lease), moving(vec![inbound("late")], to(3)), None).await.must();
    assert_eq!(cursor(&rig).await, Some(CursorPosition { generation: 0, position: 7 }));
    assert_eq!(founders(&rig.lease().await), ["late"]);
}

/// A new generation begins wherever it likes, and the old one does not come back.
pub async fn a_new_generation_begins_anew(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let lease = claim(&rig).await;
    rig.mailbox().accept(Some(&lease), moving(Vec::new(), to(7)), None).await.must();
    let anew = CursorPosition { generation: 1, position: 2 };
    let moved = CursorMove { name: "updates".into(), to: anew };
    rig.mailbox().accept(Some(&lease), moving(Vec::new(), moved), None).await.must();
    rig.mailbox().accept(Some(&lease), moving(Vec::new(), to(9)), None).await.must();
    assert_eq!(cursor(&rig).await, Some(anew));
}

/// Cursors of one source move by their names.
pub async fn cursors_of_a_source_move_apart(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let lease = claim(&rig).await;
    let history = CursorMove { name: "history".into(), to: CursorPosition { generation: 0, position: 3 } };
    rig.mailbox().accept(Some(&lease), moving(Vec::new(), to(7)), None).await.must();
    rig.mailbox().accept(Some(&lease), moving(Vec::new(), history), None).await.must();
    let mut cursors = claim(&rig).await.cursors;
    cursors.sort();
    let at = |position| CursorPosition { generation: 0, position };
    assert_eq!(cursors, [("history".to_owned(), at(3)), ("updates".to_owned(), at(7))]);
}

/// A cursor without a lease is refused, and so is the whole batch.
pub async fn a_cursor_without_a_lease_is_stale(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.mailbox().accept(None, moving(vec![inbound("hello")], to(7)), None).await.stale();
    rig.is_idle().await;
}

/// A batch whose lease is no longer valid is refused whole.
pub async fn a_batch_with_a_stale_lease_stores_nothing(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let lease = claim(&rig).await;
    rig.clock.advance(seconds(61));
    let other = Rig::open_as(h, 2).await;
    claim(&other).await;
    let batch = vec![inbound("first"), inbound("second")];
    rig.mailbox().accept(Some(&lease), moving(batch, to(7)), None).await.stale();
    rig.is_idle().await;
    assert_eq!(cursor(&other).await.unwrap_or_default(), CursorPosition::default());
}

/// A row that asks for it is leased in the commit that accepts it.
pub async fn run_now_leases_in_the_same_commit(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let row = Inbound { coalesce: Some(seconds(5)), ..inbound("now") };
    let accepted =
        rig.mailbox().accept(None, vec![row.clone()].into(), Some(RunNow(rig.worker))).await.must();
    let turn = accepted.turn.must();
    assert_eq!(founders(&turn), ["now"]);
    assert_eq!((turn.attempt, turn.lease.worker), (1, rig.worker));
    assert_eq!(rig.state(row.id).await, InboundState::Running(turn.lease.turn));
    rig.commit(&turn, Writes::default()).await;
    rig.is_settled(row.id, Outcome::Replied).await;
}

/// A row that asks for it waits behind one that waits already.
pub async fn run_now_waits_behind_a_pending_row(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.accept(inbound("before")).await;
    let row = inbound("now");
    let accepted =
        rig.mailbox().accept(None, vec![row.clone()].into(), Some(RunNow(rig.worker))).await.must();
    assert_eq!(accepted.turn, None);
    rig.is_pending(row.id).await;
    assert_eq!(founders(&rig.lease().await), ["before"]);
}

/// A row that asks for it waits behind its session's open turn.
pub async fn run_now_waits_behind_an_open_turn(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.start("before").await;
    let row = inbound("now");
    let accepted =
        rig.mailbox().accept(None, vec![row.clone()].into(), Some(RunNow(rig.worker))).await.must();
    assert_eq!(accepted.turn, None);
    rig.is_pending(row.id).await;
}

/// A duplicate is never run.
pub async fn run_now_of_a_duplicate_leases_nothing(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let row = inbound("first");
    rig.accept(row.clone()).await;
    let turn = rig.lease().await;
    rig.commit(&turn, Writes::default()).await;
    let accepted = rig.mailbox().accept(None, vec![row].into(), Some(RunNow(rig.worker))).await.must();
    assert_eq!(accepted.turn, None);
}

/// Only a batch of one row can be run at once; another is refused whole.
pub async fn run_now_of_two_rows_is_invalid(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let batch = vec![inbound("first"), inbound("second")];
    rig.mailbox().accept(None, batch.into(), Some(RunNow(rig.worker))).await.invalid();
    rig.is_idle().await;
}
