//! `Mailbox::absorb`: steering a running turn.

use super::{
    StoreHarness,
    fixture::{Must, Rig, command, founders, inbound, overrides, session, uuid},
};
use crate::{Inbound, InboundId, InboundKind, InboundState, Runner, StepKind, Turn, TurnId, Writes};

async fn absorb(rig: &Rig, turn: &Turn) -> Vec<InboundId> {
    let rows = rig.mailbox().absorb(&turn.lease).await.must();
    rows.iter().map(|row| row.inbound.id).collect()
}

/// Messages and results of the session join its running turn, in order, once.
pub async fn messages_and_results_join_a_running_turn(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let said = rig.accept(inbound("and this")).await;
    let child = TurnId(uuid());
    let result = rig.accept(Inbound { kind: InboundKind::Result { child }, ..inbound("found") }).await;
    rig.accept(super::fixture::inbound_to(&session(2), "elsewhere")).await;
    assert_eq!(absorb(&rig, &turn).await, [said, result]);
    assert_eq!(rig.state(said).await, InboundState::Running(turn.lease.turn));
    assert!(absorb(&rig, &turn).await.is_empty());
}

/// Where nothing waits, nothing joins.
pub async fn nothing_joins_where_nothing_waits(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    assert!(absorb(&rig, &turn).await.is_empty());
}

/// The journal holds which rows joined.
pub async fn the_journal_names_what_joined(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let said = rig.accept(inbound("and this")).await;
    absorb(&rig, &turn).await;
    let view = rig.mailbox().turn(turn.lease.turn).await.must().must();
    let kinds: Vec<&StepKind> = view.journal.iter().map(|entry| &entry.step.kind).collect();
    assert_eq!(kinds, [&StepKind::Absorbed { inbound: vec![said] }]);
}

/// The first row that may not join holds back the rows behind it.
pub async fn what_may_not_join_holds_back_the_rest(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    h.open(super::fixture::worker(2)).await;
    let strangers = [
        command("/status"),
        Inbound { overrides: overrides("a/b"), ..inbound("with another model") },
        Inbound { runner: Runner::Only(super::fixture::worker(2)), ..inbound("for another worker") },
    ];
    for (n, stranger) in (1..).zip(strangers) {
        let here = |row: Inbound| Inbound { session: session(n), ..row };
        rig.accept(here(inbound("hello"))).await;
        let turn = rig.lease().await;
        let joins = rig.accept(here(inbound("joins"))).await;
        rig.accept(here(stranger)).await;
        let behind = rig.accept(here(inbound("behind"))).await;
        assert_eq!(absorb(&rig, &turn).await, [joins], "before stranger {n}");
        rig.is_pending(behind).await;
    }
}

/// Rows that are kept for the worker that runs the turn join it.
pub async fn rows_of_the_same_worker_join(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let own = rig.accept(Inbound { runner: Runner::Only(rig.worker), ..inbound("mine") }).await;
    assert_eq!(absorb(&rig, &turn).await, [own]);
}

/// A lease holder learns that somebody waits to join.
pub async fn control_tells_of_rows_that_would_join(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    rig.accept(inbound("and this")).await;
    assert!(rig.mailbox().control(&turn.lease).await.must().steering);
    assert!(rig.mailbox().renew(&turn.lease).await.must().steering);
    absorb(&rig, &turn).await;
    rig.accept(command("/status")).await;
    assert!(!rig.mailbox().control(&turn.lease).await.must().steering);
}

/// A row that did not join waits for the next turn.
pub async fn what_did_not_join_is_leased_next(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    rig.accept(command("/status")).await;
    absorb(&rig, &turn).await;
    rig.commit(&turn, Writes::default()).await;
    assert_eq!(founders(&rig.lease().await), ["/status"]);
}
