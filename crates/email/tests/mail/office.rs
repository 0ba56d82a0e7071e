//! A channel without servers of its own: its table, its inbox, and whoever reads it.

use std::sync::Arc;
use std::time::Duration;

use agent_core::{Admission, AllowList, Channel, ChannelDeps, ChannelError, Inlet, InletPolicy, InletSetup};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use servers::mail::{PASSWORD, USER};
use session_api::{
    Clock, InMemoryStore, Inbound, LeaseFrom, LeasePolicy, Outcome, SequentialIds, Stores, Timestamp,
    WorkerId, Writes,
};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Longest wait for anything in these tests; usual is a fraction of a second.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Who may speak.
pub(crate) const FRIEND: &str = "alice@test.local";
/// Who may speak as well.
pub(crate) const SECOND_FRIEND: &str = "bob@test.local";
/// The receiving server's name.
pub(crate) const SERVER: &str = "mx.test.local";

/// Time as it passes.
pub(crate) struct RealClock(Instant);

impl RealClock {
    #[expect(clippy::disallowed_methods, reason = "a test with real servers lives in real time")]
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Instant::now()))
    }
}

impl Clock for RealClock {
    /// As if it were 14 November 2023.
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000).plus(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A channel's table, its inbox and its time.
pub(crate) struct Office {
    pub(crate) stores: Stores,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) table: Value,
    ids: Arc<SequentialIds>,
}

/// A running channel.
pub(crate) struct Running {
    stop: CancellationToken,
    task: JoinHandle<Result<(), ChannelError>>,
}

impl Running {
    /// Tells it to stop and returns how it ended.
    pub(crate) async fn stop(self) -> Result<(), ChannelError> {
        self.stop.cancel();
        self.ended().await
    }

    pub(crate) fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// How it ended by itself.
    pub(crate) async fn ended(self) -> Result<(), ChannelError> {
        tokio::time::timeout(PATIENCE, self.task).await.expect("it ends").expect("it does not panic")
    }

    /// Ends it in the middle of whatever it does, as a killed process does.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

impl Office {
    /// For servers on these ports.
    pub(crate) fn new(imap: u16, smtp: u16) -> Self {
        Self::at(imap, smtp, RealClock::new())
    }

    /// The same in a time of its own.
    pub(crate) fn at(imap: u16, smtp: u16, clock: Arc<dyn Clock>) -> Self {
        let store =
            InMemoryStore::new(clock.clone(), Arc::new(SequentialIds::default()), LeasePolicy::default());
        Self { stores: Stores::of(Arc::new(store)), clock, table: table(imap, smtp), ids: Arc::default() }
    }

    pub(crate) fn channel(&self) -> Arc<dyn Channel> {
        self.channel_of(self.table.clone())
    }

    pub(crate) fn channel_of(&self, table: Value) -> Arc<dyn Channel> {
        let ids = Arc::new(SequentialIds::default());
        let deps = ChannelDeps { blobs: self.stores.blobs.clone(), clock: self.clock.clone(), ids };
        (email::KINDS[0].build)(table, &deps).expect("the table is fine")
    }

    fn inlet(&self) -> Inlet {
        self.inlet_asking(Arc::new(friends()))
    }

    fn inlet_asking(&self, admission: Arc<dyn Admission>) -> Inlet {
        Inlet::new(InletSetup {
            stores: self.stores.clone(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
            worker: WorkerId(Uuid::from_u128(98)),
            admission,
            channel: "email".to_owned(),
            account: USER.to_owned(),
            policy: InletPolicy::default(),
        })
    }

    /// Starts the channel.
    pub(crate) fn run(&self) -> Running {
        self.start_on(self.inlet())
    }

    /// Starts the channel with somebody else who decides about senders.
    pub(crate) fn start_asking(&self, admission: Arc<dyn Admission>) -> Running {
        self.start_on(self.inlet_asking(admission))
    }

    fn start_on(&self, inlet: Inlet) -> Running {
        let (channel, stop) = (self.channel(), CancellationToken::new());
        let for_task = stop.clone();
        #[expect(clippy::disallowed_methods, reason = "its owner, `Running`, stops or kills it")]
        let task = tokio::spawn(async move { channel.run(inlet, for_task).await });
        Running { stop, task }
    }

    /// Everything in the inbox that nobody has read yet, once there are `n`; each is then read.
    pub(crate) async fn arrived(&self, n: usize) -> Vec<Inbound> {
        let worker = WorkerId(Uuid::from_u128(99));
        let mut rows = Vec::new();
        let enough = async {
            while rows.len() < n {
                match self.stores.mailbox.lease(worker, LeaseFrom::Any).await.expect("the store answers") {
                    Some(turn) => {
                        rows.extend(turn.founders.iter().map(|row| row.inbound.clone()));
                        let done =
                            self.stores.mailbox.commit(&turn.lease, Outcome::Quiet, Writes::default()).await;
                        done.expect("it is ours");
                    }
                    None => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, enough).await.is_ok();
        assert!(in_time, "{n} mails arrive; so far: {rows:#?}");
        rows
    }

    /// Whether nothing waits in the inbox.
    pub(crate) async fn is_quiet(&self) -> bool {
        let worker = WorkerId(Uuid::from_u128(99));
        self.stores.mailbox.lease(worker, LeaseFrom::Any).await.expect("the store answers").is_none()
    }
}

/// Waits until it is true.
pub(crate) async fn eventually(what: &str, mut there: impl FnMut() -> bool) {
    let wait = async {
        while !there() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "{what}");
}

/// Lets in the two friends.
pub(crate) fn friends() -> AllowList {
    AllowList(vec![FRIEND.to_owned(), SECOND_FRIEND.to_owned()])
}

/// A table for servers on these ports.
fn table(imap: u16, smtp: u16) -> Value {
    json!({
        "address": USER,
        "consent": true,
        "imap_host": "127.0.0.1",
        "imap_port": imap,
        "imap_tls": "none",
        "imap_password": PASSWORD,
        "smtp_host": "127.0.0.1",
        "smtp_port": smtp,
        "smtp_tls": "none",
        "authserv_id": SERVER,
    })
}
