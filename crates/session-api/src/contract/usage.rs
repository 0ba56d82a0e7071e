//! `UsageLedger`, and how `Writes` settles it.

use super::{
    StoreHarness,
    fixture::{Must, Rig, inbound_to, member, seconds, session, step, uuid},
};
use std::time::Duration;

use crate::{
    Batch, Cap, CapOf, Inbound, JOB_RESERVATION, Purpose, Reservation, ReservationId, Reserve, Scope,
    Timestamp, Turn, UsageBy, UsageEntry, UsageTotal, Writes,
};

const DAY: i64 = 86_400_000;

fn reserve(turn: &Turn, ceiling_micros: u64, caps: Vec<Cap>) -> Reserve {
    Reserve {
        id: ReservationId(uuid()),
        at: Timestamp(DAY),
        session: turn.lease.session.clone(),
        turn: turn.lease.turn,
        principal: member("ann").id,
        purpose: Purpose::Chat,
        model: "a/b".into(),
        ceiling_micros,
        caps,
    }
}

fn cap(limit_micros: u64) -> Cap {
    Cap { name: "day".into(), of: CapOf::All, since: Timestamp(DAY), limit_micros }
}

fn entry(turn: &Turn, reservation: Option<ReservationId>, cost_micros: Option<u64>) -> UsageEntry {
    UsageEntry {
        reservation,
        at: Timestamp(DAY),
        session: turn.lease.session.clone(),
        turn: turn.lease.turn,
        principal: member("ann").id,
        purpose: Purpose::Chat,
        provider: "a".into(),
        model: "a/b".into(),
        input_tokens: 100,
        cached_tokens: 40,
        output_tokens: 10,
        estimated: false,
        cost_micros,
    }
}

async fn ask(rig: &Rig, turn: &Turn, ceiling: u64, caps: Vec<Cap>) -> Reservation {
    rig.stores.usage.reserve(reserve(turn, ceiling, caps)).await.must()
}

async fn granted(rig: &Rig, turn: &Turn, ceiling: u64, limit: u64) -> ReservationId {
    let request = reserve(turn, ceiling, vec![cap(limit)]);
    let id = request.id;
    assert_eq!(rig.stores.usage.reserve(request).await.must(), Reservation::Granted(id));
    id
}

async fn spend(rig: &Rig, turn: &Turn, usage: Vec<UsageEntry>) {
    rig.mailbox().journal(&turn.lease, step("call-1"), Writes { usage, ..Writes::default() }).await.must();
}

fn refused(used_micros: u64, limit_micros: u64) -> Reservation {
    Reservation::Refused { cap: "day".into(), used_micros, limit_micros }
}

/// A reservation counts at its ceiling until it is settled, so that two cannot pass a limit together.
pub async fn open_reservations_count_at_their_ceiling(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    granted(&rig, &turn, 60, 100).await;
    assert_eq!(ask(&rig, &turn, 50, vec![cap(100)]).await, refused(60, 100));
    granted(&rig, &turn, 40, 100).await;
}

/// What a job that is no turn reserved and nobody settled is spent after a while, and stands on the bill; that of an open turn
/// still waits, and the job's own figures come too late then.
pub async fn a_reservation_of_a_dead_job_is_spent_after_a_while(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let job = Reserve {
        turn: crate::TurnId(uuid()),
        purpose: Purpose::Compaction,
        ..reserve(&turn, 60, vec![cap(1_000)])
    };
    rig.stores.usage.reserve(job.clone()).await.must();
    granted(&rig, &turn, 10, 1_000).await;
    let spent = async || {
        let totals = rig.stores.usage.usage_totals(&Scope::All, Timestamp(0), UsageBy::Purpose).await.must();
        totals.into_iter().map(|total| (total.group, total.calls, total.cost_micros)).collect::<Vec<_>>()
    };
    let later =
        |after: Duration| Reserve { at: Timestamp(DAY).plus(after), ..reserve(&turn, 5, vec![cap(75)]) };
    rig.stores.usage.reserve(later(JOB_RESERVATION)).await.must();
    assert_eq!(spent().await, []);
    let next = rig.stores.usage.reserve(later(JOB_RESERVATION + Duration::from_secs(1))).await.must();
    assert_eq!(next, refused(75, 75), "it counts as it did");
    let bill = [("compaction".to_owned(), 1, 60)];
    assert_eq!(spent().await, bill);
    let late = UsageEntry { turn: job.turn, ..entry(&turn, Some(job.id), Some(7)) };
    spend(&rig, &turn, vec![late]).await;
    assert_eq!(spent().await, bill);
}

