//! `Mailbox::changed`.

use std::pin::pin;

use futures_util::future::{Either, join, select};

use super::{
    StoreHarness,
    fixture::{Must, Rig, inbound, stop},
};

/// Whoever waits is woken by an accepted row, and gets a newer value.
pub async fn an_accepted_row_wakes_a_waiter(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.accept(inbound("first")).await;
    let since = rig.mailbox().changed(0).await.must();
    let (woken, _) = join(rig.mailbox().changed(since), rig.accept(inbound("second"))).await;
    assert!(woken.must() > since);
}

/// Nothing that happens between two waits is missed.
pub async fn a_change_between_two_waits_is_not_missed(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.accept(inbound("first")).await;
    let since = rig.mailbox().changed(0).await.must();
    rig.accept(inbound("second")).await;
    assert!(rig.mailbox().changed(since).await.must() > since);
}

/// A change in one process wakes a waiter in another.
pub async fn a_change_wakes_another_process(h: &dyn StoreHarness) {
    let (rig, other) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    rig.accept(inbound("first")).await;
    let since = other.mailbox().changed(0).await.must();
    let (woken, _) = join(other.mailbox().changed(since), rig.accept(inbound("second"))).await;
    assert!(woken.must() > since);
}

/// A stop wakes whoever runs the turn, so that it asks for control.
pub async fn a_stop_wakes_the_lease_holder(h: &dyn StoreHarness) {
    let (rig, other) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    let turn = rig.start("hello").await;
    let mut since = rig.mailbox().changed(0).await.must();
    let by = other.accept(stop()).await;
    while rig.mailbox().control(&turn.lease).await.must().stopped_by != Some(by) {
        since = rig.mailbox().changed(since).await.must();
    }
}

/// A waiter that gives up leaves nothing behind.
pub async fn a_dropped_wait_does_no_harm(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.accept(inbound("first")).await;
    let since = rig.mailbox().changed(0).await.must();
    {
        let (waits, other) = (pin!(rig.mailbox().changed(since)), pin!(async {}));
        assert!(matches!(select(waits, other).await, Either::Left(_) | Either::Right(_)));
    }
    let (woken, _) = join(rig.mailbox().changed(since), rig.accept(inbound("second"))).await;
    assert!(woken.must() > since);
}

/// A coalescing window that is still open tells when it ends, no later than its length from now.
pub async fn a_coalescing_window_tells_when_it_is_over(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let window = std::time::Duration::from_secs(60);
    let before = rig.now();
    rig.accept(crate::Inbound { coalesce: Some(window), ..inbound("wait for more") }).await;
    let due = rig.mailbox().next_due().await.must();
    assert!(due.is_some_and(|due| due >= before && due <= rig.now().plus(window)), "{due:?}");
}

/// Nothing is due where nothing waits for time.
pub async fn nothing_is_due_where_nothing_waits_for_time(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    assert_eq!(rig.mailbox().next_due().await.must(), None);
}
