//! What happens when somebody sets the system's clock.

use super::{
    StoreHarness,
    fixture::{Must, Rig, founders, inbound_to, seconds, session},
    sending::claim,
};
use crate::{Inbound, LeasePolicy, Settlement, Timestamp, Writes};

const DAY: i64 = 24 * 60 * 60 * 1000;

fn set(rig: &Rig, by: i64) {
    rig.clock.jump_to(Timestamp(rig.now().0 + by));
}

/// A running turn stays with its living worker, whichever way the clock is set.
pub async fn a_turn_stays_with_its_worker(h: &dyn StoreHarness) {
    let (rig, other) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    rig.accept(inbound_to(&session(9), "watched before")).await;
    let watched = rig.lease().await;
    other.is_idle().await;
    for by in [DAY, -2 * DAY, DAY] {
        let turn = rig.start("hello").await;
        set(&rig, by);
        other.is_idle().await;
        rig.is_idle().await;
        rig.commit(&turn, Writes::default()).await;
    }
    rig.commit(&watched, Writes::default()).await;
}

/// One whose worker hangs is taken over in the usual time even so.
pub async fn a_turn_of_a_hung_worker_is_taken_over(h: &dyn StoreHarness) {
    let (rig, other) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    other.is_idle().await;
    for by in [DAY, -DAY] {
        let turn = rig.start("hello").await;
        set(&rig, by);
        other.is_idle().await;
        rig.clock.advance(LeasePolicy::default().ttl);
        let taken = other.lease().await;
        assert_eq!(taken.lease.turn, turn.lease.turn);
        other.commit(&taken, Writes::default()).await;
    }
}

/// The right to poll stays with its living worker.
pub async fn a_source_stays_with_its_worker(h: &dyn StoreHarness) {
    let (rig, other) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    let ttl = seconds(60);
    other.is_idle().await;
    rig.mailbox().claim_source(rig.worker, "test", "bot", ttl).await.must().must();
    set(&rig, DAY);
    assert_eq!(other.mailbox().claim_source(other.worker, "test", "bot", ttl).await.must(), None);
}

/// Set back, it keeps nothing waiting for longer than was meant: neither a back-off, nor the wait for more messages, nor
/// a part that is to be sent again.
pub async fn nothing_waits_for_longer(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("again").await;
    let at = rig.now().plus(seconds(60));
    rig.mailbox().fail(&turn.lease, "the model is down", Some(at), Writes::default()).await.must();
    rig.accept(Inbound { coalesce: Some(seconds(2)), ..inbound_to(&session(2), "more to come") }).await;
    let answered = {
        rig.accept(inbound_to(&session(3), "hello")).await;
        let turn = rig.lease().await;
        let reply = super::fixture::reply(&turn, "hello yourself");
        rig.commit(&turn, super::fixture::sending(vec![reply])).await;
        claim(&rig, 1).await.remove(0)
    };
    let again = Settlement::RetryAt { at, error: "busy".into() };
    rig.mailbox().settle_part(&answered, again).await.must();
    set(&rig, -DAY);
    rig.is_idle().await;
    rig.clock.advance(seconds(2));
    let gathered = rig.lease().await;
    assert_eq!(founders(&gathered), ["more to come"]);
    rig.commit(&gathered, Writes::default()).await;
    assert!(claim(&rig, 1).await.is_empty());
    rig.clock.advance(seconds(58));
    assert_eq!(founders(&rig.lease().await), ["again"]);
    assert_eq!(claim(&rig, 1).await.len(), 1);
}