/// A refused request reserves nothing.
pub async fn a_refused_request_reserves_nothing(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let caps = vec![cap(1000), Cap { name: "turn".into(), of: CapOf::Turn(turn.lease.turn), ..cap(50) }];
    let answer = ask(&rig, &turn, 60, caps).await;
    let expected = Reservation::Refused { cap: "turn".into(), used_micros: 0, limit_micros: 50 };
    assert_eq!(answer, expected);
    granted(&rig, &turn, 100, 100).await;
}

/// A settled reservation counts at what it cost.
pub async fn a_settled_reservation_counts_at_its_cost(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let id = granted(&rig, &turn, 90, 100).await;
    spend(&rig, &turn, vec![entry(&turn, Some(id), Some(10))]).await;
    assert_eq!(ask(&rig, &turn, 91, vec![cap(100)]).await, refused(10, 100));
    granted(&rig, &turn, 90, 100).await;
}

/// A reservation is settled once.
pub async fn a_reservation_is_settled_once(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let id = granted(&rig, &turn, 90, 100).await;
    for _ in 0..2 {
        spend(&rig, &turn, vec![entry(&turn, Some(id), Some(10))]).await;
    }
    assert_eq!(ask(&rig, &turn, 100, vec![cap(100)]).await, refused(10, 100));
}

/// What was spent before a limit's time does not count against it, nor what another turn spent against a turn's limit.
pub async fn a_limit_counts_its_time_and_its_turn(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    spend(&rig, &turn, vec![entry(&turn, None, Some(70))]).await;
    let later = Cap { since: Timestamp(DAY + 1), ..cap(100) };
    let other = Cap { of: CapOf::Turn(crate::TurnId(uuid())), ..cap(100) };
    let this = Cap { of: CapOf::Turn(turn.lease.turn), ..cap(100) };
    assert!(matches!(ask(&rig, &turn, 0, vec![later, other]).await, Reservation::Granted(_)));
    assert_eq!(ask(&rig, &turn, 60, vec![this]).await, refused(70, 100));
}

/// A reservation that its turn left open counts as spent once the turn is taken up again or settled.
pub async fn an_abandoned_reservation_counts_as_spent(h: &dyn StoreHarness) {
    let (rig, other) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    let turn = rig.start("hello").await;
    granted(&rig, &turn, 30, 100).await;
    rig.clock.advance(seconds(31));
    let again = other.lease().await;
    assert_eq!(ask(&other, &again, 80, vec![cap(100)]).await, refused(30, 100));
    granted(&other, &again, 20, 100).await;
    other.commit(&again, Writes::default()).await;
    assert_eq!(ask(&other, &again, 60, vec![cap(100)]).await, refused(50, 100));
}

