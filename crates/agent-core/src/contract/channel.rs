//! The contract suite of [`Channel`].
//!
//! An adapter implements [`ChannelHarness`] over its fake platform and calls [`check`] in a test.

#![expect(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a broken contract fails the test; a skip must be seen"
)]

use std::sync::Arc;

use async_trait::async_trait;
use session_api::{
    InMemoryStore, LeaseFrom, LeasePolicy, ManualClock, OutPart, OutboxId, OutboxKind, Part, PartClaim,
    PartId, PartState, Route, SequentialIds, Stores, WorkerId,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{AllowList, Arrival, Channel, Inlet, InletPolicy, InletSetup, Place, Reconciled};

/// A channel in front of a fake platform.
#[async_trait]
pub trait ChannelHarness: Send + Sync {
    /// The channel, connecting to the fake with a good key.
    fn channel(&self) -> Arc<dyn Channel>;

    /// The name of chat `n` on this platform: a direct chat between the bot and [`friend`](Self::friend).
    fn chat(&self, n: u8) -> String;

    /// The stable id of somebody who may speak.
    fn friend(&self) -> String;

    /// The stable id of somebody who may not.
    fn stranger(&self) -> String;

    /// `sender` says `text` in `chat`, as the platform's event number `event` (from 1). Saying the same event twice is a
    /// redelivery.
    async fn say(&self, event: u64, sender: &str, chat: &str, text: &str);

    /// Waits until the platform has seen this event acknowledged; bounded by the harness.
    async fn acknowledged(&self, event: u64);

    /// The texts that the platform shows in `chat` now, in order, without markup.
    async fn shown(&self, chat: &str) -> Vec<String>;
}

/// A text part that is ready to be sent.
#[must_use]
pub fn claim(channel: &dyn Channel, account: &str, chat: &str, id: u128, text: &str) -> PartClaim {
    PartClaim {
        part: OutPart {
            id: PartId(Uuid::from_u128(id)),
            message: OutboxId(Uuid::from_u128(id)),
            index: 0,
            body: Some(Part::text(text)),
            platform_id: None,
            state: PartState::Sending,
            attempts: 1,
            doubted: false,
        },
        route: Route {
            channel: channel.kind().to_owned(),
            account: account.to_owned(),
            chat: chat.to_owned(),
            thread: None,
            reply_to: None,
        },
        kind: OutboxKind::Reply,
        may_resend: true,
        token: 1,
    }
}

/// Checks every sentence of the port that can be checked of any platform.
///
/// # Panics
/// When the channel breaks its contract; the message says which sentence.
pub async fn check(harness: &dyn ChannelHarness) {
    let account = harness.channel().connect().await.expect("a good key connects").id;
    assert!(!account.is_empty(), "the bot has an id");
    let again = harness.channel().connect().await.expect("connecting twice is fine").id;
    assert_eq!(account, again, "the bot's id is stable");
    sends_once_and_knows_it(harness, &account).await;
    edits_and_deletes_what_it_sent(harness, &account).await;
    stops_when_told(harness, &account).await;
    delivers_in_order_and_acknowledges_after_the_commit(harness, &account).await;
}

async fn sends_once_and_knows_it(harness: &dyn ChannelHarness, account: &str) {
    let channel = harness.channel();
    let claim = claim(channel.as_ref(), account, &harness.chat(1), 1, "hello");
    let before = channel.reconcile(&claim).await.expect("reconcile answers");
    assert!(!matches!(before, Reconciled::Sent(_)), "a part that was never sent is not known as sent");
    channel.send(&claim).await.expect("a plain text is sent");
    if channel.capabilities().idempotent_sends {
        channel.send(&claim).await.expect("the same key again is fine");
        let after = channel.reconcile(&claim).await.expect("reconcile answers");
        assert!(matches!(after, Reconciled::Sent(_)), "a part that was sent is known as sent");
    } else {
        eprintln!("skipped: sends of {} have no idempotency key", channel.kind());
    }
    assert_eq!(harness.shown(&harness.chat(1)).await, ["hello"], "one part is shown once");
}

async fn edits_and_deletes_what_it_sent(harness: &dyn ChannelHarness, account: &str) {
    let channel = harness.channel();
    if channel.capabilities().edits.is_none() {
        eprintln!("skipped: {} cannot change what it sent", channel.kind());
        return;
    }
    let chat = harness.chat(3);
    let mut claim = claim(channel.as_ref(), account, &chat, 3, "first");
    let sent = channel.send(&claim).await.expect("a plain text is sent");
    assert!(sent.platform_id.is_some(), "what can be edited has an id");
    claim.part.platform_id = sent.platform_id;
    claim.part.body = Some(Part::text("second"));
    let edited = channel.send(&claim).await.expect("an edit is a send");
    assert_eq!(edited.platform_id, claim.part.platform_id, "an edit keeps the id");
    channel.send(&claim).await.expect("an edit to what stands already is a success");
    assert_eq!(harness.shown(&chat).await, ["second"], "an edit replaces");
    claim.part.body = None;
    channel.send(&claim).await.expect("without a body it is deleted");
    assert!(harness.shown(&chat).await.is_empty(), "what was deleted is gone");
    channel.send(&claim).await.expect("deleting what is gone is a success");
}

fn inlet(channel: &dyn Channel, account: &str, stores: &Stores, friend: String) -> Inlet {
    Inlet::new(InletSetup {
        stores: stores.clone(),
        clock: Arc::new(ManualClock::default()),
        ids: Arc::new(SequentialIds::default()),
        worker: WorkerId(Uuid::from_u128(98)),
        admission: Arc::new(AllowList(vec![friend])),
        channel: channel.kind().to_owned(),
        account: account.to_owned(),
        policy: InletPolicy::default(),
    })
}

fn stores() -> Stores {
    let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
    Stores::of(Arc::new(InMemoryStore::new(clock, ids, LeasePolicy::default())))
}

async fn stops_when_told(harness: &dyn ChannelHarness, account: &str) {
    let channel = harness.channel();
    let stop = CancellationToken::new();
    stop.cancel();
    channel
        .run(inlet(channel.as_ref(), account, &stores(), harness.friend()), stop)
        .await
        .expect("a cancelled channel ends without an error");
}

async fn delivers_in_order_and_acknowledges_after_the_commit(harness: &dyn ChannelHarness, account: &str) {
    let channel = harness.channel();
    let stores = stores();
    let (friend, chat) = (harness.friend(), harness.chat(2));
    for (event, sender, text) in [
        (1, friend.clone(), "one"),
        (2, harness.stranger(), "secret"),
        (3, friend.clone(), "two"),
        (1, friend.clone(), "one"),
    ] {
        harness.say(event, &sender, &chat, text).await;
    }
    let stop = CancellationToken::new();
    let run = channel.run(inlet(channel.as_ref(), account, &stores, friend), stop.clone());
    let watch = async {
        harness.acknowledged(3).await;
        stop.cancel();
    };
    let (ran, ()) = tokio::join!(run, watch);
    ran.expect("the channel ends without an error");
    let worker = WorkerId(Uuid::from_u128(99));
    let mut texts = Vec::new();
    while let Some(turn) = stores.mailbox.lease(worker, LeaseFrom::Any).await.expect("the store answers") {
        for row in &turn.founders {
            assert_eq!(row.inbound.reply.chat, chat, "the answer goes where the message came from");
            texts.extend(row.inbound.parts.iter().filter_map(Part::as_text).map(str::to_owned));
        }
        let outcome = session_api::Outcome::Quiet;
        stores
            .mailbox
            .commit(&turn.lease, outcome, session_api::Writes::default())
            .await
            .expect("it is ours");
    }
    assert_eq!(texts, ["one", "two"], "in order, redeliveries once, nothing of a stranger");
}

/// An arrival as harnesses need it.
#[must_use]
pub fn arrival(event: &str, sender: &str, chat: &str, text: &str) -> Arrival {
    Arrival {
        external_id: event.to_owned(),
        chat: chat.to_owned(),
        thread: None,
        place: Place::Direct,
        sender: sender.to_owned(),
        sender_name: None,
        addressed: true,
        distrusted: None,
        message_id: Some(event.to_owned()),
        parts: vec![Part::text(text)],
        received_at: session_api::Timestamp(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LoopbackChannel;

    struct Loopback(Arc<LoopbackChannel>);

    #[async_trait]
    impl ChannelHarness for Loopback {
        fn channel(&self) -> Arc<dyn Channel> {
            self.0.clone()
        }

        fn chat(&self, n: u8) -> String {
            format!("chat-{n}")
        }

        fn friend(&self) -> String {
            "friend".into()
        }

        fn stranger(&self) -> String {
            "stranger".into()
        }

        async fn say(&self, event: u64, sender: &str, chat: &str, text: &str) {
            self.0.put(arrival(&event.to_string(), sender, chat, text));
        }

        async fn acknowledged(&self, event: u64) {
            while !self.0.acknowledged().contains(&event.to_string()) {
                tokio::task::yield_now().await;
            }
        }

        async fn shown(&self, chat: &str) -> Vec<String> {
            self.0.shown(chat)
        }
    }

    #[tokio::test]
    async fn the_loopback_channel_keeps_the_contract() {
        check(&Loopback(Arc::default())).await;
    }
}
