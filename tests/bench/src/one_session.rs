//! A turn in a running process, one session.

use anyhow::Result;

use crate::Setting;
use crate::embedded::{Durability, assistant, home, runtime, say, session};
use crate::figure::{Figure, Goal, Samples};
use crate::machine::{Stopwatch, fsync, own_cpu};
use crate::model_server::ModelServer;

/// Turns before the first that counts: caches, connections, the history's first page.
const WARM: usize = 20;

pub(crate) fn run(setting: &Setting) -> Result<Vec<Figure>> {
    let server = ModelServer::start(&setting.server)?;
    let mut figures = Vec::new();
    for durability in [Durability::Power, Durability::Process] {
        // Before and after, so that a disk that changes its mind meanwhile is noticed.
        let mut disk = fsync(&setting.dir, 100)?;
        let (turns, cpu, commits) = measure(setting, &server, durability)?;
        disk.append(&fsync(&setting.dir, 100)?);
        let bare = server.bare_exchange(100, 100)?.median();
        let what =
            format!("a turn at `{}`, one session, turns {WARM} to {}", durability.word(), WARM + turns.len());
        let figure = Figure::millis(what, &turns).note(format!(
            "of it {bare:.2} ms is a bare exchange with the model server; {cpu:.2} ms CPU and {commits:.1} commits a turn"
        ));
        figures.push(match durability {
            Durability::Power => figure
                .beside("2 x fsync p50", 2.0 * disk.median())
                .goal(Goal::AtMost(2.0 * disk.median() + 2.0)),
            Durability::Process => figure.beside("fsync p50", disk.median()).goal(Goal::AtMost(2.0)),
        });
    }
    Ok(figures)
}

/// The turns, CPU in milliseconds a turn, commits a turn.
fn measure(setting: &Setting, server: &ModelServer, durability: Durability) -> Result<(Samples, f64, f64)> {
    let home = home(&setting.dir, server.base_url(), durability)?;
    runtime()?.block_on(async {
        let assistant = assistant(home.path()).await?;
        let session = session("one");
        let commits = || assistant.database().map_or(0, |database| database.commits());
        let mut samples = Samples::default();
        let mut before = (own_cpu()?, commits());
        for turn in 0..WARM + setting.count {
            if turn == WARM {
                before = (own_cpu()?, commits());
            }
            let watch = Stopwatch::start();
            say(&assistant, &session, "Hello there, how are you today?").await?;
            if turn >= WARM {
                samples.add(watch.elapsed());
            }
        }
        let turns = samples.len().max(1) as f64;
        let cpu = (own_cpu()? - before.0) / turns;
        let commits = (commits() - before.1) as f64 / turns;
        assistant.shutdown().await?;
        Ok((samples, cpu, commits))
    })
}
