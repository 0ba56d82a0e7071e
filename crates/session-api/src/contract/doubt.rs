//! Parts of which nobody knows whether they were sent.

use super::{
    StoreHarness,
    fixture::{Must, Refused, Rig, reply, seconds, sending, session, uuid},
    sending::{body, claim, claim_one, drain, sent},
};
use crate::{Draft, OnDoubt, OutboxId, OutboxMessage, PartClaim, PartId, PartState, Route, Settlement};

async fn unknown(rig: &Rig, claim: &PartClaim) {
    let settlement = Settlement::Unknown { error: "the connection broke".into() };
    rig.mailbox().settle_part(claim, settlement).await.must();
}

/// A message with a doubt policy, then another one.
async fn said_with(rig: &Rig, on_doubt: OnDoubt) -> OutboxId {
    let turn = rig.start("hello").await;
    let first = OutboxMessage { on_doubt, ..reply(&turn, "first\nrest") };
    let id = first.id;
    rig.commit(&turn, sending(vec![first, reply(&turn, "second")])).await;
    id
}

/// Whether a claim is in doubt, and whether its part may be sent all the same.
fn doubt(claim: &PartClaim) -> (bool, bool) {
    (claim.part.doubted, claim.may_resend)
}

/// The sender dies with its claim, and the next one claims the part.
async fn taken_over(h: &dyn StoreHarness, rig: &Rig, n: u64) -> (Rig, PartClaim) {
    h.kill(rig.worker).await;
    let next = Rig::open_as(h, n).await;
    let claim = claim_one(&next).await;
    (next, claim)
}

/// What was never in doubt may be sent, whatever its message says.
pub async fn a_part_that_was_never_in_doubt_may_be_sent(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    for policy in [OnDoubt::ResendOnce, OnDoubt::NeverAndTell] {
        said_with(&rig, policy).await;
        let claimed = claim_one(&rig).await;
        assert_eq!(doubt(&claimed), (false, true), "{policy:?}");
        sent(&rig, &claimed).await;
        drain(&rig).await;
    }
}

/// What a dead worker was sending is claimed again, in doubt; the old claim is void.
pub async fn a_dead_workers_part_is_claimed_again_in_doubt(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    said_with(&rig, OnDoubt::ResendOnce).await;
    let first = claim_one(&rig).await;
    let (other, again) = taken_over(h, &rig, 2).await;
    assert_eq!((again.part.id, again.part.attempts), (first.part.id, 2));
    assert_eq!(doubt(&again), (true, true));
    let late = Settlement::Sent { platform_id: None };
    other.mailbox().settle_part(&first, late).await.stale();
    sent(&other, &again).await;
    assert_eq!(drain(&other).await, ["rest", "second"]);
}

/// A part may be resent after its first doubt only. It is claimed again after each one all the same, so that the
/// platform is asked.
pub async fn a_part_may_be_resent_once(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    said_with(&rig, OnDoubt::ResendOnce).await;
    claim_one(&rig).await;
    let (second, again) = taken_over(h, &rig, 2).await;
    assert_eq!(doubt(&again), (true, true));
    let (third, again) = taken_over(h, &second, 3).await;
    assert_eq!(doubt(&again), (true, false));
    let (fourth, again) = taken_over(h, &third, 4).await;
    assert_eq!((doubt(&again), again.part.attempts), ((true, false), 4));
    sent(&fourth, &again).await;
    assert_eq!(drain(&fourth).await, ["rest", "second"]);
}

/// With never-and-tell a part in doubt is claimed again, and may not be sent again.
pub async fn never_and_tell_may_not_be_resent(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    said_with(&rig, OnDoubt::NeverAndTell).await;
    claim_one(&rig).await;
    let (other, again) = taken_over(h, &rig, 2).await;
    assert_eq!(doubt(&again), (true, false));
    sent(&other, &again).await;
    assert_eq!(drain(&other).await, ["rest", "second"]);
}

/// A sender that does not know how the sending ended puts the part in doubt: it is pending again.
pub async fn an_unknown_end_puts_a_part_in_doubt(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    for (policy, may_resend) in [(OnDoubt::ResendOnce, true), (OnDoubt::NeverAndTell, false)] {
        let id = said_with(&rig, policy).await;
        let first = claim_one(&rig).await;
        unknown(&rig, &first).await;
        let parts = rig.mailbox().parts(id).await.must();
        let part = parts.first().must();
        assert_eq!((part.state, part.doubted), (PartState::Pending, true), "{policy:?}");
        let again = claim_one(&rig).await;
        assert_eq!((again.part.id, doubt(&again)), (first.part.id, (true, may_resend)), "{policy:?}");
        sent(&rig, &again).await;
        assert_eq!(drain(&rig).await, ["rest", "second"]);
    }
}

/// When the doubt cannot be cleared either, nobody knows for good; the rest of the message goes on.
pub async fn an_unknown_end_of_a_doubted_part_is_final(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    for policy in [OnDoubt::ResendOnce, OnDoubt::NeverAndTell] {
        let id = said_with(&rig, policy).await;
        let first = claim_one(&rig).await;
        unknown(&rig, &first).await;
        let again = claim_one(&rig).await;
        unknown(&rig, &again).await;
        let parts = rig.mailbox().parts(id).await.must();
        assert_eq!(parts.first().must().state, PartState::Unknown, "{policy:?}");
        assert_eq!(drain(&rig).await, ["rest", "second"], "{policy:?}");
    }
}

/// An end that is known adds no doubt.
pub async fn a_back_off_adds_no_doubt(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    said_with(&rig, OnDoubt::ResendOnce).await;
    unknown(&rig, &claim_one(&rig).await).await;
    let again = claim_one(&rig).await;
    let settlement = Settlement::RetryAt { at: rig.now().plus(seconds(5)), error: "429".into() };
    rig.mailbox().settle_part(&again, settlement).await.must();
    assert!(claim(&rig, 10).await.is_empty());
    rig.clock.advance(seconds(6));
    assert_eq!(doubt(&claim_one(&rig).await), (true, true));
}

/// A draft whose platform id was never stored may be visible or not: its part has been in doubt once.
pub async fn a_draft_without_a_platform_id_is_in_doubt(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    for (on_doubt, may_resend) in [(OnDoubt::ResendOnce, true), (OnDoubt::NeverAndTell, false)] {
        let turn = rig.start("hello").await;
        let id = PartId(uuid());
        let hidden = Draft { id, route: Route::to_session(&session(1)), platform_id: None };
        rig.mailbox().draft(&turn.lease, hidden).await.must();
        let answer = OutboxMessage { on_doubt, drafts: vec![id], ..reply(&turn, "one\ntwo") };
        rig.commit(&turn, sending(vec![answer])).await;
        let claimed = claim_one(&rig).await;
        assert_eq!((claimed.part.id, body(&claimed)), (id, Some("one\n")));
        assert_eq!((claimed.part.platform_id.as_deref(), doubt(&claimed)), (None, (true, may_resend)));
        unknown(&rig, &claimed).await;
        let rest = claim_one(&rig).await;
        assert_eq!((body(&rest), doubt(&rest)), (Some("two"), (false, true)));
        sent(&rig, &rest).await;
    }
}
