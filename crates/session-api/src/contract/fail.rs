//! `Mailbox::fail`, back-off, and dead letters.

use super::{
    StoreHarness,
    fixture::{
        Must, Refused, Rig, command, founders, inbound, inbound_to, member, message, saying, seconds,
        session, setting, uuid,
    },
};
use crate::{
    FailOutcome, Inbound, InboundId, InboundState, LeasePolicy, Outcome, Scope, Turn, TurnState, Writes,
};

async fn fail(rig: &Rig, turn: &Turn, after: Option<u64>) -> FailOutcome {
    let at = after.map(|after| rig.now().plus(seconds(after)));
    rig.mailbox().fail(&turn.lease, "the model is down", at, Writes::default()).await.must()
}

/// A founder that died.
async fn dead(rig: &Rig) -> InboundId {
    let turn = rig.start("poison").await;
    assert_eq!(fail(rig, &turn, None).await, FailOutcome::Dead);
    turn.founders.first().must().inbound.id
}

/// Founders of a failed turn wait until the time given and are then leased again.
pub async fn founders_wait_for_their_retry(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let id = turn.founders.first().must().inbound.id;
    assert_eq!(fail(&rig, &turn, Some(60)).await, FailOutcome::Retry);
    rig.is_pending(id).await;
    rig.clock.advance(seconds(59));
    rig.is_idle().await;
    rig.clock.advance(seconds(2));
    let again = rig.lease().await;
    assert_eq!(founders(&again), ["hello"]);
    assert_eq!(again.attempt, 2);
}

/// A turn that failed is over.
pub async fn a_failed_turn_is_over(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    fail(&rig, &turn, Some(60)).await;
    rig.journal(&turn, "call-1").await.stale();
    let view = rig.mailbox().turn(turn.lease.turn).await.must().must();
    assert_eq!(view.state, TurnState::Failed);
}

/// Rows behind founders in back-off wait, commands excepted.
pub async fn back_off_holds_the_session_but_not_commands(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    fail(&rig, &turn, Some(60)).await;
    rig.accept(inbound("behind")).await;
    rig.is_idle().await;
    rig.accept(command("/status")).await;
    let status = rig.lease().await;
    assert_eq!(founders(&status), ["/status"]);
    rig.commit(&status, Writes::default()).await;
    rig.is_idle().await;
    rig.clock.advance(seconds(61));
    assert_eq!(founders(&rig.lease().await), ["hello"]);
}

/// A command that is itself in back-off waits.
pub async fn a_command_in_back_off_waits(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.accept(command("/status")).await;
    let turn = rig.lease().await;
    fail(&rig, &turn, Some(60)).await;
    rig.accept(inbound("behind")).await;
    rig.is_idle().await;
    rig.accept(command("/help")).await;
    let help = rig.lease().await;
    assert_eq!(founders(&help), ["/help"]);
    rig.commit(&help, Writes::default()).await;
    rig.is_idle().await;
    rig.clock.advance(seconds(61));
    assert_eq!(founders(&rig.lease().await), ["/status"]);
}

/// Back-off holds its own session only.
pub async fn back_off_leaves_other_sessions_alone(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    fail(&rig, &turn, Some(60)).await;
    rig.accept(inbound_to(&session(2), "elsewhere")).await;
    assert_eq!(founders(&rig.lease().await), ["elsewhere"]);
}

/// Rows that had joined are pending again at once, and nothing is held against them.
pub async fn absorbed_rows_go_back_uncharged(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let joined = rig.accept(inbound("and this")).await;
    rig.mailbox().absorb(&turn.lease).await.must();
    assert_eq!(fail(&rig, &turn, None).await, FailOutcome::Dead);
    rig.is_pending(joined).await;
    let next = rig.lease().await;
    assert_eq!(founders(&next), ["and this"]);
    assert_eq!(next.attempt, 1);
}

/// Founders without a time to retry are dead letters, and their session goes on.
pub async fn without_a_retry_founders_are_dead_letters(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let id = dead(&rig).await;
    assert_eq!(rig.state(id).await, InboundState::Dead { error: "the model is down".into() });
    let letters = rig.mailbox().dead_letters(&Scope::All, 10).await.must();
    let letter = letters.first().must();
    assert_eq!((letter.row.inbound.id, letter.error.as_str()), (id, "the model is down"));
    rig.accept(inbound("next")).await;
    assert_eq!(founders(&rig.lease().await), ["next"]);
}

