//! A channel in front of a fake Telegram, with an inbox behind it.

use std::{sync::Arc, time::Duration};

use agent_core::{AllowList, Channel, ChannelDeps, ChannelError, Inlet, InletPolicy, InletSetup, contract};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use servers::telegram::{FakeTelegram, Shown};
use session_api::{
    Clock, InMemoryStore, InboundRow, LeaseFrom, LeasePolicy, ManualClock, OutboxKind, Outcome, Part,
    PartClaim, SequentialIds, Stores, Timestamp, WorkerId, Writes,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Long enough for anything that happens at all.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Somebody who may speak, and somebody who may not.
pub(crate) const FRIEND: i64 = 5;
pub(crate) const STRANGER: i64 = 666;

/// Waits for real, but its wall clock stands still.
pub(crate) struct RealWaits;

impl Clock for RealWaits {
    fn now(&self) -> Timestamp {
        Timestamp(1)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

pub(crate) struct Rig {
    pub(crate) telegram: FakeTelegram,
    pub(crate) stores: Stores,
    pub(crate) channel: Arc<dyn Channel>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) media_limit: u64,
    ids: Arc<SequentialIds>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(json!({}))
    }

    /// With more keys in the channel's table.
    pub(crate) fn with(more: Value) -> Self {
        let telegram = FakeTelegram::start();
        let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
        let stores = Stores::of(Arc::new(InMemoryStore::new(clock, ids, LeasePolicy::default())));
        let channel = channel(&telegram, &stores, more);
        Self {
            telegram,
            stores,
            channel,
            clock: Arc::new(RealWaits),
            media_limit: 20 << 20,
            ids: Arc::default(),
        }
    }

    pub(crate) async fn connected(self) -> Self {
        self.channel.connect().await.unwrap();
        self
    }

    pub(crate) fn inlet(&self) -> Inlet {
        Inlet::new(InletSetup {
            stores: self.stores.clone(),
            clock: Arc::clone(&self.clock),
            ids: self.ids.clone(),
            worker: worker(98),
            admission: Arc::new(AllowList(vec![FRIEND.to_string()])),
            channel: "telegram".into(),
            account: self.telegram.bot_id().to_string(),
            policy: InletPolicy { media_limit: self.media_limit, ..InletPolicy::default() },
        })
    }

    /// Runs the channel once; it ends with the first error.
    pub(crate) fn run(&self) -> Running {
        let (channel, inlet, stop) = (Arc::clone(&self.channel), self.inlet(), CancellationToken::new());
        let stopped = stop.clone();
        Running { stop, task: spawn(async move { channel.run(inlet, stopped).await }) }
    }

    /// Runs it as the supervisor does: again after each error, later each time.
    pub(crate) fn supervised(&self) -> Running {
        let (channel, inlet, stop) = (Arc::clone(&self.channel), self.inlet(), CancellationToken::new());
        let stopped = stop.clone();
        let task = spawn(async move {
            let mut pause = Duration::from_millis(20);
            while channel.connect().await.is_err()
                || channel.run(inlet.clone(), stopped.clone()).await.is_err()
            {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            Ok(())
        });
        Running { stop, task }
    }

    /// Runs it until this update is confirmed, and gives what came into the inbox.
    pub(crate) async fn take_until(&self, update: i64) -> Vec<InboundRow> {
        let running = self.run();
        self.acknowledged(update).await;
        running.stop().await.unwrap();
        self.inbox().await
    }

    pub(crate) async fn acknowledged(&self, update: i64) {
        self.telegram.reached("an acknowledgement", SOON, |seen| seen.acknowledged(update)).await.unwrap();
    }

    /// Empties the inbox.
    pub(crate) async fn inbox(&self) -> Vec<InboundRow> {
        let mut rows = Vec::new();
        while let Some(turn) = self.stores.mailbox.lease(worker(99), LeaseFrom::Any).await.unwrap() {
            self.stores.mailbox.commit(&turn.lease, Outcome::Quiet, Writes::default()).await.unwrap();
            rows.extend(turn.founders);
        }
        rows.sort_by_key(|row| row.seq);
        rows
    }

    pub(crate) fn claim(&self, chat: i64, id: u128, text: &str) -> PartClaim {
        let account = self.telegram.bot_id().to_string();
        contract::channel::claim(self.channel.as_ref(), &account, &chat.to_string(), id, text)
    }

    /// Sends a text and gives the platform's id.
    pub(crate) async fn send(&self, chat: i64, id: u128, text: &str) -> Result<Option<String>, ChannelError> {
        Ok(self.channel.send(&self.claim(chat, id, text)).await?.platform_id)
    }

    /// The only message in a chat.
    pub(crate) fn only(&self, chat: i64) -> Shown {
        let shown = self.telegram.shown(chat);
        assert_eq!(shown.len(), 1, "{shown:?}");
        shown.into_iter().next().unwrap()
    }
}

pub(crate) fn question(mut claim: PartClaim, approval: &str) -> PartClaim {
    claim.kind = OutboxKind::Question { approval: approval.parse().unwrap() };
    claim
}

pub(crate) fn channel(telegram: &FakeTelegram, stores: &Stores, more: Value) -> Arc<dyn Channel> {
    let mut table = json!({"token": telegram.token(), "api_url": telegram.url(), "poll_seconds": 1});
    table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    build(table, stores).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn build(
    table: Value,
    stores: &Stores,
) -> Result<Arc<dyn Channel>, agent_core::ChannelSetupError> {
    let kind = channels::KINDS.iter().find(|kind| kind.name == "telegram").unwrap();
    let deps = ChannelDeps {
        blobs: Arc::clone(&stores.blobs),
        clock: Arc::new(RealWaits),
        ids: Arc::new(SequentialIds::default()),
    };
    (kind.build)(table, &deps)
}

/// A run under way; ends with the test.
pub(crate) struct Running {
    stop: CancellationToken,
    task: JoinHandle<Result<(), ChannelError>>,
}

impl Running {
    /// Tells it to stop, and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<(), ChannelError> {
        self.stop.cancel();
        tokio::time::timeout(SOON, &mut self.task).await.expect("it stops when told").unwrap()
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(mut self) -> Result<(), ChannelError> {
        tokio::time::timeout(SOON, &mut self.task).await.expect("it ends by itself").unwrap()
    }

    /// As `kill -9` would: at once, wherever it is.
    pub(crate) async fn kill(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[expect(clippy::disallowed_methods, reason = "the handle is aborted with its owner")]
fn spawn(
    future: impl Future<Output = Result<(), ChannelError>> + Send + 'static,
) -> JoinHandle<Result<(), ChannelError>> {
    tokio::spawn(future)
}

fn worker(n: u8) -> WorkerId {
    format!("00000000-0000-0000-0000-0000000000{n:02}").parse().unwrap()
}

/// The texts of what came in.
pub(crate) fn texts(rows: &[InboundRow]) -> Vec<String> {
    rows.iter().map(text).collect()
}

/// The text of one row; its parts are joined by line breaks.
pub(crate) fn text(row: &InboundRow) -> String {
    row.inbound.parts.iter().filter_map(Part::as_text).collect::<Vec<_>>().join("\n")
}
