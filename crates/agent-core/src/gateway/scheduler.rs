//! Fires the jobs that are due.
//!
//! A job that fires becomes an inbound row of its own conversation, in the same commit as its next time: from there on it
//! is a message like any other. What this keeps in memory is nothing but when to look again.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use schedule::{JobDefinition, Payload, ScheduleError, due};
use session_api::{Job, JobLease, JobRun, JobWrite, Scope, StoreError, Timestamp, Writes};
use tokio_util::sync::CancellationToken;

use super::{Shared, backoff::Backoff, job_check::Check, measure, notices};
use crate::{
    gateway::stable_id,
    jobs::{self, left_out},
    spending::dollars,
};

/// Most jobs that are fired at the same time; they share commits.
const AT_ONCE: usize = 64;
/// How often to look when nothing is due: a wall clock may have been set, or a machine have slept.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// The shortest wait for a job that is due and that nobody may claim: another process is about to fire it.
const BREATH: Duration = Duration::from_millis(100);
/// The longest pause before a store in trouble is asked again.
const STORE_AGAIN: Duration = Duration::from_secs(5);
/// A wall clock that went back so far, measured with the monotonic one, was set.
const SET_BACK: Duration = Duration::from_secs(2);
/// Fires jobs until `stop`.
pub(super) async fn schedule(shared: &Arc<Shared>, stop: CancellationToken) {
    let ports = &shared.ports;
    let mut begun = false;
    let mut check = Check::default();
    let mut trouble = Backoff::default();
    let mut last = (ports.clock.now(), ports.clock.monotonic());
    while !stop.is_cancelled() {
        let now = (ports.clock.now(), ports.clock.monotonic());
        // Before times that a clock ahead left behind are waited for.
        let set_back = last.0.since(now.0) + now.1.saturating_sub(last.1) > SET_BACK && now.0 < last.0;
        last = now;
        let looked = async {
            if !begun {
                // A fire that was cut off with the role left its claim behind, and we live.
                ports.stores.jobs.release_jobs(ports.worker).await?;
                begun = true;
            }
            if set_back {
                tracing::warn!("the system's clock was set back; the times of jobs are looked through");
                check = Check::default();
                check.page(shared).await?;
            }
            // Read before the jobs are, so that what comes in between ends the wait at once.
            let version = ports.stores.mailbox.changed(0).await?;
            let pause = look(shared).await?;
            // What is due goes before what may be wrong.
            if pause.is_some() && !check.done {
                check.page(shared).await?;
                return Ok((version, None));
            }
            Ok::<_, StoreError>((version, pause))
        };
        let pause = match looked.await {
            Ok((_, None)) => continue,
            Ok((version, Some(pause))) => {
                trouble = Backoff::default();
                tokio::select! {
                    () = stop.cancelled() => return,
                    changed = ports.stores.mailbox.changed(version) => match changed {
                        Ok(_) => continue,
                        Err(_) => LOOK_AGAIN,
                    },
                    () = ports.clock.sleep(pause) => continue,
                }
            }
            Err(error) => {
                tracing::warn!(%error, "jobs could not be looked at");
                trouble.next(ports.ids.as_ref()).min(STORE_AGAIN)
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = ports.clock.sleep(pause) => {}
        }
    }
}

/// Fires what is due. How long to wait then, at most; `None`: more may be due.
async fn look(shared: &Arc<Shared>) -> Result<Option<Duration>, StoreError> {
    let ports = &shared.ports;
    let now = ports.clock.now();
    let wait = match ports.stores.jobs.next_job_at().await? {
        None => return Ok(Some(LOOK_AGAIN)),
        Some(at) => at.since(now),
    };
    if !wait.is_zero() {
        return Ok(Some(wait.min(LOOK_AGAIN)));
    }
    crate::failpoint("job_claim.before");
    let claimed = ports.stores.jobs.claim_due(ports.worker, now, AT_ONCE).await?;
    if claimed.is_empty() {
        return Ok(Some(BREATH));
    }
    crate::failpoint("job_claim.after");
    join_all(claimed.iter().map(|lease| fire(shared, lease))).await;
    Ok(None)
}

/// Fires one job, however long the store takes: a claim that is left open would keep the job from ever running.
async fn fire(shared: &Shared, lease: &JobLease) {
    let ports = &shared.ports;
    let mut trouble = Backoff::default();
    loop {
        let now = ports.clock.now();
        let done = async {
            let (writes, problem) = decide(shared, &lease.job, now).await?;
            crate::failpoint("fire.before");
            ports.stores.mailbox.fire(lease, writes).await?;
            crate::failpoint("fire.after");
            Ok::<_, StoreError>(problem)
        };
        match done.await {
            Ok(problem) => {
                let late = now.since(lease.job.next_run_at.unwrap_or(now));
                measure::fired(late, problem.is_some());
                if let Some(problem) = problem {
                    broken(shared, &lease.job, &problem).await;
                }
                return;
            }
            // Somebody changed or removed it, or fires it.
            Err(StoreError::Stale { .. }) => return,
            Err(error) => {
                tracing::warn!(job = lease.job.name, %error, "a job could not be fired; trying again");
                ports.clock.sleep(trouble.next(ports.ids.as_ref()).min(STORE_AGAIN)).await;
            }
        }
    }
}

/// What a due job writes: its runs, its history and its next time. A job that makes no sense (any more) is switched off.
async fn decide(
    shared: &Shared,
    job: &Job,
    now: Timestamp,
) -> Result<(Writes, Option<ScheduleError>), StoreError> {
    let ports = &shared.ports;
    let core = shared.factotum.core();
    let read = JobDefinition::of(job).and_then(|definition| {
        let timetable = definition.when.timetable(&core.zones)?;
        Ok((definition, timetable))
    });
    let (definition, timetable) = match read {
        Ok(read) => read,
        Err(problem) => {
            let note = format!("switched off: {problem}");
            let run = left_out(job, job.due.unwrap_or(now), now, note);
            let off = Job { enabled: false, due: None, next_run_at: None, ..job.clone() };
            let jobs = vec![JobWrite::Put(off), JobWrite::Ran(run)];
            return Ok((Writes { jobs, ..Writes::default() }, Some(problem)));
        }
    };
    if let Payload::Goal { max_cost_micros: Some(most), .. } = &definition.payload {
        let cost = jobs::cost(&ports.stores, job).await?;
        if cost >= *most {
            return Ok((over_budget(shared, job, &definition, cost, *most, now), None));
        }
    }
    let decided = due::decide(job, &definition, &timetable, now);
    let session = schedule::session_of(job.id);
    let info = ports.stores.sessions.session(&Scope::All, &session).await?;
    let busy = info.is_some_and(|info| info.pending > 0 || info.open_turn.is_some());
    let mut writes = Writes::default();
    let mut runs: Vec<JobRun> = Vec::new();
    let mut ran = 0;
    for at in &decided.runs {
        if busy {
            runs.push(left_out(job, *at, now, "the run before it had not ended".into()));
            continue;
        }
        let round = jobs::Round::of(&ports.stores, job, &definition, decided.next.is_none()).await?;
        let mut row = jobs::row(ports.ids.as_ref(), &core.zones, job, &definition, &round, *at, now);
        jobs::answer_in(&mut row, shared.config.notify.as_ref());
        let missed = (decided.skipped > 0 && ran == 0)
            .then(|| format!("{} earlier runs were missed", decided.skipped));
        runs.push(JobRun { job: job.id, due: *at, fired_at: now, inbound: Some(row.id), note: missed });
        writes.inbound.push(row);
        ran += 1;
    }
    if runs.is_empty() && decided.skipped > 0 {
        let note = format!("{} runs were missed and left out", decided.skipped);
        runs.push(left_out(job, job.due.unwrap_or(now), now, note));
    }
    let chance = ports.ids.next_uuid();
    let begins =
        decided.next.map(|at| due::put_off(&timetable, at, definition.jitter_seconds, chance.as_bytes()));
    let next = Job { due: decided.next, next_run_at: begins, runs: job.runs + ran, ..job.clone() };
    writes.jobs.push(JobWrite::Put(next));
    writes.jobs.extend(runs.into_iter().map(JobWrite::Ran));
    Ok((writes, None))
}

/// Ends a goal that has used up its money, and says so where it was set.
fn over_budget(
    shared: &Shared,
    job: &Job,
    definition: &JobDefinition,
    cost: u64,
    most: u64,
    now: Timestamp,
) -> Writes {
    let note = format!("{} is spent, and {} is the limit", dollars(cost), dollars(most));
    let text = format!("The goal “{}” is over: {note} (agents.goal_dollars).", job.name);
    let told = notices::notice(
        shared,
        definition.reply.clone(),
        stable_id(&["goal over", &job.id.to_string()]),
        &text,
    );
    let off = JobWrite::Switch { id: job.id, enabled: false, due: None, next_run_at: None };
    let run = left_out(job, job.due.unwrap_or(now), now, note);
    Writes { jobs: vec![off, JobWrite::Ran(run)], outbox: vec![told], ..Writes::default() }
}

async fn broken(shared: &Shared, job: &Job, problem: &ScheduleError) {
    tracing::error!(job = job.name, id = %job.id, %problem, "a job makes no sense any more and was switched off");
    let text = format!(
        "I switched the job “{}” off: {problem}. `factotum cron show {}` tells more.",
        job.name, job.id
    );
    notices::owner(shared, &["broken job", &job.id.to_string(), &problem.to_string()], &text).await;
}