/// Sums are by group name and count what has no price.
pub async fn totals_sum_up_by_group(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let early = UsageEntry { at: Timestamp(0), ..entry(&turn, None, Some(1000)) };
    let other = UsageEntry {
        at: Timestamp(2 * DAY),
        model: "c/d".into(),
        purpose: Purpose::Compaction,
        ..entry(&turn, None, None)
    };
    let usage = vec![early, entry(&turn, None, Some(5)), entry(&turn, None, Some(7)), other];
    spend(&rig, &turn, usage).await;
    let session = session(1).to_string();
    let cases = [
        (UsageBy::Day, vec!["1970-01-02", "1970-01-03"]),
        (UsageBy::Model, vec!["a/b", "c/d"]),
        (UsageBy::Purpose, vec!["chat", "compaction"]),
        (UsageBy::Session, vec![session.as_str()]),
    ];
    for (by, groups) in cases {
        let totals = rig.stores.usage.usage_totals(&Scope::All, Timestamp(DAY), by).await.must();
        assert_eq!(totals.iter().map(|total| total.group.as_str()).collect::<Vec<_>>(), groups);
        let calls: u64 = totals.iter().map(|total| total.calls).sum();
        assert_eq!(calls, 3, "{by:?}");
    }
    let by_day = rig.stores.usage.usage_totals(&Scope::All, Timestamp(DAY), UsageBy::Day).await.must();
    let expected = UsageTotal {
        group: "1970-01-02".into(),
        calls: 2,
        input_tokens: 200,
        cached_tokens: 80,
        output_tokens: 20,
        cost_micros: 12,
        unpriced_calls: 0,
    };
    assert_eq!(by_day.first(), Some(&expected));
    assert_eq!(by_day.last().must().unpriced_calls, 1);
}

/// Sums are of what lies within the scope.
pub async fn totals_keep_to_their_scope(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    for (n, who) in [(1, "ann"), (2, "bob")] {
        rig.accept(Inbound { principal: member(who), ..inbound_to(&session(n), "hello") }).await;
        let turn = rig.lease().await;
        spend(&rig, &turn, vec![entry(&turn, None, Some(5))]).await;
    }
    for (scope, groups) in [
        (Scope::Of(member("ann").id), vec![session(1).to_string()]),
        (Scope::Session(session(2)), vec![session(2).to_string()]),
        (Scope::Of(member("eve").id), vec![]),
    ] {
        let totals = rig.stores.usage.usage_totals(&scope, Timestamp(0), UsageBy::Session).await.must();
        assert_eq!(totals.into_iter().map(|total| total.group).collect::<Vec<_>>(), groups);
    }
}

/// The usage of a deleted session goes with it.
pub async fn a_deletion_takes_the_usage(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    spend(&rig, &turn, vec![entry(&turn, None, Some(5))]).await;
    rig.commit(&turn, Writes::default()).await;
    rig.stores.sessions.delete_session(&Scope::All, &session(1)).await.must();
    let totals = rig.stores.usage.usage_totals(&Scope::All, Timestamp(0), UsageBy::Model).await.must();
    assert!(totals.is_empty());
}

/// A limit of a session counts what was spent and reserved in it and in those that it started, over all their turns, and
/// nothing else.
pub async fn a_limit_counts_a_session_with_those_it_started(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let below = |number| Cap { of: CapOf::Below(session(number)), ..cap(100) };
    let child =
        |number, parent| Inbound { parent: Some(session(parent)), ..inbound_to(&session(number), "task") };
    for (number, parent) in [(2, 1), (3, 2), (4, 1)] {
        rig.mailbox().accept(None, Batch::from(vec![child(number, parent)]), None).await.must();
    }
    let of = |number| UsageEntry { session: session(number), ..entry(&turn, None, Some(20)) };
    spend(&rig, &turn, vec![of(1), of(2), of(3), of(3), of(4)]).await;
    let open = Reserve { session: session(3), ..reserve(&turn, 5, vec![]) };
    assert!(matches!(rig.stores.usage.reserve(open).await.must(), Reservation::Granted(_)));
    for (number, used) in [(1, 105), (2, 65), (3, 45), (4, 20), (9, 0)] {
        let answer = ask(&rig, &turn, 101, vec![below(number)]).await;
        assert_eq!(answer, refused(used, 100), "{number}");
    }
}
