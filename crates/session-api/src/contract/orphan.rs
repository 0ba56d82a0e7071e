//! Turns whose worker died or lost its lease.

use super::{
    StoreHarness,
    fixture::{
        Must, Refused, Rig, asking, founders, inbound, inbound_to, question, record, seconds, session,
        setting, step, uuid,
    },
};
use crate::{
    Draft, Inbound, InboundId, LeasePolicy, Outcome, PartId, Rank, Route, Step, StepKind, Turn, Writes,
};

/// The worker that holds the turn dies and the next one takes it.
async fn next(h: &dyn StoreHarness, n: &mut u64) -> (Rig, Turn) {
    h.kill(super::fixture::worker(*n)).await;
    *n += 1;
    let rig = Rig::open_as(h, *n).await;
    let turn = rig.lease().await;
    (rig, turn)
}

fn ids(turn: &Turn) -> Vec<InboundId> {
    turn.founders.iter().map(|row| row.inbound.id).collect()
}

/// A turn that is taken up again has its rows and never more.
pub async fn an_orphaned_turn_keeps_its_founders(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let like = |text| Inbound { coalesce: Some(seconds(5)), ..inbound(text) };
    rig.accept(like("one")).await;
    rig.accept(like("two")).await;
    rig.clock.advance(seconds(6));
    let turn = rig.lease().await;
    rig.accept(like("three")).await;
    rig.clock.advance(seconds(6));
    let (_, again) = next(h, &mut 1).await;
    assert_eq!(again.lease.turn, turn.lease.turn);
    assert_eq!(ids(&again), ids(&turn));
    assert_eq!(again.started_at, turn.started_at);
}

/// A turn that is taken up again has its record, its journal and its values.
pub async fn an_orphaned_turn_keeps_its_record_and_journal(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let writes = |body: &str| Writes { record: Some(record(body)), ..setting("seen", body) };
    rig.mailbox().journal(&turn.lease, step("call-1"), writes("one")).await.must();
    rig.mailbox().journal(&turn.lease, step("call-2"), writes("two")).await.must();
    let (other, again) = next(h, &mut 1).await;
    assert_eq!(again.record, Some(record("two")));
    let steps: Vec<(u64, Step)> = again.journal.iter().map(|e| (e.no, e.step.clone())).collect();
    assert_eq!(steps, [(0, step("call-1")), (1, step("call-2"))]);
    assert_eq!(other.value("seen").await.as_deref(), Some("two"));
}

/// Rows that joined a turn stay with it.
pub async fn an_orphaned_turn_keeps_what_it_absorbed(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let joined = rig.accept(inbound("and this")).await;
    rig.mailbox().absorb(&turn.lease).await.must();
    let (other, again) = next(h, &mut 1).await;
    let absorbed: Vec<InboundId> = again.absorbed.iter().map(|row| row.inbound.id).collect();
    assert_eq!(absorbed, [joined]);
    other.commit(&again, Writes::default()).await;
    other.is_settled(joined, Outcome::Replied).await;
}

/// What a turn shows already is known to whoever takes it up.
pub async fn an_orphaned_turn_keeps_its_drafts(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let route = Route::to_session(&session(1));
    let mut draft = Draft { id: PartId(uuid()), route, platform_id: None };
    rig.mailbox().draft(&turn.lease, draft.clone()).await.must();
    draft.platform_id = Some("42".into());
    rig.mailbox().draft(&turn.lease, draft.clone()).await.must();
    let (_, again) = next(h, &mut 1).await;
    assert_eq!(again.drafts, [draft]);
}

/// A turn that was begun comes before rows that wait.
pub async fn an_orphaned_turn_comes_first(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.accept(inbound_to(&session(2), "older")).await;
    rig.accept(inbound("begun")).await;
    let older = rig.lease().await;
    let begun = rig.lease().await;
    rig.commit(&older, Writes::default()).await;
    rig.accept(inbound_to(&session(3), "newer")).await;
    let (_, again) = next(h, &mut 1).await;
    assert_eq!(founders(&again), founders(&begun));
}

