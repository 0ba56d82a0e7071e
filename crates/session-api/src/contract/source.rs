//! `Mailbox::claim_source`.

use super::{
    StoreHarness,
    fixture::{Must, Refused, Rig, moving, seconds},
};
use crate::{CursorMove, CursorPosition, SourceLease};

async fn claim(rig: &Rig) -> Option<SourceLease> {
    rig.mailbox().claim_source(rig.worker, "test", "bot", seconds(60)).await.must()
}

fn to(position: u64) -> CursorMove {
    CursorMove { name: "updates".into(), to: CursorPosition { generation: 0, position } }
}

/// One living worker at a time polls an account.
pub async fn a_source_has_one_claimant(h: &dyn StoreHarness) {
    let (first, second) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    let lease = claim(&first).await.must();
    assert_eq!((lease.channel.as_str(), lease.account.as_str()), ("test", "bot"));
    assert_eq!(lease.worker, first.worker);
    assert_eq!(claim(&second).await, None);
}

/// Accounts are claimed one by one.
pub async fn accounts_are_claimed_apart(h: &dyn StoreHarness) {
    let (first, second) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    claim(&first).await.must();
    let other = second.mailbox().claim_source(second.worker, "test", "other-bot", seconds(60)).await;
    assert!(other.must().is_some());
}

/// Whoever has a source renews it by claiming it again.
pub async fn its_claimant_renews_a_source(h: &dyn StoreHarness) {
    let (first, second) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    claim(&first).await.must();
    first.clock.advance(seconds(40));
    let renewed = claim(&first).await.must();
    first.clock.advance(seconds(40));
    assert_eq!(claim(&second).await, None);
    first.mailbox().accept(Some(&renewed), moving(Vec::new(), to(1)), None).await.must();
}

/// The source of a dead worker is free at once.
pub async fn a_source_is_free_when_its_worker_is_dead(h: &dyn StoreHarness) {
    let (first, second) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    claim(&first).await.must();
    h.kill(first.worker).await;
    assert!(claim(&second).await.is_some());
}

/// The source of a worker that does not renew is free when its time has run out.
pub async fn a_source_is_free_when_its_time_has_run_out(h: &dyn StoreHarness) {
    let (first, second) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    claim(&first).await.must();
    first.clock.advance(seconds(59));
    assert_eq!(claim(&second).await, None);
    first.clock.advance(seconds(2));
    assert!(claim(&second).await.is_some());
}

/// A lease from before a change of hands is fenced off.
pub async fn a_source_that_changed_hands_is_fenced(h: &dyn StoreHarness) {
    let (first, second) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    let old = claim(&first).await.must();
    first.clock.advance(seconds(61));
    let new = claim(&second).await.must();
    assert!(new.token > old.token);
    first.mailbox().accept(Some(&old), moving(Vec::new(), to(1)), None).await.stale();
    second.mailbox().accept(Some(&new), moving(Vec::new(), to(1)), None).await.must();
}

/// The next claimant finds the cursors where the last one left them.
pub async fn cursors_outlive_their_claimant(h: &dyn StoreHarness) {
    let (first, second) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    let lease = claim(&first).await.must();
    first.mailbox().accept(Some(&lease), moving(Vec::new(), to(7)), None).await.must();
    h.kill(first.worker).await;
    let at = CursorPosition { generation: 0, position: 7 };
    assert_eq!(claim(&second).await.must().cursors, [("updates".to_owned(), at)]);
}
