//! Many sessions at once.

use std::sync::Arc;

use anyhow::Result;
use factotum::Assistant;
use tokio::task::JoinSet;

use crate::Setting;
use crate::embedded::{Durability, assistant, home, runtime, say, session};
use crate::figure::{Figure, Goal};
use crate::machine::{Stopwatch, fsync, own_cpu, own_memory};
use crate::model_server::ModelServer;

/// Sessions that talk at the same time.
const SESSIONS: usize = 64;

/// Turns of each session before the first that counts.
const WARM: usize = 2;

pub(crate) fn throughput(setting: &Setting) -> Result<Vec<Figure>> {
    let server = ModelServer::start(&setting.server)?;
    let mut figures = Vec::new();
    for (durability, goal) in [(Durability::Power, 600.0), (Durability::Process, 900.0)] {
        let disk = fsync(&setting.dir, 100)?.median();
        let home = home(&setting.dir, server.base_url(), durability)?;
        let run = runtime()?.block_on(async {
            let assistant = Arc::new(assistant(home.path()).await?);
            all_talk(&assistant, WARM).await?;
            let commits = || assistant.database().map_or(0, |database| database.commits());
            let before = (own_cpu()?, server.cpu()?, commits());
            let watch = Stopwatch::start();
            all_talk(&assistant, setting.count).await?;
            let seconds = watch.elapsed().as_secs_f64();
            let turns = (SESSIONS * setting.count) as f64;
            let run = Run {
                rate: turns / seconds,
                cpu: (own_cpu()? - before.0) / turns,
                server_cpu: (server.cpu()? - before.1) / turns,
                commits: (commits() - before.2) as f64 / turns,
            };
            end(assistant).await?;
            anyhow::Ok(run)
        })?;
        let word = durability.word();
        let what = format!("turns/s at `{word}`, {SESSIONS} sessions, {} turns each", setting.count);
        let note = format!(
            "a turn takes {:.2} ms CPU of ours, {:.2} ms of the model server and the kernel for it, and {:.2} commits",
            run.cpu, run.server_cpu, run.commits
        );
        let rate = Figure::new(what, "/s", run.rate).goal(Goal::AtLeast(goal)).note(note);
        figures.push(rate.beside("fsyncs/s, one after the other", 1_000.0 / disk));
        let cpu = Figure::new(format!("CPU for a turn at `{word}`, the same run"), "ms", run.cpu);
        figures.push(cpu.beside("CPU of the model server", run.server_cpu).goal(Goal::AtMost(0.8)));
    }
    Ok(figures)
}

struct Run {
    rate: f64,
    cpu: f64,
    server_cpu: f64,
    commits: f64,
}

pub(crate) fn memory(setting: &Setting) -> Result<Vec<Figure>> {
    let server = ModelServer::start(&setting.server)?;
    let home = home(&setting.dir, server.base_url(), Durability::Process)?;
    let before = own_memory()?;
    let each = setting.count.div_ceil(SESSIONS);
    let (started, after) = runtime()?.block_on(async {
        let assistant = Arc::new(assistant(home.path()).await?);
        let started = own_memory()?;
        all_talk(&assistant, each).await?;
        let after = own_memory()?;
        end(assistant).await?;
        anyhow::Ok((started, after))
    })?;
    let what = format!("memory (PSS) after {} turns over {SESSIONS} sessions", each * SESSIONS);
    let figure = Figure::new(what, "MiB", after).beside("before the first turn", started);
    Ok(vec![figure.goal(Goal::AtMost(30.0)).note(format!("{before:.1} MiB before the assistant was built"))])
}

/// Every session takes its turns one after the other, all sessions at once.
async fn all_talk(assistant: &Arc<Assistant>, turns: usize) -> Result<()> {
    let mut talking = JoinSet::new();
    for n in 0..SESSIONS {
        let (assistant, session) = (assistant.clone(), session(format!("s{n}")));
        talking.spawn(async move {
            for _ in 0..turns {
                say(&assistant, &session, "Hello there, how are you today?").await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = talking.join_next().await {
        ended??;
    }
    Ok(())
}

async fn end(assistant: Arc<Assistant>) -> Result<()> {
    // All tasks that held it have ended.
    if let Some(assistant) = Arc::into_inner(assistant) {
        assistant.shutdown().await?;
    }
    Ok(())
}