/// Each lease of a turn has a greater token.
pub async fn each_lease_has_a_greater_token(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let mut before = rig.start("hello").await;
    let mut n = 1;
    for _ in 0..3 {
        let (_, again) = next(h, &mut n).await;
        assert!(again.lease.token > before.lease.token);
        before = again;
    }
}

/// Whoever lost its lease can do nothing with it.
pub async fn a_lost_lease_is_refused_by_every_verb(h: &dyn StoreHarness) {
    let (rig, other) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    let turn = rig.start("hello").await;
    rig.accept(inbound("more")).await;
    rig.clock.advance(seconds(31));
    let taken = other.lease().await;
    let (mailbox, old) = (rig.mailbox(), &turn.lease);
    let writes = || setting("by", "the loser");
    mailbox.journal(old, step("call-1"), writes()).await.stale();
    let asked = question(&turn, Rank::Owner);
    mailbox.suspend(old, Writes { kv: writes().kv, ..asking(&[asked]) }).await.stale();
    mailbox.commit(old, Outcome::Replied, writes()).await.stale();
    mailbox.fail(old, "lost", Some(rig.now()), writes()).await.stale();
    mailbox.absorb(old).await.stale();
    mailbox.renew(old).await.stale();
    mailbox.control(old).await.stale();
    let route = Route::to_session(&session(1));
    mailbox.draft(old, Draft { id: PartId(uuid()), route, platform_id: None }).await.stale();
    assert_eq!(rig.value("by").await, None);
    let view = other.mailbox().turn(taken.lease.turn).await.must().must();
    assert!(view.journal.is_empty());
    other.commit(&taken, Writes::default()).await;
}

/// An attempt is counted before the work begins.
pub async fn attempts_are_counted(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.start("hello").await;
    let mut n = 1;
    for attempt in 2..=LeasePolicy::default().max_attempts {
        let (_, turn) = next(h, &mut n).await;
        assert_eq!((turn.attempt, turn.exhausted), (attempt, false));
    }
}

/// A turn whose attempts were used up says so.
pub async fn a_turn_past_its_attempts_is_exhausted(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.start("hello").await;
    let mut n = 1;
    for _ in 1..LeasePolicy::default().max_attempts {
        let (_, turn) = next(h, &mut n).await;
        assert!(!turn.exhausted);
    }
    let (rig, turn) = next(h, &mut n).await;
    assert!(turn.exhausted);
    let id = turn.founders.first().must().inbound.id;
    let outcome = rig.mailbox().fail(&turn.lease, "it crashes", Some(rig.now()), Writes::default()).await;
    assert_eq!(outcome.must(), crate::FailOutcome::Dead);
    assert!(matches!(rig.state(id).await, crate::InboundState::Dead { .. }));
}

/// A step in the journal is progress.
pub async fn a_journalled_step_resets_the_attempts(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.start("hello").await;
    let mut n = 1;
    let (rig, turn) = next(h, &mut n).await;
    assert_eq!(turn.attempt, 2);
    rig.journal(&turn, "call-1").await.must();
    let (_, again) = next(h, &mut n).await;
    assert_eq!(again.attempt, 1);
}

/// That a turn was taken up again is no progress.
pub async fn taking_a_turn_up_again_is_no_progress(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.start("hello").await;
    let mut n = 1;
    let (rig, turn) = next(h, &mut n).await;
    let resumed = Step { kind: StepKind::Resumed { reason: "its worker died".into() }, durable: false };
    rig.mailbox().journal(&turn.lease, resumed, Writes::default()).await.must();
    let (_, again) = next(h, &mut n).await;
    assert_eq!(again.attempt, 3);
}

/// A suspension is progress.
pub async fn a_suspension_resets_the_attempts(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.start("hello").await;
    let (rig, turn) = next(h, &mut 1).await;
    assert_eq!(turn.attempt, 2);
    let asked = rig.suspend(&turn).await;
    rig.accept(super::fixture::answer(asked.id, crate::Decision::Allow)).await;
    assert_eq!(rig.lease().await.attempt, 1);
}
