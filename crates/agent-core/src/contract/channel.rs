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

use crate::{AllowList, Arrival, Channel, Inlet, Reconciled};

/// A channel in front of a fake platform.
#[async_trait]
pub trait ChannelHarness: Send + Sync {
    /// The channel.
    fn channel(&self) -> Arc<dyn Channel>;

    /// Somebody on the platform says `text` in `chat`, under the event id `event`. Saying the same event twice is a
    /// redelivery.
    async fn say(&self, event: &str, sender: &str, chat: &str, text: &str);

    /// Waits until the platform has seen this event acknowledged; bounded by the harness.
    async fn acknowledged(&self, event: &str);

    /// The texts that the platform has in `chat`, in order.
    async fn shown(&self, chat: &str) -> Vec<String>;
}

/// A text part that is ready to be sent.
#[must_use]
pub fn claim(channel: &dyn Channel, chat: &str, id: u128, text: &str) -> PartClaim {
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
            account: channel.account().to_owned(),
            chat: chat.to_owned(),
            thread: None,
            reply_to: None,
        },
        kind: OutboxKind::Reply,
        token: 1,
    }
}

/// Checks every sentence of the port that can be checked of any platform.
///
/// # Panics
/// When the channel breaks its contract; the message says which sentence.
pub async fn check(harness: &dyn ChannelHarness) {
    sends_once_and_knows_it(harness).await;
    stops_when_told(harness).await;
    delivers_in_order_and_acknowledges_after_the_commit(harness).await;
}

async fn sends_once_and_knows_it(harness: &dyn ChannelHarness) {
    let channel = harness.channel();
    let claim = claim(channel.as_ref(), "chat-1", 1, "hello");
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
    assert_eq!(harness.shown("chat-1").await, ["hello"], "one part is shown once");
}

fn inlet(channel: &dyn Channel, stores: &Stores) -> Inlet {
    let admission = Arc::new(AllowList(vec!["friend".into()]));
    let ids = Arc::new(SequentialIds::default());
    Inlet::new(stores.mailbox.clone(), ids, admission, channel.kind(), channel.account())
}

fn stores() -> Stores {
    let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
    Stores::of(Arc::new(InMemoryStore::new(clock, ids, LeasePolicy::default())))
}

async fn stops_when_told(harness: &dyn ChannelHarness) {
    let channel = harness.channel();
    let stop = CancellationToken::new();
    stop.cancel();
    channel
        .run(inlet(channel.as_ref(), &stores()), stop)
        .await
        .expect("a cancelled channel ends without an error");
}

async fn delivers_in_order_and_acknowledges_after_the_commit(harness: &dyn ChannelHarness) {
    let channel = harness.channel();
    let stores = stores();
    for (event, sender, text) in [
        ("event-1", "friend", "one"),
        ("event-2", "stranger", "secret"),
        ("event-3", "friend", "two"),
        ("event-1", "friend", "one"),
    ] {
        harness.say(event, sender, "chat-2", text).await;
    }
    let stop = CancellationToken::new();
    let run = channel.run(inlet(channel.as_ref(), &stores), stop.clone());
    let watch = async {
        harness.acknowledged("event-3").await;
        stop.cancel();
    };
    let (ran, ()) = tokio::join!(run, watch);
    ran.expect("the channel ends without an error");
    let worker = WorkerId(Uuid::from_u128(99));
    let mut texts = Vec::new();
    while let Some(turn) = stores.mailbox.lease(worker, LeaseFrom::Any).await.expect("the store answers") {
        for row in &turn.founders {
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
        sender: sender.to_owned(),
        addressed: true,
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

        async fn say(&self, event: &str, sender: &str, chat: &str, text: &str) {
            self.0.put(arrival(event, sender, chat, text));
        }

        async fn acknowledged(&self, event: &str) {
            while !self.0.acknowledged().iter().any(|id| id == event) {
                tokio::task::yield_now().await;
            }
        }

        async fn shown(&self, chat: &str) -> Vec<String> {
            let sent = self.0.sent().into_iter().filter(|claim| claim.route.chat == chat);
            sent.filter_map(|claim| claim.part.body?.as_text().map(str::to_owned)).collect()
        }
    }

    #[tokio::test]
    async fn the_loopback_channel_keeps_the_contract() {
        check(&Loopback(Arc::default())).await;
    }
}
