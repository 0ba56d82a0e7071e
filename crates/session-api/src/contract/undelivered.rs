//! Outgoing messages that did not reach their reader.

use super::{
    StoreHarness,
    fixture::{Must, Rig, inbound_to, member, notice, reply, seconds, sending, session, uuid},
    sending::{body, claim, claim_one, drain, sent},
};
use crate::{
    Draft, Inbound, OutboxId, OutboxMessage, PartClaim, PartId, PartState, Route, Scope, Settlement,
    Undelivered, Writes,
};

async fn say(rig: &Rig, text: &str) -> OutboxId {
    let turn = rig.start("hello").await;
    let said = reply(&turn, text);
    let id = said.id;
    rig.commit(&turn, sending(vec![said])).await;
    id
}

async fn refuse(rig: &Rig, claim: &PartClaim, error: &str) {
    rig.mailbox().settle_part(claim, Settlement::Failed { error: error.into() }).await.must();
}

/// Claims the next part and loses sight of it for good.
async fn lose(rig: &Rig) {
    for _ in 0..2 {
        let settlement = Settlement::Unknown { error: "the connection broke".into() };
        rig.mailbox().settle_part(&claim_one(rig).await, settlement).await.must();
    }
}

async fn listed(rig: &Rig) -> Vec<Undelivered> {
    rig.mailbox().undelivered(&Scope::All, 10).await.must()
}

async fn ids(rig: &Rig, scope: &Scope, limit: usize) -> Vec<OutboxId> {
    let found = rig.mailbox().undelivered(scope, limit).await.must();
    found.iter().map(|one| one.message.id).collect()
}

async fn states(rig: &Rig, id: OutboxId) -> Vec<PartState> {
    rig.mailbox().parts(id).await.must().iter().map(|part| part.state).collect()
}

/// The parts of a message are read in order once it is split.
pub async fn parts_are_read_in_order(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let id = say(&rig, "one\ntwo").await;
    assert!(rig.mailbox().parts(id).await.must().is_empty());
    assert!(rig.mailbox().parts(OutboxId(uuid())).await.must().is_empty());
    let first = claim_one(&rig).await;
    assert_eq!(states(&rig, id).await, [PartState::Sending, PartState::Pending]);
    sent(&rig, &first).await;
    let parts = rig.mailbox().parts(id).await.must();
    let texts: Vec<_> = parts.iter().map(|part| part.body.as_ref().and_then(|body| body.as_text())).collect();
    assert_eq!(texts, [Some("one\n"), Some("two")]);
    assert_eq!(parts.iter().map(|part| (part.message, part.index)).collect::<Vec<_>>(), [(id, 0), (id, 1)]);
    let first = parts.first().must();
    assert_eq!((first.state, first.attempts), (PartState::Sent, 1));
    assert_eq!(first.platform_id.as_deref(), Some("42"));
}

/// What waits or was delivered is not listed.
pub async fn only_what_failed_is_listed(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    say(&rig, "one").await;
    assert_eq!(listed(&rig).await, []);
    let first = claim_one(&rig).await;
    let settlement = Settlement::RetryAt { at: rig.now(), error: "429".into() };
    rig.mailbox().settle_part(&first, settlement).await.must();
    assert_eq!(listed(&rig).await, []);
    assert_eq!(drain(&rig).await, ["one"]);
    assert_eq!(listed(&rig).await, []);
}

/// A message whose part was refused is listed once, with that part, the reason and the time.
pub async fn a_refused_message_is_listed(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let id = say(&rig, "one\ntwo\nthree").await;
    let first = claim_one(&rig).await;
    sent(&rig, &first).await;
    rig.clock.advance(seconds(5));
    let second = claim_one(&rig).await;
    refuse(&rig, &second, "403").await;
    let found = listed(&rig).await;
    let [one] = found.as_slice() else { return assert_eq!(found.len(), 1) };
    assert_eq!((one.message.id, one.part.id, one.part.index), (id, second.part.id, 1));
    assert_eq!((one.part.state, one.error.as_str(), one.at), (PartState::Failed, "403", rig.now()));
    assert_eq!(one.message.parts.first().must().as_text(), Some("one\ntwo\nthree"));
    assert_eq!(states(&rig, id).await, [PartState::Sent, PartState::Failed, PartState::Failed]);
}

/// A message with a part of which nobody knows is listed, while the rest of it goes on.
pub async fn an_unknown_part_is_listed(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let id = say(&rig, "one\ntwo").await;
    lose(&rig).await;
    let found = listed(&rig).await;
    let one = found.first().must();
    assert_eq!((one.message.id, one.part.state), (id, PartState::Unknown));
    assert_eq!(one.error, "the connection broke");
    assert_eq!(drain(&rig).await, ["two"]);
    assert_eq!(ids(&rig, &Scope::All, 10).await, [id]);
}

/// The message that was said first is listed first, whenever it failed.
pub async fn undelivered_messages_are_listed_in_order(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let (here, there) = (notice(&session(1), "here"), notice(&session(2), "there"));
    let expected = [here.id, there.id];
    let turn = rig.start("hello").await;
    rig.commit(&turn, sending(vec![here, there])).await;
    let mut claims = claim(&rig, 10).await;
    claims.sort_by(|a, b| b.route.chat.cmp(&a.route.chat));
    for claim in claims {
        rig.clock.advance(seconds(1));
        refuse(&rig, &claim, "403").await;
    }
    assert_eq!(ids(&rig, &Scope::All, 10).await, expected);
    assert_eq!(ids(&rig, &Scope::All, 1).await, expected.first().copied().as_slice());
}

