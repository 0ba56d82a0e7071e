//! A channel in front of a fake Slack, and an inlet to look into.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use agent_core::{
    Admission, AllowList, Arrival, Channel, ChannelDeps, ChannelError, Inlet, InletPolicy, InletSetup,
    Judgement,
};
use async_trait::async_trait;
use serde_json::{Value, json};
use servers::slack::{APP_TOKEN, BOT_TOKEN, FakeSlack, SIGNING_SECRET, World};
use session_api::{
    InMemoryStore, Inbound, LeaseFrom, LeasePolicy, ManualClock, Outcome, Part, SequentialIds, StoreError,
    Stores, Timestamp, WorkerId, Writes,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The longest that anything on this machine may take.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Who may speak.
pub(crate) const FRIEND: &str = "UFRIEND";

/// Who may not.
pub(crate) const STRANGER: &str = "USTRANGER";

/// The account that the fake's bot has.
pub(crate) const ACCOUNT: &str = "T1-UBOT";

/// The time at which the clocks of tests stand, in seconds since 1970.
pub(crate) const NOW: i64 = 1_800_000_000;

/// The table for a fake.
pub(crate) fn table(fake: &FakeSlack) -> Value {
    json!({
        "bot_token": BOT_TOKEN, "app_token": APP_TOKEN, "signing_secret": SIGNING_SECRET,
        "api_url": fake.api_url(),
    })
}

/// The channel of a table, as `app` would build it.
pub(crate) fn build(table: Value, stores: &Stores, clock: &ManualClock) -> Arc<dyn Channel> {
    let kind = channels::KINDS.iter().find(|kind| kind.name == "slack").expect("slack is built in");
    let deps = ChannelDeps {
        blobs: Arc::clone(&stores.blobs),
        clock: Arc::new(clock.clone()),
        ids: Arc::new(SequentialIds::default()),
    };
    (kind.build)(table, &deps).expect("the table makes sense")
}

/// Empty stores.
pub(crate) fn stores() -> Stores {
    let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
    Stores::of(Arc::new(InMemoryStore::new(clock, ids, LeasePolicy::default())))
}

/// Lets the friend in, or fails like a store that is full.
#[derive(Default)]
struct Gate {
    full: AtomicBool,
}

#[async_trait]
impl Admission for Gate {
    async fn judge(&self, channel: &str, account: &str, arrival: &Arrival) -> Result<Judgement, StoreError> {
        if self.full.load(Ordering::SeqCst) {
            return Err(StoreError::Full { what: "the test".into() });
        }
        AllowList(vec![FRIEND.into()]).judge(channel, account, arrival).await
    }
}

/// Everything a test needs. The clock stands still unless a test moves it.
pub(crate) struct Bench {
    pub(crate) fake: FakeSlack,
    pub(crate) channel: Arc<dyn Channel>,
    pub(crate) stores: Stores,
    pub(crate) clock: ManualClock,
    pub(crate) inlet: Inlet,
    pub(crate) stop: CancellationToken,
    gate: Arc<Gate>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::over(FakeSlack::start(), |_| {})
    }

    /// Over this fake, with another table.
    pub(crate) fn over(fake: FakeSlack, change: impl FnOnce(&mut Value)) -> Self {
        let stores = stores();
        let clock = ManualClock::at(Timestamp(NOW * 1000));
        let mut table = table(&fake);
        change(&mut table);
        let channel = build(table, &stores, &clock);
        let ids = Arc::new(SequentialIds::default());
        let gate = Arc::new(Gate::default());
        let inlet = Inlet::new(InletSetup {
            stores: stores.clone(),
            clock: Arc::new(clock.clone()),
            worker: WorkerId::new(ids.as_ref()),
            ids,
            admission: gate.clone(),
            channel: "slack".into(),
            account: ACCOUNT.into(),
            policy: InletPolicy::default(),
        });
        Self { fake, channel, stores, clock, inlet, stop: CancellationToken::new(), gate }
    }

    /// From now on nothing can be stored, or everything again.
    pub(crate) fn refuse(&self, on: bool) {
        self.gate.full.store(on, Ordering::SeqCst);
    }

    /// Runs the channel beside the test.
    pub(crate) fn run(&self) -> JoinHandle<Result<(), ChannelError>> {
        let (channel, inlet, stop) = (Arc::clone(&self.channel), self.inlet.clone(), self.stop.clone());
        #[expect(clippy::disallowed_methods, reason = "the test awaits it")]
        tokio::spawn(async move { channel.run(inlet, stop).await })
    }

    /// Stops the channel and waits for its end.
    pub(crate) async fn end(&self, run: JoinHandle<Result<(), ChannelError>>) {
        self.stop.cancel();
        let ended = tokio::time::timeout(SOON, run).await.expect("it ends soon").expect("it does not panic");
        ended.expect("a stopped channel ends well");
    }

    /// Waits until the fake has seen this.
    pub(crate) async fn seen(&self, what: &str, done: impl Fn(&World) -> bool) {
        self.fake.reached(what, SOON, done).await.expect("the fake sees it");
    }

    /// Waits for the acknowledgement of an envelope.
    pub(crate) async fn acked(&self, envelope: &str) {
        self.seen("an acknowledgement", |world| world.acked(envelope)).await;
    }

    /// Everything in the inbox, in order; it is taken out.
    pub(crate) async fn inbox(&self) -> Vec<Inbound> {
        let worker = WorkerId::new(&SequentialIds::default());
        let mut rows = Vec::new();
        while let Some(turn) =
            self.stores.mailbox.lease(worker, LeaseFrom::Any).await.expect("the store answers")
        {
            rows.extend(turn.founders.iter().map(|row| row.inbound.clone()));
            let done = self.stores.mailbox.commit(&turn.lease, Outcome::Quiet, Writes::default()).await;
            done.expect("it is ours");
        }
        rows
    }
}

/// The texts of a row.
pub(crate) fn texts(row: &Inbound) -> Vec<&str> {
    row.parts.iter().filter_map(Part::as_text).collect()
}
