//! Agents: what a thousand of them hold while their models think.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use factotum::{SystemClock, SystemIds};
use servers::{Gate, ModelServer, Reply, Script};
use session_api::{
    Batch, Clock as _, InboundId, Mailbox as _, Outside, Principal, Route, RunOverrides, SessionKey,
};
use subagents::{AgentLimits, Start, narrowed, row};

use super::{PATIENCE, Running, home};
use crate::Setting;
use crate::figure::{Figure, Goal};
use crate::jobs::with_store;
use crate::machine::Stopwatch;

/// How long a gateway rests before its memory counts.
const REST: Duration = Duration::from_secs(2);

/// `COUNT` is how many agents are under way at once.
pub(crate) fn run(setting: &Setting) -> Result<Vec<Figure>> {
    let gate = Gate::new();
    let held = gate.clone();
    let server = ModelServer::start(Script::by(move |_, _| Reply::text("found").held_by(&held)));
    let more = format!("[gateway]\nmax_concurrent_turns = {}\n", setting.count);
    let home = home(&setting.dir, &server.base_url(), &more)?;
    let idle = {
        let mut gateway = Running::start(&setting.binary, home.path())?;
        gateway.ready()?;
        sleep(REST);
        let idle = gateway.memory()?;
        gateway.end()?;
        idle
    };
    let parent = SessionKey::new("cli", "local", "bench");
    with_store(home.path(), async |store| {
        let run = narrowed(&AgentLimits::default(), &RunOverrides::default(), &[], "bench".into(), None)?;
        let rows = (0..setting.count).map(|n| {
            row(Start {
                id: InboundId::new(&SystemIds),
                parent: &parent,
                reply: &Route::to_session(&parent),
                principal: &Principal::owner(),
                task: format!("find {n}"),
                outside: &Outside::default(),
                overrides: run.clone(),
                now: SystemClock::new().now(),
            })
        });
        drop(store.accept(None, Batch { rows: rows.collect(), ..Batch::default() }, None).await?);
        Ok(())
    })?;
    let mut gateway = Running::start(&setting.binary, home.path())?;
    gateway.ready()?;
    let watch = Stopwatch::start();
    while server.requests().len() < setting.count {
        ensure!(watch.elapsed() < PATIENCE, "only {} agents were asked for", server.requests().len());
        sleep(Duration::from_millis(50));
    }
    let begun = watch.elapsed();
    sleep(REST);
    let busy = gateway.memory()?;
    gate.open();
    gateway.kill9()?;
    let what = format!("{} agents in flight: memory above idle", setting.count);
    let note = format!(
        "{idle:.1} MiB idle, {busy:.1} MiB with them; all were begun after {:.0} ms",
        begun.as_secs_f64() * 1e3
    );
    Ok(vec![Figure::new(what, "MiB", busy - idle).goal(Goal::AtMost(60.0)).note(note)])
}
