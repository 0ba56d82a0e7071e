//! What the tests share: servers, a channel in front of them, an inbox behind it, and mails.

use std::sync::Arc;
use std::time::Duration;

use agent_core::{Admission, AllowList, Channel, ChannelDeps, ChannelError, Inlet, InletPolicy, InletSetup};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use servers::mail::{Dovecot, ImapProxy, PASSWORD, SmtpServer, USER};
use session_api::{
    Clock, InMemoryStore, Inbound, LeaseFrom, LeasePolicy, OutPart, OutboxId, OutboxKind, Outcome, Part,
    PartClaim, PartId, PartState, Route, SequentialIds, Stores, Timestamp, WorkerId, Writes,
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

/// A channel with its servers, its inbox and whoever reads it.
pub(crate) struct Desk {
    pub(crate) dovecot: Dovecot,
    pub(crate) proxy: ImapProxy,
    pub(crate) smtp: SmtpServer,
    pub(crate) stores: Stores,
    pub(crate) clock: Arc<dyn Clock>,
    table: Value,
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

impl Desk {
    /// `None`, with a line that says so, where no dovecot is installed.
    pub(crate) fn open() -> Option<Self> {
        Self::with(|_| ())
    }

    /// The same with a changed table.
    pub(crate) fn with(change: impl FnOnce(&mut Value)) -> Option<Self> {
        Self::made(RealClock::new(), change)
    }

    /// The same in a time of its own.
    pub(crate) fn at(clock: Arc<dyn Clock>) -> Option<Self> {
        Self::made(clock, |_| ())
    }

    fn made(clock: Arc<dyn Clock>, change: impl FnOnce(&mut Value)) -> Option<Self> {
        let dovecot = Dovecot::start()?;
        let (proxy, smtp) = (ImapProxy::before(dovecot.port()), SmtpServer::start());
        let mut table = table(proxy.port(), smtp.port());
        change(&mut table);
        Some(Self { dovecot, proxy, smtp, stores: stores(&clock), clock, table, ids: Arc::default() })
    }

    pub(crate) fn table(&self) -> Value {
        self.table.clone()
    }

    pub(crate) fn channel_of(&self, table: Value) -> Arc<dyn Channel> {
        build(table, &self.stores, &self.clock)
    }

    /// Puts another proxy in between.
    pub(crate) fn through(&mut self, proxy: ImapProxy) {
        self.table["imap_port"] = json!(proxy.port());
        self.proxy = proxy;
    }

    pub(crate) fn channel(&self) -> Arc<dyn Channel> {
        self.channel_of(self.table())
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

    /// Starts the channel and waits until it listens for the `n`th time, counted over all starts.
    pub(crate) async fn start(&self, n: usize) -> Running {
        let running = self.start_unwatched();
        self.listens(n).await;
        running
    }

    pub(crate) fn start_unwatched(&self) -> Running {
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

    /// Waits until clients have begun `n` IDLEs.
    pub(crate) async fn listens(&self, n: usize) {
        assert!(self.proxy.counted("IDLE", n, PATIENCE).await, "the channel listens");
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

    /// Waits until the mail of this name is marked as read.
    pub(crate) async fn seen(&self, name: &str) {
        eventually("it is marked as read", || self.dovecot.inbox().seen(name)).await;
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

fn stores(clock: &Arc<dyn Clock>) -> Stores {
    let store = InMemoryStore::new(clock.clone(), Arc::new(SequentialIds::default()), LeasePolicy::default());
    Stores::of(Arc::new(store))
}

/// A table for servers on these ports.
pub(crate) fn table(imap: u16, smtp: u16) -> Value {
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

/// A channel that has no inbox behind it.
pub(crate) fn channel(table: Value, clock: &Arc<dyn Clock>) -> Arc<dyn Channel> {
    build(table, &stores(clock), clock)
}

fn build(table: Value, stores: &Stores, clock: &Arc<dyn Clock>) -> Arc<dyn Channel> {
    let ids = Arc::new(SequentialIds::default());
    let deps = ChannelDeps { blobs: stores.blobs.clone(), clock: clock.clone(), ids };
    (email::KINDS[0].build)(table, &deps).expect("the table is fine")
}

/// A text for the friend that is ready to be sent.
pub(crate) fn reply(text: &str, id: u128) -> PartClaim {
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
            channel: "email".to_owned(),
            account: USER.to_owned(),
            chat: FRIEND.to_owned(),
            thread: None,
            reply_to: None,
        },
        kind: OutboxKind::Reply,
        token: 1,
    }
}

/// A mail from `sender`, authenticated by the receiving server.
pub(crate) fn mail(id: &str, sender: &str, more: &str, text: &str) -> String {
    let domain = sender.rsplit('@').next().unwrap_or_default();
    format!(
        "Authentication-Results: {SERVER}; dkim=pass header.d={domain}; dmarc=pass header.from={domain}\r\n\
         From: Alice <{sender}>\r\nTo: {USER}\r\nMessage-ID: <{id}>\r\n{more}\
         Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    )
}

/// The texts of an arrival.
pub(crate) fn texts(row: &Inbound) -> Vec<&str> {
    row.parts.iter().filter_map(Part::as_text).collect()
}
