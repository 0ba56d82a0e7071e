//! Embeds the core alone: a store in memory, a model that answers from a script, one tool, and ports of our own for
//! time, ids and tasks. Nothing here needs a network, a key or a file.
//!
//! `cargo run -p agent-core --example embed_core`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use agent_core::{
    BudgetConfig, ChosenModel, Core, Factotum, LocalBus, Models, NoPrompts, NoSecrets, NoSkills, Ports,
    RunEventKind, RunRequest, ScriptedProvider, ScriptedReply, Spawn, SpendingCaps, gateway::Channels,
    turn::Limits,
};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use session_api::{
    Clock, IdSource, InMemoryStore, LeasePolicy, SequentialIds, SessionKey, Stores, Timestamp, WorkerId,
};
use tokio::task::JoinSet;
use tool_api::{AlwaysAllow, Effect, Registry, ScriptedTool, Tool, ToolOutput, ToolSource};

/// The clock of this machine.
struct MachineClock(Instant);

impl Clock for MachineClock {
    #[expect(clippy::disallowed_methods, reason = "this is the embedder's clock")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// Tasks that end with this value at the latest.
#[derive(Default)]
struct Tasks(Mutex<JoinSet<()>>);

impl Spawn for Tasks {
    fn spawn(&self, _name: &'static str, task: BoxFuture<'static, ()>) {
        self.0.lock().spawn(task);
    }
}

fn core(provider: ScriptedProvider) -> Result<Core, String> {
    let weather = ScriptedTool::new("weather", Effect::Pure, vec![Ok(ToolOutput::text("rain, 9 °C"))]);
    let tools: Vec<Arc<dyn Tool>> = vec![Arc::new(weather)];
    let tools =
        Registry::new(&[Arc::new(tools) as Arc<dyn ToolSource>]).map_err(|taken| format!("{taken:?}"))?;
    Ok(Core {
        models: Models::new(ChosenModel::new(Arc::new(provider), "demo"), Vec::new()),
        tools,
        approver: Arc::new(AlwaysAllow),
        hooks: Vec::new(),
        prompts: Arc::new(NoPrompts),
        skills: Arc::new(NoSkills),
        transcriber: None,
        limits: Limits::default(),
        caps: SpendingCaps::default(),
        budget: BudgetConfig::default(),
        compaction: agent_core::Compaction::default(),
        effort: None,
        approval_expiry: Duration::from_secs(600),
        zones: Default::default(),
        autonomy: agent_core::Autonomy::default(),
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let provider = ScriptedProvider::new(vec![
        ScriptedReply::tool("weather", &serde_json::json!({ "place": "Köln" })),
        ScriptedReply::text("It rains in Köln, and it is 9 °C."),
    ]);
    #[expect(clippy::disallowed_methods, reason = "this is the embedder's clock")]
    let clock: Arc<dyn Clock> = Arc::new(MachineClock(Instant::now()));
    let ids: Arc<dyn IdSource> = Arc::new(SequentialIds::default());
    let policy = LeasePolicy::default();
    let store = InMemoryStore::new(clock.clone(), ids.clone(), policy);
    let factotum = Factotum::new(
        Ports {
            stores: Stores::of(Arc::new(store)),
            channels: Channels::default(),
            redact: Arc::new(NoSecrets),
            worker: WorkerId::new(ids.as_ref()),
            clock,
            ids,
            bus: Arc::new(LocalBus::default()),
            spawn: Arc::new(Tasks::default()),
            lease_ttl: policy.ttl,
        },
        core(provider)?,
    );

    let session = SessionKey::new("library", "demo", "main");
    let mut stream = factotum.run_streamed(RunRequest::new(session, "What is the weather in Köln?")).await?;
    let mut pieces = 0_u32;
    while let Some(event) = stream.next().await {
        match event.kind {
            RunEventKind::ToolStarted { name, arguments, .. } => println!("calls {name} {arguments}"),
            RunEventKind::TextDelta { .. } => pieces += 1,
            _ => {}
        }
    }
    let result = stream.wait().await?;
    println!("{} (in {pieces} pieces)", result.content);
    Ok(())
}
