//! Locks.

use super::{
    StoreHarness,
    fixture::{Must, Rig, founders, inbound, inbound_to, lock, member, seconds, session},
};
use crate::{
    Acceptance, Inbound, InboundId, LOCK_KEY, Locked, Principal, PrincipalId, Rank, RunNow, Turn, Writes,
};

async fn locked(rig: &Rig) -> Option<Locked> {
    let entry = rig.stores.kv.kv_get(&PrincipalId::installation(), LOCK_KEY).await.must();
    entry.map(|entry| Locked::read(&entry).must())
}

async fn stopped_by(rig: &Rig, turn: &Turn) -> Option<InboundId> {
    rig.mailbox().control(&turn.lease).await.must().stopped_by
}

/// A lock stops the open turns of all sessions, those of other workers and suspended ones included.
pub async fn a_lock_stops_the_turns_of_all_sessions(h: &dyn StoreHarness) {
    let (rig, other) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    rig.accept(inbound("here")).await;
    rig.accept(inbound_to(&session(2), "elsewhere")).await;
    let (here, elsewhere) = (rig.lease().await, other.lease().await);
    rig.accept(inbound_to(&session(3), "asks")).await;
    let asks = rig.lease().await;
    rig.suspend(&asks).await;
    let by = rig.accept(lock()).await;
    assert_eq!(stopped_by(&rig, &here).await, Some(by));
    assert_eq!(stopped_by(&other, &elsewhere).await, Some(by));
    let again = rig.lease().await;
    assert_eq!((again.lease.turn, again.stopped_by), (asks.lease.turn, Some(by)));
}

/// A lock says who locked and when, in the commit that accepts it.
pub async fn a_lock_sets_its_value(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.start("hello").await;
    assert_eq!(locked(&rig).await, None);
    let row = lock();
    let by = row.principal.id.clone();
    rig.accept(row).await;
    assert_eq!(locked(&rig).await, Some(Locked { by, at: rig.now() }));
}

/// A lock waits like other rows, and its turn, which it does not stop, answers it.
pub async fn a_lock_founds_a_turn_of_its_own(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let by = rig.accept(lock()).await;
    rig.is_pending(by).await;
    assert!(!rig.mailbox().control(&turn.lease).await.must().steering);
    rig.commit(&turn, Writes::default()).await;
    let own = rig.lease().await;
    assert_eq!((founders(&own), own.stopped_by), (vec!["/lock"], None));
    assert_eq!(stopped_by(&rig, &own).await, None);
    rig.commit(&own, Writes::default()).await;
    let accepted = rig.mailbox().accept(None, vec![lock()].into(), Some(RunNow(rig.worker))).await.must();
    assert_eq!(accepted.turn.must().stopped_by, None);
}

/// Somebody who is not of rank owner locks nothing: theirs is only a row.
pub async fn a_lock_of_anybody_else_is_only_a_row(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let guest = Principal { rank: Rank::Guest, ..Principal::owner() };
    for principal in [member("ada"), guest] {
        let id = rig.accept(Inbound { principal, ..lock() }).await;
        rig.is_pending(id).await;
    }
    assert_eq!(stopped_by(&rig, &turn).await, None);
    assert_eq!(locked(&rig).await, None);
}

/// A lock passes rows of its session that are in back-off.
pub async fn a_lock_passes_a_back_off(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    for early in [true, false] {
        let turn = rig.start("hello").await;
        if early {
            rig.accept(lock()).await;
        }
        let at = rig.now().plus(seconds(60));
        rig.mailbox().fail(&turn.lease, "the model is down", Some(at), Writes::default()).await.must();
        rig.accept(inbound("behind")).await;
        if !early {
            rig.accept(lock()).await;
        }
        let own = rig.lease().await;
        assert_eq!(founders(&own), ["/lock"], "before the failure: {early}");
        rig.commit(&own, Writes::default()).await;
        rig.is_idle().await;
        rig.clock.advance(seconds(61));
        for text in ["hello", "behind"] {
            let turn = rig.lease().await;
            assert_eq!(founders(&turn), [text]);
            rig.commit(&turn, Writes::default()).await;
        }
    }
}

/// A lock that is delivered again, after somebody unlocked, is a duplicate and locks nothing.
pub async fn a_repeated_lock_does_not_lock_again(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let row = lock();
    rig.accept(row.clone()).await;
    let own = rig.lease().await;
    rig.commit(&own, Writes { kv: vec![Locked::unset()], ..Writes::default() }).await;
    assert_eq!(locked(&rig).await, None);
    let accepted = rig.mailbox().accept(None, vec![row.clone()].into(), None).await.must();
    assert_eq!(accepted.rows, [Acceptance::Duplicate(row.id)]);
    assert_eq!(locked(&rig).await, None);
}
