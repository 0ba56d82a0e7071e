//! An assistant in memory.

mod agents;
mod mailbox;
mod platform;
mod probe;
mod provider;
mod trap;

use std::{future::Future, sync::Arc, time::Duration};

use agent_core::{
    BudgetConfig, ChosenModel, Core, Factotum, LlmProvider, LocalBus, Models, NoPrompts, NoSecrets, NoSkills,
    Ports, RunRequest, RunResult, ScriptedProvider, ScriptedReply, Spawn, SpendingCaps, gateway::Channels,
    turn::Limits,
};
use futures_util::{FutureExt as _, future::BoxFuture};
use parking_lot::Mutex;
use session_api::{
    Clock, InMemoryStore, LeaseFrom, LeasePolicy, Mailbox, ManualClock, Message, OutboxMessage, Page, Part,
    Scope, SequentialIds, SessionKey, Stores, Timestamp, Turn, TurnId, WorkerId,
};
use tokio::task::JoinSet;
use tool_api::{AlwaysAllow, Registry, Tool, ToolSource};
use uuid::Uuid;

pub(crate) use self::{
    agents::{Starter, agent},
    mailbox::TrappedMailbox,
    platform::{Fault, Platform},
    probe::{Does, Probe},
    provider::Reacting,
    trap::Trap,
};

/// How far the clock moves at once while a test waits. Far below every limit, so that a limit is not jumped over.
const TICK: Duration = Duration::from_millis(10);

/// The tasks of one process.
#[derive(Default)]
pub(crate) struct Tasks(Mutex<JoinSet<()>>);

impl Spawn for Tasks {
    fn spawn(&self, _name: &'static str, task: BoxFuture<'static, ()>) {
        self.0.lock().spawn(task);
    }
}

/// The conversation that tests speak in. Its channel is one whose reader fetches the answers.
pub(crate) fn session() -> SessionKey {
    SessionKey::new("cli", "local", "main")
}

/// A core with this model and these tools; its fields are public, tests change what they need.
pub(crate) fn core(provider: Arc<dyn LlmProvider>, tools: Vec<Arc<dyn Tool>>) -> Core {
    let default = ChosenModel::new(provider, "model");
    Core {
        models: Models::new(default, Vec::new()),
        tools: Registry::new(&[Arc::new(tools) as Arc<dyn ToolSource>]).expect("tools have different names"),
        approver: Arc::new(AlwaysAllow),
        hooks: Vec::new(),
        prompts: Arc::new(NoPrompts),
        skills: Arc::new(NoSkills),
        transcriber: None,
        verify: Default::default(),
        scopes: Default::default(),
        limits: Limits::default(),
        caps: SpendingCaps::default(),
        budget: BudgetConfig::default(),
        compaction: agent_core::Compaction::default(),
        effort: None,
        approval_expiry: Duration::from_secs(600),
        zones: Default::default(),
        autonomy: agent_core::Autonomy::default(),
    }
}

/// A model that answers from a script.
pub(crate) fn script(replies: Vec<ScriptedReply>) -> Arc<ScriptedProvider> {
    Arc::new(ScriptedProvider::new(replies))
}

/// No arguments.
pub(crate) fn none() -> serde_json::Value {
    serde_json::json!({})
}

/// One process with its assistant. Several can share one store.
pub(crate) struct TestApp {
    pub(crate) factotum: Factotum,
    pub(crate) store: InMemoryStore,
    pub(crate) stores: Stores,
    pub(crate) clock: ManualClock,
    pub(crate) ids: Arc<SequentialIds>,
    tasks: Arc<Tasks>,
    worker: WorkerId,
}

impl TestApp {
    /// The only process on an empty store.
    pub(crate) fn new(core: Core) -> Self {
        Self::with_mailbox(core, |stores| stores)
    }

    /// As [`new`](Self::new), with stores that `wrap` puts something around.
    pub(crate) fn with_mailbox(core: Core, wrap: impl FnOnce(Stores) -> Stores) -> Self {
        let clock = ManualClock::at(Timestamp(1_795_000_000_000));
        let ids = Arc::new(SequentialIds::default());
        let store = InMemoryStore::new(Arc::new(clock.clone()), ids.clone(), LeasePolicy::default());
        let stores = wrap(Stores::of(Arc::new(store.clone())));
        Self::open(core, store, stores, clock, ids, 1)
    }

