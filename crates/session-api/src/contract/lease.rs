//! `Mailbox::lease`, `renew`, and who may lease what.

use super::{
    StoreHarness,
    fixture::{Must, Refused, Rig, command, founders, inbound, inbound_to, overrides, seconds, session},
};
use crate::{Control, Inbound, InboundState, LeaseFrom, LeasePolicy, Outcome, Runner, Turn, Writes};

fn waiting(text: &str) -> Inbound {
    Inbound { coalesce: Some(seconds(5)), ..inbound(text) }
}

async fn from_session(rig: &Rig, n: u32) -> Option<Turn> {
    rig.mailbox().lease(rig.worker, LeaseFrom::Sessions(vec![session(n)])).await.must()
}

/// There is nothing to lease where nothing was accepted.
pub async fn an_empty_mailbox_leases_nothing(h: &dyn StoreHarness) {
    Rig::open(h).await.is_idle().await;
}

/// A new turn has its rows, its first attempt, and nothing else.
pub async fn a_new_turn_begins_empty(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    assert_eq!(turn.lease.session, session(1));
    assert_eq!(turn.lease.worker, rig.worker);
    assert_eq!((turn.attempt, turn.exhausted, turn.stopped_by), (1, false, None));
    assert_eq!(turn.record, None);
    assert!(turn.absorbed.is_empty() && turn.journal.is_empty());
    assert!(turn.approvals.is_empty() && turn.drafts.is_empty());
    assert_eq!(rig.mailbox().control(&turn.lease).await.must(), Control::default());
}

/// Rows of a session are worked on in the order in which they were accepted.
pub async fn rows_of_a_session_go_in_order(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    for text in ["first", "second", "third"] {
        rig.accept(inbound(text)).await;
    }
    for text in ["first", "second", "third"] {
        let turn = rig.lease().await;
        assert_eq!(founders(&turn), [text]);
        rig.commit(&turn, Writes::default()).await;
    }
    rig.is_idle().await;
}

/// A session has one open turn; the rows behind it wait.
pub async fn a_session_has_one_open_turn(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("first").await;
    rig.accept(inbound("second")).await;
    rig.is_idle().await;
    rig.commit(&turn, Writes::default()).await;
    assert_eq!(founders(&rig.lease().await), ["second"]);
}

/// Sessions do not wait for one another.
pub async fn sessions_run_side_by_side(h: &dyn StoreHarness) {
    let (rig, other) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    rig.accept(inbound("one")).await;
    rig.accept(inbound_to(&session(2), "two")).await;
    assert_eq!(founders(&rig.lease().await), ["one"]);
    assert_eq!(founders(&other.lease().await), ["two"]);
}

/// A session that was served stands behind all that wait.
pub async fn a_served_session_stands_behind_those_that_wait(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    for text in ["a1", "a2", "a3"] {
        rig.accept(inbound(text)).await;
    }
    rig.accept(inbound_to(&session(2), "b1")).await;
    rig.accept(inbound_to(&session(3), "c1")).await;
    let mut served = Vec::new();
    while let Some(turn) = rig.try_lease().await {
        served.extend(founders(&turn).into_iter().map(str::to_owned));
        rig.commit(&turn, Writes::default()).await;
    }
    assert_eq!(served, ["a1", "b1", "c1", "a2", "a3"]);
}

/// Messages that coalesce found one turn.
pub async fn messages_that_coalesce_found_one_turn(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.accept(waiting("one")).await;
    rig.clock.advance(seconds(3));
    rig.accept(waiting("two")).await;
    rig.clock.advance(seconds(3));
    assert_eq!(founders(&rig.lease().await), ["one", "two"]);
    rig.is_idle().await;
}

/// A message that coalesces waits for its time to be over.
pub async fn a_message_waits_until_its_coalescing_time_is_over(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.accept(waiting("one")).await;
    rig.clock.advance(seconds(4));
    rig.is_idle().await;
    rig.clock.advance(seconds(2));
    assert_eq!(founders(&rig.lease().await), ["one"]);
}

/// A message waits for more only until something comes that cannot join it: that one waits for nobody but those before it.
pub async fn what_cannot_join_ends_the_wait(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    for behind in [command("/status"), inbound("two")] {
        rig.accept(waiting("one")).await;
        rig.is_idle().await;
        let text = behind.parts.first().and_then(crate::Part::as_text).must().to_owned();
        rig.accept(behind).await;
        for expected in ["one", text.as_str()] {
            let turn = rig.lease().await;
            assert_eq!(founders(&turn), [expected]);
            rig.commit(&turn, Writes::default()).await;
        }
    }
    // As well when all of them came while a turn ran.
    let turn = rig.start("running").await;
    rig.accept(waiting("one")).await;
    rig.accept(command("/status")).await;
    rig.commit(&turn, Writes::default()).await;
    assert_eq!(founders(&rig.lease().await), ["one"]);
}

