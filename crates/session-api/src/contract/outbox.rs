//! Pulled messages and drafts.

use super::{
    StoreHarness,
    fixture::{Must, Rig, inbound, reply, seconds, sending, session, uuid},
    sending::{body, claim, claim_one, sent},
};
use crate::{Delivery, Draft, OutboxMessage, PartId, Route, Turn, Writes};

async fn draft(rig: &Rig, turn: &Turn, platform_id: &str) -> PartId {
    let id = PartId(uuid());
    let route = Route::to_session(&session(1));
    let shown = Draft { id, route, platform_id: Some(platform_id.into()) };
    rig.mailbox().draft(&turn.lease, shown).await.must();
    id
}

/// What its reader fetches is never given to a sender.
pub async fn a_pulled_message_is_never_claimed(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let pulled = OutboxMessage { delivery: Delivery::Pull, ..reply(&turn, "pulled") };
    rig.commit(&turn, sending(vec![pulled, reply(&turn, "pushed")])).await;
    assert_eq!(body(&claim_one(&rig).await), Some("pushed"));
}

/// A draft is not sent by the dispatcher.
pub async fn a_draft_is_not_claimed(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    draft(&rig, &turn, "41").await;
    assert!(claim(&rig, 10).await.is_empty());
}

/// An answer takes its drafts over: the first parts by editing them, the rest as new messages.
pub async fn an_answer_edits_its_drafts(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let shown = draft(&rig, &turn, "41").await;
    let answer = OutboxMessage { drafts: vec![shown], ..reply(&turn, "one\ntwo") };
    rig.commit(&turn, sending(vec![answer])).await;
    for (text, platform_id) in [("one\n", Some("41")), ("two", None)] {
        let claimed = claim_one(&rig).await;
        assert_eq!((body(&claimed), claimed.part.platform_id.as_deref()), (Some(text), platform_id));
        sent(&rig, &claimed).await;
    }
    assert!(claim(&rig, 10).await.is_empty());
}

/// Drafts that the answer does not need are deleted from the platform.
pub async fn drafts_left_over_are_deleted(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let drafts = vec![draft(&rig, &turn, "41").await, draft(&rig, &turn, "42").await];
    rig.commit(&turn, sending(vec![OutboxMessage { drafts, ..reply(&turn, "short") }])).await;
    for (text, platform_id) in [(Some("short"), "41"), (None, "42")] {
        let claimed = claim_one(&rig).await;
        assert_eq!((body(&claimed), claimed.part.platform_id.as_deref()), (text, Some(platform_id)));
        sent(&rig, &claimed).await;
    }
    assert!(claim(&rig, 10).await.is_empty());
}

/// A draft that was taken over is no draft any more.
pub async fn a_draft_is_taken_over_once(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let taken = draft(&rig, &turn, "41").await;
    let left = draft(&rig, &turn, "42").await;
    let notice = OutboxMessage { drafts: vec![taken], ..reply(&turn, "notice") };
    rig.mailbox().journal(&turn.lease, super::fixture::step("call-1"), sending(vec![notice])).await.must();
    h.kill(rig.worker).await;
    let again = Rig::open_as(h, 2).await.lease().await;
    assert_eq!(again.drafts.iter().map(|draft| draft.id).collect::<Vec<_>>(), [left]);
}

/// A turn that tries again finds the drafts of the attempt that failed.
pub async fn a_retry_inherits_the_drafts(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    rig.accept(inbound("hello")).await;
    let turn = rig.lease().await;
    let shown = draft(&rig, &turn, "41").await;
    let at = rig.now().plus(seconds(1));
    rig.mailbox().fail(&turn.lease, "error", Some(at), Writes::default()).await.must();
    rig.clock.advance(seconds(2));
    let again = rig.lease().await;
    assert_eq!(again.drafts.iter().map(|draft| draft.id).collect::<Vec<_>>(), [shown]);
}