    /// Another process on the same store, with a sound mailbox.
    pub(crate) fn another(&self, core: Core) -> Self {
        let stores = Stores::of(Arc::new(self.store.clone()));
        let number = self.worker.0.as_u128() as u64 % 100 + 1;
        Self::open(core, self.store.clone(), stores, self.clock.clone(), self.ids.clone(), number)
    }

    fn open(
        core: Core,
        store: InMemoryStore,
        stores: Stores,
        clock: ManualClock,
        ids: Arc<SequentialIds>,
        number: u64,
    ) -> Self {
        let tasks = Arc::new(Tasks::default());
        let worker = WorkerId(Uuid::from_u128((0xF0_00 << 64) | u128::from(number)));
        let ports = Ports {
            stores: stores.clone(),
            clock: Arc::new(clock.clone()),
            ids: ids.clone(),
            bus: Arc::new(LocalBus::default()),
            spawn: tasks.clone(),
            channels: Channels::default(),
            redact: Arc::new(NoSecrets),
            worker,
            lease_ttl: LeasePolicy::default().ttl,
        };
        Self { factotum: Factotum::new(ports, core), store, stores, clock, ids, tasks, worker }
    }

    /// Says `text` as the owner and waits for what comes of it.
    pub(crate) async fn say(&self, text: &str) -> RunResult {
        self.factotum.run(request(text)).await.expect("the run has a result")
    }

    /// The process dies at once: nothing of it runs any further, and others may know.
    pub(crate) fn crash(&self) {
        self.tasks.0.lock().abort_all();
        self.store.kill(self.worker);
    }

    /// Another worker takes what can be taken, as a process that this test plays itself.
    pub(crate) async fn store_lease(&self, worker: WorkerId) -> Option<Turn> {
        self.store.lease(worker, LeaseFrom::Any).await.expect("the store answers")
    }

    /// Waits for `what` while the clock runs on.
    pub(crate) async fn in_time<T>(&self, what: impl Future<Output = T>) -> T {
        while_time_passes(&self.clock, what).await
    }

    /// How much time has passed since the clock was made.
    pub(crate) fn elapsed(&self) -> Duration {
        self.clock.monotonic()
    }

    /// The conversation as stored.
    pub(crate) async fn history(&self) -> Vec<Message> {
        let page = Page { after: 0, limit: 1000 };
        let stored = self.stores.sessions.messages(&Scope::All, &session(), page).await.expect("readable");
        stored.into_iter().map(|stored| stored.message).collect()
    }

    /// What went out, oldest first.
    pub(crate) async fn outbox(&self) -> Vec<OutboxMessage> {
        let mut messages = self.stores.mailbox.outbox(&session(), 1000).await.expect("readable");
        messages.reverse();
        messages
    }
}

/// Whatever a test was about: each of its turns that ended must be replayed the same from what is stored of it. The store
/// is in memory, so that nothing of this ever waits.
impl Drop for TestApp {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let history = self.history().now_or_never().unwrap_or_default();
        let mut turns: Vec<TurnId> = history.iter().map(|message| message.turn).collect();
        turns.dedup();
        for turn in turns {
            let Some(Ok(Some(replay))) = self.factotum.replay(turn).now_or_never() else { continue };
            let recorded = self.factotum.recorded_turn(turn).now_or_never();
            assert_eq!(replay.divergence, None, "{replay}{recorded:#?}");
        }
    }
}

/// Waits for `what` while `clock` runs on, a little each time that all tasks had their turn.
pub(crate) async fn while_time_passes<T>(clock: &ManualClock, what: impl Future<Output = T>) -> T {
    let mut what = Box::pin(what);
    loop {
        tokio::select! {
            biased;
            done = &mut what => return done,
            () = tokio::task::yield_now() => clock.advance(TICK),
        }
    }
}

/// The owner says `text`.
pub(crate) fn request(text: &str) -> RunRequest {
    RunRequest::new(session(), text)
}

/// The text parts of an outgoing message.
pub(crate) fn text_of(message: &OutboxMessage) -> String {
    message.parts.iter().filter_map(Part::as_text).collect::<Vec<_>>().join("\n")
}

/// Each call's result stands right behind it.
#[track_caller]
pub(crate) fn assert_pairs(messages: &[Message]) {
    let mut open = Vec::new();
    for message in messages {
        let results: Vec<_> = message.tool_results().map(|result| result.call_id.clone()).collect();
        assert_eq!(results, open, "calls and results stand in neighbouring messages: {messages:#?}");
        open = message.tool_calls().map(|call| call.id.clone()).collect();
    }
    assert!(open.is_empty(), "calls without results: {open:?}");
}
