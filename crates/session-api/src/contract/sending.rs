//! `Mailbox::claim_parts` and `settle_part`: splitting, order, back-off, and doubt.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::{
    StoreHarness,
    fixture::{Must, Refused, Rig, reply, seconds, sending},
};
use crate::{OutboxMessage, Part, PartClaim, PartState, Settlement, Splitter, Turn};

/// Splits at line ends and counts its calls.
#[derive(Default)]
pub(super) struct Lines(AtomicUsize);

impl Splitter for Lines {
    fn split(&self, message: &OutboxMessage) -> Vec<Part> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let text = message.parts.first().and_then(Part::as_text).unwrap_or_default();
        text.split_inclusive('\n').map(Part::text).collect()
    }
}

/// Claims from the channel `test`.
pub(super) async fn claim(rig: &Rig, limit: usize) -> Vec<PartClaim> {
    let splitter = Arc::new(Lines::default());
    rig.mailbox().claim_parts(rig.worker, &["test".into()], limit, splitter).await.must()
}

/// Claims the only part there is.
pub(super) async fn claim_one(rig: &Rig) -> PartClaim {
    let mut claims = claim(rig, 10).await;
    assert_eq!(claims.len(), 1, "{claims:?}");
    claims.pop().must()
}

pub(super) fn body(claim: &PartClaim) -> Option<&str> {
    claim.part.body.as_ref().and_then(Part::as_text)
}

pub(super) async fn sent(rig: &Rig, claim: &PartClaim) {
    let settlement = Settlement::Sent { platform_id: Some("42".into()) };
    rig.mailbox().settle_part(claim, settlement).await.must();
}

/// Sends what is left and returns the texts in order.
pub(super) async fn drain(rig: &Rig) -> Vec<String> {
    let mut texts = Vec::new();
    loop {
        let claims = claim(rig, 10).await;
        if claims.is_empty() {
            return texts;
        }
        for claim in claims {
            texts.push(body(&claim).unwrap_or("(delete)").to_owned());
            sent(rig, &claim).await;
        }
    }
}

/// A turn that sends these texts to its chat.
pub(super) async fn said(rig: &Rig, texts: &[&str]) -> Turn {
    let turn = rig.start("hello").await;
    rig.commit(&turn, sending(texts.iter().map(|text| reply(&turn, text)).collect())).await;
    turn
}

/// A turn that sends these texts, each to a chat of its own.
async fn said_to_chats(rig: &Rig, texts: &[&str]) {
    let turn = rig.start("hello").await;
    let to_chat = |text: &&str| {
        let mut message = reply(&turn, text);
        message.route.chat = format!("chat of {text}");
        message
    };
    rig.commit(&turn, sending(texts.iter().map(to_chat).collect())).await;
}

/// Where nothing was said, nothing is sent.
pub async fn an_empty_outbox_has_nothing_to_claim(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    assert!(claim(&rig, 10).await.is_empty());
}

/// A claim carries the part, its route and its message's kind.
pub async fn a_claim_carries_what_sending_needs(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let message = reply(&turn, "hi");
    rig.commit(&turn, sending(vec![message.clone()])).await;
    let claimed = claim_one(&rig).await;
    assert_eq!((claimed.route.clone(), claimed.kind), (message.route, message.kind));
    assert_eq!(body(&claimed), Some("hi"));
    let part = claimed.part;
    assert_eq!((part.message, part.index, part.state), (message.id, 0, PartState::Sending));
    assert_eq!((part.platform_id, part.attempts, part.doubted), (None, 1, false));
}

/// What a running turn said with a step is sent while it runs.
pub async fn what_a_step_said_is_sent_before_the_commit(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let writes = sending(vec![reply(&turn, "working on it")]);
    rig.mailbox().journal(&turn.lease, super::fixture::step("call-1"), writes).await.must();
    assert_eq!(drain(&rig).await, ["working on it"]);
}

/// A message is split once; its parts are stored.
pub async fn a_message_is_split_once(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    said(&rig, &["one\ntwo\nthree"]).await;
    let splitter = Arc::new(Lines::default());
    for expected in ["one\n", "two\n", "three"] {
        let claims =
            rig.mailbox().claim_parts(rig.worker, &["test".into()], 10, splitter.clone()).await.must();
        assert_eq!(claims.iter().map(body).collect::<Vec<_>>(), [Some(expected)]);
        sent(&rig, claims.first().must()).await;
    }
    assert_eq!(splitter.0.load(Ordering::Relaxed), 1);
}

/// The parts of a chat go one after the other, across messages and turns.
pub async fn parts_of_a_chat_go_in_order(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    said(&rig, &["one\ntwo", "three"]).await;
    said(&rig, &["four"]).await;
    assert_eq!(drain(&rig).await, ["one\n", "two", "three", "four"]);
}

