//! Scheduled jobs: what a look costs among many, how late they begin, and what they cost while none is due.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use factotum::{SystemClock, SystemIds};
use schedule::{JobRequest, Payload, When, Zones};
use session_api::{
    Batch, Clock as _, Job, JobStore as _, JobWrite, Mailbox as _, Principal, Route, SessionKey, Timestamp,
    WorkerId, Writes,
};
use sqlite_store::{Durability, OpenOptions, SqliteStore};

use crate::Setting;
use crate::embedded::runtime;
use crate::figure::{Figure, Goal, Samples};
use crate::machine::Stopwatch;

/// Jobs that are written by one commit.
const BATCH: usize = 1_000;
/// Looks whose time is taken.
const LOOKS: usize = 500;
/// Before the first of them nothing is due.
const AHEAD: Duration = Duration::from_secs(365 * 86_400);

/// A job that calculates something, at this time.
pub(crate) fn job(number: usize, at: Timestamp) -> Result<Job> {
    let payload = Payload::Tool {
        name: "calculate_expression".into(),
        arguments: serde_json::json!({ "expression": format!("{number} + 1") }),
    };
    let reply = Route::to_session(&SessionKey::new("cli", "local", "jobs"));
    let request = JobRequest {
        name: format!("job {number}"),
        ..JobRequest::new(When::At { at }, payload, Principal::owner(), reply)
    };
    Ok(request.into_job(SystemClock::new().now(), &Zones::utc(), &SystemIds)?)
}

/// Does something with a store, which has ended afterwards.
pub(crate) fn with_store<T>(
    home: &std::path::Path,
    work: impl AsyncFnOnce(&SqliteStore) -> Result<T>,
) -> Result<T> {
    runtime()?.block_on(async {
        let mut options = OpenOptions::new(home, WorkerId::new(&SystemIds));
        options.durability = Durability::Process;
        let (store, writer) =
            SqliteStore::open(options, Arc::new(SystemClock::new()), Arc::new(SystemIds)).await?;
        let mut writing = tokio::task::JoinSet::new();
        writing.spawn(writer.run());
        let done = work(&store).await;
        drop(store);
        while let Some(ended) = writing.join_next().await {
            ended??;
        }
        done
    })
}

/// Stores jobs.
pub(crate) async fn put(store: &SqliteStore, jobs: Vec<Job>) -> Result<()> {
    for some in jobs.chunks(BATCH) {
        let jobs = some.iter().cloned().map(JobWrite::Put).collect();
        let batch = Batch { writes: Writes { jobs, ..Writes::default() }, ..Batch::default() };
        drop(store.accept(None, batch, None).await?);
    }
    Ok(())
}

/// `COUNT` jobs, none of them due.
pub(crate) async fn fill(store: &SqliteStore, count: usize) -> Result<()> {
    let from = SystemClock::new().now().plus(AHEAD);
    let jobs: Result<Vec<Job>> =
        (0..count).map(|n| job(n, from.plus(Duration::from_secs(u64::try_from(n)?)))).collect();
    put(store, jobs?).await
}

/// `COUNT` is how many jobs are stored.
pub(crate) fn tick(setting: &Setting) -> Result<Vec<Figure>> {
    let home = tempfile::Builder::new().prefix("jobs-").tempdir_in(&setting.dir)?;
    let worker = WorkerId::new(&SystemIds);
    with_store(home.path(), async |store| {
        fill(store, setting.count).await?;
        let (mut looks, mut fires) = (Samples::default(), Samples::default());
        for round in 0..LOOKS {
            let watch = Stopwatch::start();
            anyhow::ensure!(store.next_job_at().await?.is_some(), "no job is stored");
            looks.add(watch.elapsed());
            let now = SystemClock::new().now();
            put(store, vec![job(setting.count + round, now)?]).await?;
            let watch = Stopwatch::start();
            let claimed = store.claim_due(worker, now, 64).await?;
            anyhow::ensure!(claimed.len() == 1, "{} jobs were due", claimed.len());
            let done = Job { due: None, next_run_at: None, ..claimed[0].job.clone() };
            let writes = Writes { jobs: vec![JobWrite::Put(done)], ..Writes::default() };
            store.fire(&claimed[0], writes).await?;
            fires.add(watch.elapsed());
        }
        let what = format!("jobs: a look, {} stored", setting.count);
        let look = Figure::millis(what, &looks).goal(Goal::AtMost(2.0));
        let fire = Figure::millis(format!("jobs: claim and fire one of {}", setting.count), &fires);
        Ok(vec![look, fire.note("durability `process`")])
    })
}