/// Who may not see a session does not see what could not be delivered to it. A message of a session that is not there
/// is the operator's.
pub async fn undelivered_messages_are_listed_by_scope(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let ada = member("ada");
    rig.accept(Inbound { principal: ada.clone(), ..inbound_to(&session(2), "hello") }).await;
    let turn = rig.lease().await;
    let (to_ada, to_stranger) = (notice(&session(2), "one"), notice(&session(9), "two"));
    let (hers, strangers) = (to_ada.id, to_stranger.id);
    rig.commit(&turn, sending(vec![to_ada, to_stranger])).await;
    for claim in claim(&rig, 10).await {
        refuse(&rig, &claim, "403").await;
    }
    assert_eq!(ids(&rig, &Scope::All, 10).await, [hers, strangers]);
    assert_eq!(ids(&rig, &Scope::Of(ada.id), 10).await, [hers]);
    assert_eq!(ids(&rig, &Scope::Of(member("bob").id), 10).await, []);
    assert_eq!(ids(&rig, &Scope::Session(session(2)), 10).await, [hers]);
    assert_eq!(ids(&rig, &Scope::Session(session(9)), 10).await, [strangers]);
}

/// What is resent is pending again with fresh counts, in its old place; what was sent stays sent.
pub async fn a_resent_message_begins_anew(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let id = say(&rig, "one\ntwo\nthree").await;
    sent(&rig, &claim_one(&rig).await).await;
    lose(&rig).await;
    refuse(&rig, &claim_one(&rig).await, "403").await;
    assert_eq!(states(&rig, id).await, [PartState::Sent, PartState::Unknown, PartState::Failed]);
    say(&rig, "later").await;
    assert!(rig.mailbox().resend(id).await.must());
    assert_eq!(states(&rig, id).await, [PartState::Sent, PartState::Pending, PartState::Pending]);
    assert_eq!(listed(&rig).await, []);
    let again = claim_one(&rig).await;
    assert_eq!((body(&again), again.part.attempts), (Some("two\n"), 1));
    assert_eq!((again.part.doubted, again.may_resend), (false, true));
    sent(&rig, &again).await;
    assert_eq!(drain(&rig).await, ["three", "later"]);
}

/// A message that is resent waits until what is being sent to its chat has ended.
pub async fn a_resent_message_waits_for_its_chat(h: &dyn StoreHarness) {
    let (rig, other) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    let id = say(&rig, "one").await;
    refuse(&rig, &claim_one(&rig).await, "403").await;
    say(&rig, "later").await;
    let later = claim_one(&rig).await;
    assert!(rig.mailbox().resend(id).await.must());
    assert!(claim(&rig, 10).await.is_empty());
    assert!(claim(&other, 10).await.is_empty());
    h.kill(rig.worker).await;
    let again = claim_one(&other).await;
    assert_eq!(body(&again), Some("one"));
    assert!(claim(&other, 10).await.is_empty());
    sent(&other, &again).await;
    let doubted = claim_one(&other).await;
    assert_eq!((doubted.part.id, doubted.part.doubted), (later.part.id, true));
}

/// What was dropped is not listed any more, and its parts stay as they are.
pub async fn a_dropped_message_is_listed_no_more(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let id = say(&rig, "one\ntwo").await;
    refuse(&rig, &claim_one(&rig).await, "403").await;
    assert!(rig.mailbox().drop_undelivered(id).await.must());
    assert_eq!(listed(&rig).await, []);
    assert_eq!(states(&rig, id).await, [PartState::Failed, PartState::Failed]);
    assert!(!rig.mailbox().drop_undelivered(id).await.must());
    assert!(!rig.mailbox().resend(id).await.must());
    assert!(claim(&rig, 10).await.is_empty());
}

/// A message that is not listed is neither resent nor dropped.
pub async fn only_listed_messages_are_resent_or_dropped(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let waits = say(&rig, "one").await;
    for id in [waits, OutboxId(uuid())] {
        assert!(!rig.mailbox().resend(id).await.must());
        assert!(!rig.mailbox().drop_undelivered(id).await.must());
    }
    assert_eq!(drain(&rig).await, ["one"]);
    assert!(!rig.mailbox().resend(waits).await.must());
}

/// What could not be delivered goes with its session.
pub async fn a_deletion_takes_what_could_not_be_delivered(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let id = say(&rig, "one").await;
    refuse(&rig, &claim_one(&rig).await, "403").await;
    assert!(rig.stores.sessions.delete_session(&Scope::All, &session(1)).await.must());
    assert_eq!(listed(&rig).await, []);
    assert!(!rig.mailbox().resend(id).await.must());
}

/// Drafts that a refused message leaves over are deleted from the platform all the same.
pub async fn a_refused_message_still_deletes_its_drafts(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let mut drafts = Vec::new();
    for platform_id in ["41", "42", "43"] {
        let id = PartId(uuid());
        let route = Route::to_session(&session(1));
        let shown = Draft { id, route, platform_id: Some(platform_id.into()) };
        rig.mailbox().draft(&turn.lease, shown).await.must();
        drafts.push(id);
    }
    let answer = OutboxMessage { drafts, ..reply(&turn, "one\ntwo") };
    rig.mailbox().commit(&turn.lease, crate::Outcome::Replied, sending(vec![answer])).await.must();
    refuse(&rig, &claim_one(&rig).await, "403").await;
    let left = claim_one(&rig).await;
    assert_eq!((body(&left), left.part.platform_id.as_deref()), (None, Some("43")));
    sent(&rig, &left).await;
    assert!(claim(&rig, 10).await.is_empty());
    let next = rig.start("next").await;
    rig.commit(&next, Writes::default()).await;
}
