//! Questions: who answers them, how they end, who sees them.

use super::{
    StoreHarness,
    fixture::{Must, Rig, answer, asking, inbound, inbound_to, member, question, seconds, session},
};
use crate::{
    Approval, ApprovalId, ApprovalState, Decision, Inbound, InboundState, Outcome, Rank, Scope, Settled, Turn,
};

fn states(turn: &Turn) -> Vec<ApprovalState> {
    turn.approvals.iter().map(|asked| asked.state).collect()
}

async fn open(rig: &Rig, scope: &Scope) -> Vec<ApprovalId> {
    let asked = rig.mailbox().approvals(scope, true).await.must();
    asked.iter().map(|asked| asked.id).collect()
}

async fn suspend_for(rig: &Rig, turn: &Turn, needs: &[Rank]) -> Vec<Approval> {
    let asked: Vec<Approval> = needs.iter().map(|rank| question(turn, *rank)).collect();
    rig.mailbox().suspend(&turn.lease, asking(&asked)).await.must();
    asked
}

/// An answer settles the question, is settled by that, and makes the turn leasable.
pub async fn an_answer_resumes_the_turn(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    for (decision, state) in
        [(Decision::Allow, ApprovalState::Allowed), (Decision::Deny, ApprovalState::Denied)]
    {
        let turn = rig.start("hello").await;
        let asked = rig.suspend(&turn).await;
        let row = rig.accept(answer(asked.id, decision)).await;
        let settled = rig.state(row).await;
        assert!(matches!(settled, InboundState::Settled(Settled { turn: None, .. })), "{settled:?}");
        let again = rig.lease().await;
        assert_eq!(again.lease.turn, turn.lease.turn);
        assert_eq!(states(&again), [state]);
        rig.commit(&again, crate::Writes::default()).await;
    }
}

/// An answer is matched by the question's id, whatever session it came from.
pub async fn an_answer_may_come_from_another_session(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let asked = rig.suspend(&turn).await;
    rig.accept(Inbound { session: session(2), ..answer(asked.id, Decision::Allow) }).await;
    assert_eq!(states(&rig.lease().await), [ApprovalState::Allowed]);
}

/// An answer of too low a rank settles nothing and stays a row.
pub async fn an_answer_of_too_low_a_rank_stays_a_row(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let asked = rig.suspend(&turn).await;
    let row = Inbound { principal: member("ann"), ..answer(asked.id, Decision::Allow) };
    let id = rig.accept(row).await;
    rig.is_pending(id).await;
    rig.is_idle().await;
    assert_eq!(open(&rig, &Scope::All).await, [asked.id]);
}

/// The least rank that may answer is enough.
pub async fn an_answer_of_the_least_rank_counts(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let asked = suspend_for(&rig, &turn, &[Rank::Member]).await;
    let id = asked.first().must().id;
    rig.accept(Inbound { principal: member("ann"), ..answer(id, Decision::Allow) }).await;
    assert_eq!(states(&rig.lease().await), [ApprovalState::Allowed]);
}

/// A turn waits for all its questions.
pub async fn a_turn_waits_for_all_its_questions(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let asked = suspend_for(&rig, &turn, &[Rank::Owner, Rank::Owner]).await;
    let ids: Vec<ApprovalId> = asked.iter().map(|asked| asked.id).collect();
    rig.accept(answer(*ids.first().must(), Decision::Allow)).await;
    rig.is_idle().await;
    rig.accept(answer(*ids.last().must(), Decision::Deny)).await;
    assert_eq!(states(&rig.lease().await), [ApprovalState::Allowed, ApprovalState::Denied]);
}

/// A question that nobody answers in time counts as denied, and its turn goes on.
pub async fn an_unanswered_question_expires(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    rig.suspend(&turn).await;
    rig.clock.advance(seconds(599));
    rig.is_idle().await;
    rig.clock.advance(seconds(2));
    assert!(open(&rig, &Scope::All).await.is_empty());
    assert_eq!(states(&rig.lease().await), [ApprovalState::Expired]);
}

/// An answer that comes too late stays a row.
pub async fn a_late_answer_stays_a_row(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let asked = rig.suspend(&turn).await;
    rig.clock.advance(seconds(601));
    let id = rig.accept(answer(asked.id, Decision::Allow)).await;
    rig.is_pending(id).await;
    assert_eq!(states(&rig.lease().await), [ApprovalState::Expired]);
}

/// The first answer stands; a second one stays a row.
pub async fn a_second_answer_stays_a_row(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let asked = rig.suspend(&turn).await;
    rig.accept(answer(asked.id, Decision::Deny)).await;
    let id = rig.accept(answer(asked.id, Decision::Allow)).await;
    rig.is_pending(id).await;
    assert_eq!(states(&rig.lease().await), [ApprovalState::Denied]);
}

/// An answer to a question that was never asked is a row like others.
pub async fn an_answer_to_an_unknown_question_stays_a_row(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let id = rig.accept(answer(ApprovalId(super::fixture::uuid()), Decision::Allow)).await;
    assert_eq!(rig.lease().await.founders.first().must().inbound.id, id);
}

/// A message of somebody who may answer takes the question away and waits to join.
pub async fn a_message_supersedes_open_questions(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    rig.suspend(&turn).await;
    let id = rig.accept(inbound("do something else")).await;
    rig.is_pending(id).await;
    let again = rig.lease().await;
    assert_eq!(again.lease.turn, turn.lease.turn);
    assert_eq!(states(&again), [ApprovalState::Superseded]);
}

/// Only somebody who may answer supersedes, only with a message, and only in the same session.
pub async fn nothing_else_supersedes(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let asked = rig.suspend(&turn).await;
    rig.accept(Inbound { principal: member("ann"), ..inbound("me too") }).await;
    rig.accept(super::fixture::command("/status")).await;
    rig.accept(Inbound { principal: member("ann"), ..inbound_to(&session(2), "elsewhere") }).await;
    assert_eq!(open(&rig, &Scope::All).await, [asked.id]);
    assert_eq!(rig.lease().await.lease.session, session(2));
    rig.is_idle().await;
}

/// Open questions are listed oldest first, within the scope; settled ones only on request.
pub async fn questions_are_listed_by_scope(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let mut asked = Vec::new();
    for (n, who) in [(1, "ann"), (2, "bob"), (3, "ann")] {
        rig.accept(Inbound { principal: member(who), ..inbound_to(&session(n), "hello") }).await;
        let turn = rig.lease().await;
        asked.push(rig.suspend(&turn).await.id);
        rig.clock.advance(seconds(1));
    }
    let [first, second, third] = asked.as_slice() else { return assert_eq!(asked.len(), 3) };
    assert_eq!(open(&rig, &Scope::All).await, [*first, *second, *third]);
    assert_eq!(open(&rig, &Scope::Of(member("ann").id)).await, [*first, *third]);
    assert_eq!(open(&rig, &Scope::Session(session(2))).await, [*second]);
    rig.accept(answer(*first, Decision::Deny)).await;
    assert_eq!(open(&rig, &Scope::Session(session(1))).await, []);
    let all = rig.mailbox().approvals(&Scope::Session(session(1)), false).await.must();
    assert_eq!(all.first().must().state, ApprovalState::Denied);
}

/// No question is open once its turn has ended.
pub async fn an_ended_turn_leaves_no_open_question(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    rig.suspend(&turn).await;
    rig.accept(super::fixture::stop()).await;
    let again = rig.lease().await;
    rig.mailbox().commit(&again.lease, Outcome::Stopped, crate::Writes::default()).await.must();
    assert!(open(&rig, &Scope::All).await.is_empty());
}
