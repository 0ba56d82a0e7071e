//! What the tests of the Discord channel share: the channel in front of the fake, and a conversation with an inbox.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use agent_core::{AllowList, Channel, ChannelDeps, ChannelError, Inlet, InletPolicy, InletSetup};
use futures_util::future::BoxFuture;
use serde_json::json;
use servers::discord::FakeDiscord;
use session_api::{
    Clock, InMemoryStore, InboundRow, LeaseFrom, LeasePolicy, Outcome, Part, SequentialIds, Stores,
    Timestamp, WorkerId, Writes,
};
use tokio_util::sync::CancellationToken;

/// The person who may speak.
pub(crate) const FRIEND: u64 = 42;
/// A person who may not.
pub(crate) const STRANGER: u64 = 66;
/// A direct chat.
pub(crate) const CHAT: u64 = 201;
/// How long anything may take here.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Real time, since sockets know no other.
pub(crate) struct RealClock(Instant);

impl RealClock {
    #[expect(clippy::disallowed_methods, reason = "sockets know no other time")]
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }
}

impl Clock for RealClock {
    #[expect(clippy::disallowed_methods, reason = "the fake stamps its ids with this time")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Timestamp(i64::try_from(since.as_millis()).unwrap())
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// Ids that no two channels of a test share, as after a restart.
fn ids() -> Arc<SequentialIds> {
    static IDS: OnceLock<Arc<SequentialIds>> = OnceLock::new();
    Arc::clone(IDS.get_or_init(Arc::default))
}

/// A store in memory.
pub(crate) fn stores() -> Stores {
    let clock = Arc::new(RealClock::new());
    Stores::of(Arc::new(InMemoryStore::new(clock, ids(), LeasePolicy::default())))
}

/// The channel in front of `fake`.
pub(crate) fn channel(fake: &FakeDiscord, stores: &Stores) -> Arc<dyn Channel> {
    channel_with(fake, stores, &json!({}))
}

/// The same with more keys in its table.
pub(crate) fn channel_with(
    fake: &FakeDiscord,
    stores: &Stores,
    more: &serde_json::Value,
) -> Arc<dyn Channel> {
    let mut table = json!({"token": fake.token(), "api_url": fake.url()});
    for (key, value) in more.as_object().unwrap() {
        table[key] = value.clone();
    }
    let deps =
        ChannelDeps { blobs: Arc::clone(&stores.blobs), clock: Arc::new(RealClock::new()), ids: ids() };
    let kind = channels::KINDS.iter().find(|kind| kind.name == "discord").unwrap();
    (kind.build)(table, &deps).unwrap()
}

/// The channel running, with the inbox behind it.
pub(crate) struct Running {
    pub(crate) stores: Stores,
    pub(crate) stop: CancellationToken,
    task: tokio::task::JoinHandle<Result<(), ChannelError>>,
}

impl Running {
    /// Connects and runs, until the fake has seen a new session.
    pub(crate) async fn start(fake: &FakeDiscord) -> Self {
        let stores = stores();
        Self::start_on(fake, &stores, channel(fake, &stores)).await
    }

    /// The same on these stores.
    pub(crate) async fn start_on(fake: &FakeDiscord, stores: &Stores, channel: Arc<dyn Channel>) -> Self {
        let before = fake.seen(|seen| seen.identifies.len());
        let running = Self::launch(stores, channel, InletPolicy::default()).await;
        fake.reached("sessions", SOON, |seen| seen.identifies.len() > before).await.unwrap();
        running
    }

    /// The same without waiting for a session.
    pub(crate) async fn launch(stores: &Stores, channel: Arc<dyn Channel>, policy: InletPolicy) -> Self {
        let account = channel.connect().await.unwrap().id;
        let inlet = Inlet::new(InletSetup {
            stores: stores.clone(),
            clock: Arc::new(RealClock::new()),
            ids: ids(),
            worker: WorkerId(Default::default()),
            admission: Arc::new(AllowList(vec![FRIEND.to_string()])),
            channel: "discord".into(),
            account,
            policy,
        });
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        #[expect(clippy::disallowed_methods, reason = "it is awaited in `end`")]
        let task = tokio::spawn(async move { channel.run(inlet, stopped).await });
        Self { stores: stores.clone(), stop, task }
    }

    /// Stops it.
    pub(crate) async fn end(self) -> Result<(), ChannelError> {
        self.stop.cancel();
        self.ended().await
    }

    /// Waits for it to end by itself.
    pub(crate) async fn ended(self) -> Result<(), ChannelError> {
        tokio::time::timeout(SOON, self.task).await.expect("it ends").expect("it does not panic")
    }

    /// The next so many messages that came into the inbox; each is settled.
    pub(crate) async fn next(&self, count: usize) -> Vec<InboundRow> {
        let mut rows = Vec::new();
        let wait = async {
            while rows.len() < count {
                rows.extend(self.pending().await);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(SOON, wait).await;
        assert!(waited.is_ok(), "waited for {count} messages");
        rows
    }

    /// What is in the inbox now; each is settled.
    pub(crate) async fn pending(&self) -> Vec<InboundRow> {
        let worker = WorkerId(format!("{:032x}", 77).parse().map(|id: session_api::PartId| id.0).unwrap());
        let mut rows = Vec::new();
        while let Some(turn) = self.stores.mailbox.lease(worker, LeaseFrom::Any).await.unwrap() {
            rows.extend(turn.founders.iter().cloned());
            self.stores.mailbox.commit(&turn.lease, Outcome::Quiet, Writes::default()).await.unwrap();
        }
        rows
    }

    /// The texts of the next so many messages, in the order of the inbox.
    pub(crate) async fn texts(&self, count: usize) -> Vec<String> {
        let mut rows = self.next(count).await;
        rows.sort_by_key(|row| row.seq);
        rows.iter().map(text).collect()
    }
}

/// All texts of a row.
pub(crate) fn text(row: &InboundRow) -> String {
    let texts: Vec<&str> = row.inbound.parts.iter().filter_map(Part::as_text).collect();
    texts.join("\n")
}
