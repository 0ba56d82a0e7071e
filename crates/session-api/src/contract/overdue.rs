//! Rows that wait too long, and how they are given up.

use super::{
    StoreHarness,
    fixture::{
        Must, Refused, Rig, entry, founders, inbound, inbound_to, notice, record, seconds, session, setting,
        uuid,
    },
    sending::{body, claim, claim_one},
};
use crate::{Inbound, InboundId, InboundState, LeasePolicy, Outcome, Runner, Settled, Writes};

async fn overdue(rig: &Rig, limit: usize) -> Vec<InboundId> {
    let rows = rig.mailbox().overdue(rig.now(), limit).await.must();
    rows.iter().map(|row| row.inbound.id).collect()
}

fn telling() -> Writes {
    let mut writes = setting("told", "yes");
    writes.outbox.push(notice(&session(1), "nobody could look at it"));
    writes.audit.push(entry(&session(1), "given-up"));
    writes
}

/// Rows that were accepted before a time and still wait are overdue, the oldest first.
pub async fn rows_that_still_wait_are_overdue(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let first = rig.accept(inbound("first")).await;
    rig.clock.advance(seconds(1));
    let second = rig.accept(inbound_to(&session(2), "second")).await;
    let third = rig.accept(inbound("third")).await;
    assert_eq!(overdue(&rig, 10).await, [first]);
    rig.clock.advance(seconds(1));
    assert_eq!(overdue(&rig, 10).await, [first, second, third]);
    assert_eq!(overdue(&rig, 2).await, [first, second]);
    let rows = rig.mailbox().overdue(rig.now(), 1).await.must();
    assert_eq!(rows.first().must(), &rig.mailbox().inbound(first).await.must().must().row);
}

/// A row that was taken or has ended is not overdue, nor is one behind a running turn; one in back-off is, and one behind
/// a turn whose lease ran out.
pub async fn only_rows_that_wait_are_overdue(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("first").await;
    let founder = turn.founders.first().must().inbound.id;
    let behind = rig.accept(inbound("behind")).await;
    rig.clock.advance(seconds(1));
    assert!(overdue(&rig, 10).await.is_empty());
    rig.clock.advance(LeasePolicy::default().ttl);
    assert_eq!(overdue(&rig, 10).await, [behind]);
    let turn = rig.lease().await;
    let at = rig.now().plus(seconds(60));
    rig.mailbox().fail(&turn.lease, "the model is down", Some(at), Writes::default()).await.must();
    assert_eq!(overdue(&rig, 10).await, [founder, behind]);
    rig.clock.advance(seconds(61));
    for _ in 0..2 {
        let turn = rig.lease().await;
        rig.commit(&turn, Writes::default()).await;
    }
    assert!(overdue(&rig, 10).await.is_empty());
}

/// A row that is kept for a living worker is that worker's business.
pub async fn a_row_of_a_living_worker_is_not_overdue(h: &dyn StoreHarness) {
    let (rig, other) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    let kept = rig.accept(Inbound { runner: Runner::Only(other.worker), ..inbound("kept") }).await;
    let free = rig.accept(inbound("free")).await;
    rig.clock.advance(seconds(1));
    assert_eq!(overdue(&rig, 10).await, [free]);
    assert_eq!(overdue(&rig, 1).await, [free]);
    h.kill(other.worker).await;
    assert_eq!(overdue(&rig, 10).await, [kept, free]);
}

/// A row behind a question waits for a person.
pub async fn a_row_behind_a_question_is_not_overdue(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("first").await;
    rig.accept(super::fixture::command("/status")).await;
    rig.suspend(&turn).await;
    rig.clock.advance(seconds(1));
    assert!(overdue(&rig, 10).await.is_empty());
}

/// A row that is given up is settled without a turn, what was to be written is, and its session goes on.
pub async fn a_row_that_is_given_up_is_settled(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let id = rig.accept(inbound("first")).await;
    rig.accept(inbound("second")).await;
    assert!(rig.mailbox().give_up(id, Outcome::Failed, telling()).await.must());
    let state = rig.state(id).await;
    let expected = Settled { turn: None, outcome: Outcome::Failed, replies: Vec::new() };
    assert_eq!(state, InboundState::Settled(expected));
    assert_eq!(rig.value("told").await.as_deref(), Some("yes"));
    assert_eq!(rig.stores.audit.audit_about("given-up", 10).await.must().len(), 1);
    assert_eq!(body(&claim_one(&rig).await), Some("nobody could look at it"));
    let next = rig.lease().await;
    assert_eq!(founders(&next), ["second"]);
    rig.commit(&next, Writes::default()).await;
    rig.is_idle().await;
}

/// A row in back-off that is given up holds nobody back any more.
pub async fn a_row_in_back_off_is_given_up(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("first").await;
    let id = turn.founders.first().must().inbound.id;
    let at = rig.now().plus(seconds(60));
    rig.mailbox().fail(&turn.lease, "the model is down", Some(at), Writes::default()).await.must();
    rig.accept(inbound("second")).await;
    rig.is_idle().await;
    assert!(rig.mailbox().give_up(id, Outcome::Failed, Writes::default()).await.must());
    assert_eq!(founders(&rig.lease().await), ["second"]);
    let state = rig.state(id).await;
    assert!(matches!(state, InboundState::Settled(Settled { turn: None, .. })), "{state:?}");
}

/// A row behind a running turn can be given up, and the turn goes on.
pub async fn a_row_behind_a_turn_is_given_up(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("first").await;
    let id = rig.accept(inbound("second")).await;
    assert!(rig.mailbox().give_up(id, Outcome::Refused, Writes::default()).await.must());
    rig.is_idle().await;
    rig.commit(&turn, Writes::default()).await;
    rig.is_settled(id, Outcome::Refused).await;
    rig.is_idle().await;
}

/// Only a pending row is given up; for any other nothing changes.
pub async fn only_a_pending_row_is_given_up(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let running = rig.start("running").await.founders.first().must().inbound.id;
    rig.accept(inbound_to(&session(2), "settled")).await;
    let done = rig.lease().await;
    let settled = done.founders.first().must().inbound.id;
    rig.commit(&done, Writes::default()).await;
    rig.accept(inbound_to(&session(3), "dead")).await;
    let failed = rig.lease().await;
    let dead = failed.founders.first().must().inbound.id;
    rig.mailbox().fail(&failed.lease, "poison", None, Writes::default()).await.must();
    for id in [running, settled, dead, InboundId(uuid())] {
        let before = rig.mailbox().inbound(id).await.must();
        assert!(!rig.mailbox().give_up(id, Outcome::Failed, telling()).await.must());
        assert_eq!(rig.mailbox().inbound(id).await.must(), before);
    }
    assert_eq!(rig.value("told").await, None);
    assert!(claim(&rig, 10).await.is_empty());
}

/// Whatever else it may want to write is refused, and the row still waits.
pub async fn giving_up_with_anything_else_is_invalid(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let id = rig.accept(inbound("first")).await;
    let others = [
        Writes { inbound: vec![inbound("second")], ..telling() },
        Writes { record: Some(record("{}")), ..telling() },
    ];
    for writes in others {
        rig.mailbox().give_up(id, Outcome::Failed, writes).await.invalid();
    }
    rig.is_pending(id).await;
    assert_eq!(rig.value("told").await, None);
}
