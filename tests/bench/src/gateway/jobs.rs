//! A gateway with jobs: how late they begin, and what they cost while none is due.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use factotum::SystemClock;
use session_api::{Clock as _, Job, JobStore as _};

use super::{Running, home};
use crate::Setting;
use crate::figure::{Figure, Goal, Samples};
use crate::jobs::{fill, job, put, with_store};
use crate::machine::{Stopwatch, load_average};
use crate::model_server::ModelServer;

/// Jobs that come due in a second.
const PER_SECOND: usize = 200;
/// Until the first of them is due.
const LEAD: Duration = Duration::from_secs(10);
/// Jobs of the idle gateway.
const STORED: usize = 100_000;
/// How long after its start everything has come to rest.
const SETTLE: Duration = Duration::from_secs(15);

/// `COUNT` is for how many seconds jobs come due, and for how many the idle gateway is watched.
pub(crate) fn run(setting: &Setting) -> Result<Vec<Figure>> {
    let server = ModelServer::start(&setting.server)?;
    let late = late(setting, &server)?;
    let idle = idle(setting, &server)?;
    Ok(vec![late, idle])
}

fn late(setting: &Setting, server: &ModelServer) -> Result<Figure> {
    let home = home(&setting.dir, server.base_url(), "")?;
    let mut gateway = Running::start(&setting.binary, home.path())?;
    gateway.ready()?;
    let count = PER_SECOND * setting.count;
    let from = SystemClock::new().now().plus(LEAD);
    let step = Duration::from_secs(1) / u32::try_from(PER_SECOND)?;
    let jobs: Result<Vec<Job>> = (0..count).map(|n| job(n, from.plus(step * u32::try_from(n)?))).collect();
    let jobs = jobs?;
    with_store(home.path(), async |store| put(store, jobs.clone()).await)?;
    sleep(LEAD + Duration::from_secs(u64::try_from(setting.count)? + 2));
    let samples = with_store(home.path(), async |store| {
        let mut samples = Samples::default();
        for job in &jobs {
            let runs = store.job_runs(job.id, 9).await?;
            ensure!(runs.len() == 1, "{} ran {} times", job.name, runs.len());
            samples.add(runs[0].fired_at.since(runs[0].due));
        }
        Ok(samples)
    })?;
    gateway.end()?;
    let (middle, p99) = (samples.percentile(50), samples.percentile(99));
    let note = format!(
        "median {middle:.0} ms, latest {:.0} ms; load average {:.1}",
        samples.percentile(100),
        load_average()?
    );
    let figure = Figure::new(format!("jobs: lateness at {PER_SECOND}/s, {count} jobs, p99"), "ms", p99);
    Ok(figure.goal(Goal::AtMost(250.0)).note(note))
}

fn idle(setting: &Setting, server: &ModelServer) -> Result<Figure> {
    let home = home(&setting.dir, server.base_url(), "")?;
    with_store(home.path(), async |store| fill(store, STORED).await)?;
    let mut gateway = Running::start(&setting.binary, home.path())?;
    gateway.ready()?;
    sleep(SETTLE);
    let before = gateway.cpu()?;
    let watch = Stopwatch::start();
    sleep(Duration::from_secs(u64::try_from(setting.count)?));
    let millis = gateway.cpu()? - before;
    let share = millis / watch.elapsed().as_secs_f64() / 10.0;
    let memory = gateway.memory()?;
    gateway.end()?;
    let figure =
        Figure::new(format!("idle gateway, {STORED} jobs stored: CPU over {} s", setting.count), "%", share);
    Ok(figure.goal(Goal::AtMost(0.1)).note(format!("{millis:.1} ms of CPU, {memory:.1} MiB")))
}