/// Nothing joins a message that does not coalesce.
pub async fn nothing_joins_a_message_that_does_not_coalesce(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.accept(inbound("one")).await;
    rig.accept(waiting("two")).await;
    rig.clock.advance(seconds(6));
    assert_eq!(founders(&rig.lease().await), ["one"]);
}

/// The first row that may not join ends the list, whatever stands behind it.
pub async fn only_like_messages_directly_behind_join(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let strangers = [
        inbound("stranger"),
        Inbound { coalesce: Some(seconds(5)), ..command("/stranger") },
        Inbound { overrides: overrides("other/model"), ..waiting("stranger") },
        Inbound { runner: Runner::Only(rig.worker), ..waiting("stranger") },
    ];
    for (n, stranger) in (1..).zip(strangers) {
        let here = |row: Inbound| Inbound { session: session(n), ..row };
        for row in [waiting("one"), waiting("two"), stranger, waiting("four")] {
            rig.accept(here(row)).await;
        }
        rig.clock.advance(seconds(6));
        let turn = from_session(&rig, n).await.must();
        assert_eq!(founders(&turn), ["one", "two"], "before stranger {n}");
    }
}

/// Messages with equal runner and equal overrides coalesce.
pub async fn like_runners_and_overrides_coalesce(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    for text in ["one", "two"] {
        let runner = Runner::Only(rig.worker);
        rig.accept(Inbound { runner, overrides: overrides("a/b"), ..waiting(text) }).await;
    }
    rig.clock.advance(seconds(6));
    assert_eq!(founders(&rig.lease().await), ["one", "two"]);
}

/// Whoever names sessions gets nothing from others.
pub async fn only_named_sessions_are_leased(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.accept(inbound("one")).await;
    rig.accept(inbound_to(&session(2), "two")).await;
    assert_eq!(founders(&from_session(&rig, 2).await.must()), ["two"]);
    assert_eq!(from_session(&rig, 2).await, None);
    assert_eq!(from_session(&rig, 3).await, None);
}

/// Whoever names a session gets its descendants as well.
pub async fn descendants_of_named_sessions_are_leased(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.accept(Inbound { parent: Some(session(1)), ..inbound_to(&session(2), "child") }).await;
    rig.accept(Inbound { parent: Some(session(2)), ..inbound_to(&session(3), "grandchild") }).await;
    assert_eq!(founders(&from_session(&rig, 1).await.must()), ["child"]);
    assert_eq!(founders(&from_session(&rig, 1).await.must()), ["grandchild"]);
}

/// A row that is kept for a living worker is leased by nobody else.
pub async fn a_row_of_a_living_worker_is_its_own(h: &dyn StoreHarness) {
    let (rig, other) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    rig.accept(Inbound { runner: Runner::Only(rig.worker), ..inbound("mine") }).await;
    other.is_idle().await;
    assert_eq!(founders(&rig.lease().await), ["mine"]);
}

/// A row that was kept for a worker is anybody's when that worker is dead.
pub async fn a_row_of_a_dead_worker_is_anybodys(h: &dyn StoreHarness) {
    let (rig, other) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    rig.accept(Inbound { runner: Runner::Only(rig.worker), ..inbound("mine") }).await;
    h.kill(rig.worker).await;
    assert_eq!(founders(&other.lease().await), ["mine"]);
}

/// A lease holds for its time and is void afterwards.
pub async fn a_lease_is_void_when_its_time_has_run_out(h: &dyn StoreHarness) {
    let (rig, other) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    let turn = rig.start("hello").await;
    assert_eq!(turn.lease.expires_at, rig.now().plus(LeasePolicy::default().ttl));
    rig.clock.advance(seconds(29));
    other.is_idle().await;
    rig.clock.advance(seconds(2));
    assert_eq!(other.lease().await.lease.turn, turn.lease.turn);
}

/// Renewing extends a lease.
pub async fn renewing_extends_a_lease(h: &dyn StoreHarness) {
    let (rig, other) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    let turn = rig.start("hello").await;
    rig.clock.advance(seconds(20));
    rig.mailbox().renew(&turn.lease).await.must();
    rig.clock.advance(seconds(20));
    other.is_idle().await;
    rig.journal(&turn, "call-1").await.must();
}

/// Asking for control does not extend a lease.
pub async fn control_does_not_extend_a_lease(h: &dyn StoreHarness) {
    let (rig, other) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    let turn = rig.start("hello").await;
    rig.clock.advance(seconds(20));
    rig.mailbox().control(&turn.lease).await.must();
    rig.clock.advance(seconds(11));
    assert_eq!(other.lease().await.lease.turn, turn.lease.turn);
}

/// A void lease is refused even when nobody took the turn.
pub async fn a_void_lease_is_stale(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let id = turn.founders.first().must().inbound.id;
    rig.clock.advance(seconds(31));
    rig.mailbox().renew(&turn.lease).await.stale();
    rig.mailbox().commit(&turn.lease, Outcome::Replied, Writes::default()).await.stale();
    assert_eq!(rig.state(id).await, InboundState::Running(turn.lease.turn));
}