/// Founders that failed as often as the policy allows are dead letters.
pub async fn founders_die_at_the_limit_of_attempts(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.accept(inbound("hello")).await;
    let limit = LeasePolicy::default().max_attempts;
    for attempt in 1..=limit {
        let turn = rig.lease().await;
        assert_eq!((turn.attempt, turn.exhausted), (attempt, false));
        let expected = if attempt < limit { FailOutcome::Retry } else { FailOutcome::Dead };
        assert_eq!(fail(&rig, &turn, Some(1)).await, expected, "attempt {attempt}");
        rig.clock.advance(seconds(2));
    }
    rig.is_idle().await;
}

/// A failure applies its writes, whether the founders live or die.
pub async fn a_failure_applies_its_writes(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    for (n, retry) in [(1, true), (2, false)] {
        rig.accept(inbound_to(&session(n), "hello")).await;
        let turn = rig.lease().await;
        let at = retry.then(|| rig.now().plus(seconds(60)));
        let notice = super::fixture::reply(&turn, "it failed");
        let key = format!("told-{n}");
        let writes = Writes { outbox: vec![notice.clone()], ..setting(&key, "yes") };
        rig.mailbox().fail(&turn.lease, "error", at, writes).await.must();
        assert_eq!(rig.value(&key).await.as_deref(), Some("yes"));
        assert_eq!(rig.mailbox().outbox(&session(n), 10).await.must(), [notice]);
    }
}

/// A failure adds nothing to the history.
pub async fn a_failure_with_messages_is_invalid(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let writes = saying(vec![message(&turn, "no")]);
    rig.mailbox().fail(&turn.lease, "error", None, writes).await.invalid();
    rig.commit(&turn, Writes::default()).await;
}

/// Dead letters are listed oldest first, within the scope and the limit.
pub async fn dead_letters_are_listed_by_scope(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    for (n, who) in [(1, "ann"), (2, "bob"), (3, "ann")] {
        rig.accept(Inbound { principal: member(who), ..inbound_to(&session(n), who) }).await;
        let turn = rig.lease().await;
        fail(&rig, &turn, None).await;
        rig.clock.advance(seconds(1));
    }
    let listed = async |scope: Scope, limit| {
        let letters = rig.mailbox().dead_letters(&scope, limit).await.must();
        letters.into_iter().map(|letter| letter.row.inbound.session).collect::<Vec<_>>()
    };
    assert_eq!(listed(Scope::All, 2).await, [session(1), session(2)]);
    assert_eq!(listed(Scope::Of(member("ann").id), 10).await, [session(1), session(3)]);
    assert_eq!(listed(Scope::Session(session(2)), 10).await, [session(2)]);
}

/// A dead letter that is driven again has all its attempts.
pub async fn a_redriven_letter_begins_anew(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let id = dead(&rig).await;
    assert!(rig.mailbox().redrive(id).await.must());
    assert!(rig.mailbox().dead_letters(&Scope::All, 10).await.must().is_empty());
    let turn = rig.lease().await;
    assert_eq!(turn.founders.first().must().inbound.id, id);
    assert_eq!((turn.attempt, turn.exhausted), (1, false));
}

/// A dead letter that is dropped was refused.
pub async fn a_dropped_letter_is_refused(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let id = dead(&rig).await;
    assert!(rig.mailbox().drop_dead_letter(id).await.must());
    rig.is_settled(id, Outcome::Refused).await;
    assert!(rig.mailbox().dead_letters(&Scope::All, 10).await.must().is_empty());
    rig.is_idle().await;
}

/// What is no dead letter is neither driven again nor dropped.
pub async fn only_dead_letters_are_redriven_or_dropped(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let waiting = rig.accept(inbound("hello")).await;
    for id in [waiting, InboundId(uuid())] {
        assert!(!rig.mailbox().redrive(id).await.must());
        assert!(!rig.mailbox().drop_dead_letter(id).await.must());
    }
    rig.is_pending(waiting).await;
}