/// The next part of a chat waits until the one before it was sent.
pub async fn a_chat_has_one_claim_at_a_time(h: &dyn StoreHarness) {
    let (rig, other) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    said(&rig, &["one", "two"]).await;
    let first = claim_one(&rig).await;
    assert!(claim(&rig, 10).await.is_empty());
    assert!(claim(&other, 10).await.is_empty());
    sent(&rig, &first).await;
    assert_eq!(body(&claim_one(&other).await), Some("two"));
}

/// Chats do not wait for one another, and no more is claimed than asked for.
pub async fn chats_are_claimed_side_by_side_up_to_the_limit(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    said_to_chats(&rig, &["a", "b", "c"]).await;
    assert_eq!(claim(&rig, 2).await.len(), 2);
    assert_eq!(claim(&rig, 2).await.len(), 1);
    assert_eq!(claim(&rig, 2).await.len(), 0);
}

/// Only parts of the channels asked for are claimed.
pub async fn only_named_channels_are_claimed(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    said(&rig, &["hi"]).await;
    for (channels, count) in
        [(vec![], 0), (vec!["mail".to_owned()], 0), (vec!["mail".into(), "test".into()], 1)]
    {
        let splitter = Arc::new(Lines::default());
        let claims = rig.mailbox().claim_parts(rig.worker, &channels, 10, splitter).await.must();
        assert_eq!(claims.len(), count, "{channels:?}");
    }
}

/// A part that is to be tried again waits for its time; it keeps its id and counts its attempts.
pub async fn a_retried_part_waits_for_its_time(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    said(&rig, &["one", "two"]).await;
    let first = claim_one(&rig).await;
    let at = rig.now().plus(seconds(60));
    rig.mailbox().settle_part(&first, Settlement::RetryAt { at, error: "429".into() }).await.must();
    rig.clock.advance(seconds(59));
    assert!(claim(&rig, 10).await.is_empty());
    rig.clock.advance(seconds(2));
    let again = claim_one(&rig).await;
    assert_eq!((again.part.id, again.part.attempts), (first.part.id, 2));
    assert!(!again.part.doubted && again.token > first.token);
    sent(&rig, &again).await;
    assert_eq!(drain(&rig).await, ["two"]);
}

/// A part in back-off holds its own chat only.
pub async fn back_off_holds_one_chat_only(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    said_to_chats(&rig, &["a", "b"]).await;
    let first = claim(&rig, 1).await;
    let settlement = Settlement::RetryAt { at: rig.now().plus(seconds(60)), error: "429".into() };
    rig.mailbox().settle_part(first.first().must(), settlement).await.must();
    assert_eq!(drain(&rig).await.len(), 1);
}

/// A part that the platform refused ends its message; the next message goes on.
pub async fn a_refused_part_ends_its_message(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    said(&rig, &["one\ntwo\nthree", "next"]).await;
    let first = claim_one(&rig).await;
    sent(&rig, &first).await;
    let second = claim_one(&rig).await;
    assert_eq!(body(&second), Some("two\n"));
    rig.mailbox().settle_part(&second, Settlement::Failed { error: "403".into() }).await.must();
    assert_eq!(drain(&rig).await, ["next"]);
}

/// A claim is used once.
pub async fn a_settled_claim_is_stale(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    said(&rig, &["one"]).await;
    let claimed = claim_one(&rig).await;
    sent(&rig, &claimed).await;
    let again = Settlement::Failed { error: "too late".into() };
    rig.mailbox().settle_part(&claimed, again).await.stale();
    assert!(claim(&rig, 10).await.is_empty());
}

/// What a living worker sends is claimed by nobody else, however long it takes.
pub async fn a_claim_of_a_living_worker_stands(h: &dyn StoreHarness) {
    let (rig, other) = (Rig::open(h).await, Rig::open_as(h, 2).await);
    said(&rig, &["one"]).await;
    let claimed = claim_one(&rig).await;
    rig.clock.advance(seconds(3600));
    assert!(claim(&other, 10).await.is_empty());
    sent(&rig, &claimed).await;
}

/// However many chats wait, each gets its turn, those that waited longest first.
pub async fn no_chat_is_passed_over(h: &dyn StoreHarness) {
    let rig = Rig::open(h).await;
    let turn = rig.start("hello").await;
    let waiting = (1..=150).map(|n| super::fixture::notice(&super::fixture::session(n), &n.to_string()));
    rig.commit(&turn, sending(waiting.collect())).await;
    let mut seen: Vec<String> = Vec::new();
    for most in [16, 100, 100] {
        let claims = claim(&rig, most).await;
        seen.extend(claims.iter().filter_map(body).map(str::to_owned));
    }
    assert_eq!(seen, (1..=150).map(|n| n.to_string()).collect::<Vec<_>>());
}
