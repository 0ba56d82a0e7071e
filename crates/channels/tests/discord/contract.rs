//! The contract suite of channels, against the fake.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::support::{FRIEND, SOON, STRANGER, channel, stores};
use agent_core::Channel;
use agent_core::contract::channel::{ChannelHarness, check};
use async_trait::async_trait;
use servers::discord::{FakeDiscord, Saying};
use session_api::Stores;
use tokio::sync::Notify;

/// Message ids of the harness: `FIRST` + the number of its event.
const FIRST: u64 = 5000;

/// Discord gets no acknowledgements. What stands in their place is the commit that moves the cursor, and the channel
/// emits the fail points around it; this listens to them.
#[derive(Default)]
struct Commits {
    position: AtomicU64,
    moved: Notify,
}

struct Listener(Arc<Commits>);

impl tracing::Subscriber for Listener {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "failpoint"
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut found = Fields::default();
        event.record(&mut found);
        // The bot's own messages come back as well, under ids of this moment.
        if found.after && (FIRST..FIRST + 100).contains(&found.position) {
            self.0.position.fetch_max(found.position, Ordering::SeqCst);
            self.0.moved.notify_waiters();
        }
    }
}

#[derive(Default)]
struct Fields {
    after: bool,
    position: u64,
}

impl tracing::field::Visit for Fields {
    fn record_u64(&mut self, field: &tracing::field::Field, value: u64) {
        if field.name() == "position" {
            self.position = value;
        }
    }

    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        self.after |= field.name() == "site" && value == "ack.after";
    }

    fn record_debug(&mut self, _: &tracing::field::Field, _: &dyn std::fmt::Debug) {}
}

fn commits() -> Arc<Commits> {
    static ALL: OnceLock<Arc<Commits>> = OnceLock::new();
    Arc::clone(ALL.get_or_init(|| {
        let commits = Arc::<Commits>::default();
        tracing::subscriber::set_global_default(Listener(Arc::clone(&commits))).unwrap();
        commits
    }))
}

struct Discord {
    fake: FakeDiscord,
    stores: Stores,
    commits: Arc<Commits>,
}

#[async_trait]
impl ChannelHarness for Discord {
    fn channel(&self) -> Arc<dyn Channel> {
        channel(&self.fake, &self.stores)
    }

    fn chat(&self, n: u8) -> String {
        let id = 200 + u64::from(n);
        self.fake.add_direct(id);
        id.to_string()
    }

    fn friend(&self) -> String {
        FRIEND.to_string()
    }

    fn stranger(&self) -> String {
        STRANGER.to_string()
    }

    async fn say(&self, event: u64, sender: &str, chat: &str, text: &str) {
        let saying = Saying::direct(chat.parse().unwrap(), sender.parse().unwrap(), text);
        self.fake.say(&saying.id(FIRST + event));
    }

    async fn acknowledged(&self, event: u64) {
        let wait = async {
            loop {
                let mut moved = std::pin::pin!(self.commits.moved.notified());
                moved.as_mut().enable();
                if self.commits.position.load(Ordering::SeqCst) >= FIRST + event {
                    return;
                }
                moved.await;
            }
        };
        tokio::time::timeout(SOON, wait).await.expect("the cursor moves");
    }

    async fn shown(&self, chat: &str) -> Vec<String> {
        self.fake.shown(chat.parse().unwrap()).into_iter().map(|shown| shown.text).collect()
    }
}

#[tokio::test]
async fn discord_keeps_the_contract() {
    let fake = FakeDiscord::start();
    fake.hold_until_connected();
    check(&Discord { fake, stores: stores(), commits: commits() }).await;
}
