//! What a message does when its session's turn runs.

use super::{
    StoreHarness,
    fixture::{Must, Rig, command, founders, inbound, inbound_to, session},
};
use crate::{ApprovalState, Inbound, InboundId, Outcome, RunNow, Turn, WhenBusy, Writes};

fn with(busy: WhenBusy, row: Inbound) -> Inbound {
    Inbound { busy, ..row }
}

async fn stopped_by(rig: &Rig, turn: &Turn) -> Option<InboundId> {
    rig.mailbox().control(&turn.lease).await.must().stopped_by
}

/// A message that does not steer joins no turn, and neither does what stands behind it; nothing asks to join.
pub async fn a_message_that_does_not_steer_holds_back_the_rest(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    for (n, busy) in [(1, WhenBusy::Queue), (2, WhenBusy::Interrupt)] {
        let here = |text| inbound_to(&session(n), text);
        rig.accept(here("hello")).await;
        let turn = rig.lease().await;
        let joins = rig.accept(here("joins")).await;
        let waits = rig.accept(with(busy, here("waits"))).await;
        let behind = rig.accept(here("behind")).await;
        let joined = rig.mailbox().absorb(&turn.lease).await.must();
        assert_eq!(joined.iter().map(|row| row.inbound.id).collect::<Vec<_>>(), [joins], "{busy:?}");
        assert!(!rig.mailbox().control(&turn.lease).await.must().steering, "{busy:?}");
        assert!(!rig.mailbox().renew(&turn.lease).await.must().steering, "{busy:?}");
        rig.is_pending(waits).await;
        rig.is_pending(behind).await;
    }
}

/// A message that waits for the next turn leaves the running one alone.
pub async fn a_queued_message_stops_nothing(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    rig.accept(with(WhenBusy::Queue, inbound("later"))).await;
    assert_eq!(stopped_by(&rig, &turn).await, None);
    rig.commit(&turn, Writes::default()).await;
    assert_eq!(founders(&rig.lease().await), ["later"]);
}

/// A message that interrupts stops the running turn, and founds the next one.
pub async fn an_interrupt_stops_the_turn_and_founds_the_next(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let id = rig.accept(with(WhenBusy::Interrupt, inbound("no, this"))).await;
    assert_eq!(stopped_by(&rig, &turn).await, Some(id));
    rig.is_pending(id).await;
    rig.mailbox().commit(&turn.lease, Outcome::Stopped, Writes::default()).await.must();
    let next = rig.lease().await;
    assert_eq!((founders(&next), next.stopped_by), (vec!["no, this"], None));
    assert_eq!(stopped_by(&rig, &next).await, None);
}

/// An interrupt reaches the turns of all descendants, and no other session's.
pub async fn an_interrupt_reaches_descendants_only(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.accept(inbound("hello")).await;
    rig.accept(Inbound { parent: Some(session(1)), ..inbound_to(&session(2), "child") }).await;
    rig.accept(inbound_to(&session(3), "stranger")).await;
    let turns = [rig.lease().await, rig.lease().await, rig.lease().await];
    let by = rig.accept(with(WhenBusy::Interrupt, inbound("no, this"))).await;
    for turn in turns {
        let expected = (turn.lease.session != session(3)).then_some(by);
        assert_eq!(stopped_by(&rig, &turn).await, expected, "{}", turn.lease.session);
    }
}

/// With nothing open an interrupt is a message like others; the turn that it founds at once is not stopped by it.
pub async fn an_interrupt_with_nothing_open_is_a_message(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let row = with(WhenBusy::Interrupt, inbound("hello"));
    let accepted = rig.mailbox().accept(None, vec![row].into(), Some(RunNow(rig.worker))).await.must();
    let turn = accepted.turn.must();
    assert_eq!(turn.stopped_by, None);
    assert_eq!(stopped_by(&rig, &turn).await, None);
}

/// A suspended turn that is interrupted is leased to finalize, and its questions are taken away.
pub async fn an_interrupted_suspended_turn_is_leased(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    rig.suspend(&turn).await;
    let by = rig.accept(with(WhenBusy::Interrupt, inbound("no, this"))).await;
    let again = rig.lease().await;
    assert_eq!((again.lease.turn, again.stopped_by), (turn.lease.turn, Some(by)));
    assert_eq!(again.approvals.first().must().state, ApprovalState::Superseded);
}

/// Only a message interrupts.
pub async fn nothing_else_interrupts(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    rig.accept(with(WhenBusy::Interrupt, command("/status"))).await;
    assert_eq!(stopped_by(&rig, &turn).await, None);
}
