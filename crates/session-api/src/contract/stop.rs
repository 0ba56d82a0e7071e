//! Stops.

use super::{
    StoreHarness,
    fixture::{Must, Rig, founders, inbound, inbound_to, session, stop},
};
use crate::{Inbound, InboundState, Outcome, Settled, Writes};

/// The holder of the lease learns of a stop, and the stop is settled by that.
pub async fn a_stop_marks_the_running_turn_and_is_settled(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let stop = rig.accept(stop()).await;
    assert_eq!(rig.mailbox().control(&turn.lease).await.must().stopped_by, Some(stop));
    assert_eq!(rig.mailbox().renew(&turn.lease).await.must().stopped_by, Some(stop));
    let state = rig.state(stop).await;
    let expected = Settled { turn: None, outcome: Outcome::Stopped, replies: Vec::new() };
    assert_eq!(state, InboundState::Settled(expected));
    rig.commit(&turn, Writes::default()).await;
    rig.is_idle().await;
}

/// A turn that was stopped still commits what it did.
pub async fn a_stopped_turn_commits(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let id = rig.accept(inbound("hello")).await;
    let turn = rig.lease().await;
    rig.accept(stop()).await;
    rig.mailbox().commit(&turn.lease, Outcome::Stopped, Writes::default()).await.must();
    rig.is_settled(id, Outcome::Stopped).await;
}

/// A stop reaches the turns of all descendants, and no other session's.
pub async fn a_stop_reaches_descendants_only(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.accept(Inbound { parent: Some(session(1)), ..inbound_to(&session(2), "child") }).await;
    rig.accept(Inbound { parent: Some(session(2)), ..inbound_to(&session(3), "grandchild") }).await;
    rig.accept(inbound_to(&session(4), "stranger")).await;
    let turns = [rig.lease().await, rig.lease().await, rig.lease().await];
    let by = rig.accept(stop()).await;
    for turn in turns {
        let control = rig.mailbox().control(&turn.lease).await.must();
        let expected = (turn.lease.session != session(4)).then_some(by);
        assert_eq!(control.stopped_by, expected, "{}", turn.lease.session);
    }
}

/// What waits in a session that was stopped is settled where another session started it, and only there: the person's own
/// next message waits on.
pub async fn a_stop_settles_what_waits_in_descendants(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("parent").await;
    let next = rig.accept(inbound("next")).await;
    let child = Inbound { parent: Some(session(1)), ..inbound_to(&session(2), "child") };
    let child = rig.accept(child).await;
    let grandchild = Inbound { parent: Some(session(2)), ..inbound_to(&session(3), "grandchild") };
    let grandchild = rig.accept(grandchild).await;
    let stranger = rig.accept(inbound_to(&session(4), "stranger")).await;
    rig.accept(stop()).await;
    rig.is_settled(child, Outcome::Stopped).await;
    rig.is_settled(grandchild, Outcome::Stopped).await;
    rig.is_pending(stranger).await;
    rig.is_pending(next).await;
    rig.commit(&turn, Writes::default()).await;
    let mut left = Vec::new();
    for _ in 0..2 {
        let turn = rig.lease().await;
        left.extend(founders(&turn).iter().map(ToString::to_string));
        rig.commit(&turn, Writes::default()).await;
    }
    left.sort();
    assert_eq!(left, ["next", "stranger"]);
    rig.is_idle().await;
}

/// A child that only waits is stopped by a stop of its own.
pub async fn a_stop_settles_what_waits_in_a_child(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let child = Inbound { parent: Some(session(1)), ..inbound_to(&session(2), "child") };
    let child = rig.accept(child).await;
    let by = rig.accept(Inbound { session: session(2), ..stop() }).await;
    rig.is_settled(child, Outcome::Stopped).await;
    rig.is_settled(by, Outcome::Stopped).await;
    rig.is_idle().await;
    let again = rig.accept(Inbound { parent: Some(session(1)), ..inbound_to(&session(2), "again") }).await;
    assert_eq!(rig.lease().await.founders.first().must().inbound.id, again);
}

/// A stop in a child leaves its parent alone.
pub async fn a_stop_does_not_reach_ancestors(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let parent = rig.start("parent").await;
    rig.accept(Inbound { parent: Some(session(1)), ..inbound_to(&session(2), "child") }).await;
    rig.lease().await;
    rig.accept(Inbound { session: session(2), ..stop() }).await;
    assert_eq!(rig.mailbox().control(&parent.lease).await.must().stopped_by, None);
}

/// A stop never reaches a turn that begins after it.
pub async fn a_stop_never_reaches_a_later_turn(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("first").await;
    rig.accept(inbound("second")).await;
    rig.accept(stop()).await;
    rig.mailbox().commit(&turn.lease, Outcome::Stopped, Writes::default()).await.must();
    let second = rig.lease().await;
    assert_eq!(founders(&second), ["second"]);
    assert_eq!(second.stopped_by, None);
    assert_eq!(rig.mailbox().control(&second.lease).await.must().stopped_by, None);
}

/// A stop that finds nothing open is a row like others: its turn says so.
pub async fn a_stop_that_finds_nothing_open_stays_a_row(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.accept(inbound("waits")).await;
    let stop = rig.accept(stop()).await;
    rig.is_pending(stop).await;
    let first = rig.lease().await;
    assert_eq!(first.stopped_by, None);
    rig.commit(&first, Writes::default()).await;
    assert_eq!(rig.lease().await.founders.first().must().inbound.id, stop);
}

/// A suspended turn that was stopped is leased to finalize.
pub async fn a_stopped_suspended_turn_is_leased(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    rig.suspend(&turn).await;
    rig.is_idle().await;
    let by = rig.accept(stop()).await;
    let again = rig.lease().await;
    assert_eq!(again.lease.turn, turn.lease.turn);
    assert_eq!(again.stopped_by, Some(by));
}

/// An orphaned turn that was stopped is leased to finalize.
pub async fn a_stopped_orphan_is_leased(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let by = rig.accept(stop()).await;
    h.kill(rig.worker).await;
    let other = Rig::open_as(h, 2).await;
    let again = other.lease().await;
    assert_eq!(again.lease.turn, turn.lease.turn);
    assert_eq!(again.stopped_by, Some(by));
}
