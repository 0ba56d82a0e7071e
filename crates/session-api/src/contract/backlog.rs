//! `Mailbox::backlog`.

use super::{
    StoreHarness,
    fixture::{Must, Rig, inbound, inbound_to, notice, seconds, sending, session},
    sending::{claim_one, sent},
};
use crate::{Backlog, Delivery, OutboxMessage, Settlement, Timestamp, Writes};

async fn backlog(rig: &Rig) -> Backlog {
    rig.mailbox().backlog().await.must()
}

/// Where nothing happened, nothing waits.
pub async fn an_empty_mailbox_has_no_backlog(h: &dyn StoreHarness) {
    assert_eq!(backlog(&Rig::open(h).await).await, Backlog::default());
}

/// Rows and turns are counted where they stand.
pub async fn a_backlog_counts_rows_and_turns(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let oldest = rig.now();
    for (n, text) in [(1, "runs"), (2, "asks"), (3, "dies"), (4, "ends"), (5, "is orphaned")] {
        rig.accept(inbound_to(&session(n), text)).await;
    }
    let five = Backlog { pending: 5, oldest_pending: Some(oldest), ..Backlog::default() };
    assert_eq!(backlog(&rig).await, five);
    rig.lease().await;
    rig.suspend(&rig.lease().await).await;
    let dies = rig.lease().await;
    rig.mailbox().fail(&dies.lease, "poison", None, Writes::default()).await.must();
    let ends = rig.lease().await;
    rig.commit(&ends, Writes::default()).await;
    let other = Rig::open_as(h, 2).await;
    other.lease().await;
    h.kill(other.worker).await;
    rig.clock.advance(seconds(1));
    let first = rig.now();
    rig.accept(inbound("waits")).await;
    rig.clock.advance(seconds(1));
    rig.accept(inbound_to(&session(2), "waits as well")).await;
    let expected = Backlog {
        pending: 2,
        oldest_pending: Some(first),
        running: 2,
        suspended: 1,
        dead: 1,
        ..Backlog::default()
    };
    assert_eq!(backlog(&rig).await, expected);
}

/// Outgoing messages count until nothing of them is left to send; those that are fetched never do.
pub async fn a_backlog_counts_what_is_unsent(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let said = |text, at| OutboxMessage { at: Timestamp(at), ..notice(&session(1), text) };
    let pulled = OutboxMessage { delivery: Delivery::Pull, ..said("pulled", 3) };
    rig.commit(&turn, sending(vec![pulled, said("one\ntwo", 5), said("three", 7)])).await;
    let waits = |unsent, oldest: Option<i64>| Backlog {
        unsent,
        oldest_unsent: oldest.map(Timestamp),
        ..Backlog::default()
    };
    assert_eq!(backlog(&rig).await, waits(2, Some(5)));
    let one = claim_one(&rig).await;
    assert_eq!(backlog(&rig).await, waits(2, Some(5)));
    sent(&rig, &one).await;
    assert_eq!(backlog(&rig).await, waits(2, Some(5)));
    sent(&rig, &claim_one(&rig).await).await;
    assert_eq!(backlog(&rig).await, waits(1, Some(7)));
    let refused = Settlement::Failed { error: "403".into() };
    rig.mailbox().settle_part(&claim_one(&rig).await, refused).await.must();
    assert_eq!(backlog(&rig).await, Backlog::default());
}
