//! Jobs: what an owner looks at and changes.

use schedule::{JobDefinition, JobRequest, Zones, due, session_of};
use serde::Serialize;
use session_api::{
    Batch, InboundId, InboundState, Job, JobId, JobRun, JobWrite, OutboxMessage, Outcome, PartState,
    PrincipalId, Route, Scope, Timestamp, UsageBy, Writes,
};

use super::Factotum;
use crate::{AgentError, find_job, jobs};

/// Scheduled jobs.
#[derive(Debug, Clone, Copy)]
pub struct Jobs<'a>(&'a Factotum);

/// A run of a job, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobReport {
    /// The time for which it was.
    pub due: Timestamp,
    /// When it was fired.
    pub fired_at: Timestamp,
    /// When its turn began.
    pub started_at: Option<Timestamp>,
    /// When its turn ended.
    pub ended_at: Option<Timestamp>,
    /// `left_out`, `waiting`, `running`, `asking`, `replied`, `quiet`, `failed`, `stopped`, `refused`, or `forgotten` when
    /// what is known of it was deleted.
    pub outcome: &'static str,
    /// Whether the answer arrived: `sent`, `on_its_way`, `failed`, `unknown`, `kept` (for whoever fetches it here), or
    /// nothing where there is none.
    pub delivery: Option<&'static str>,
    /// What it answered.
    pub reply: Option<String>,
    /// Why it was left out or failed.
    pub note: Option<String>,
    /// Model calls.
    pub model_calls: u64,
    /// Tokens in and out.
    pub tokens: u64,
    /// Its cost in millionths of a dollar; `None` where the price is not known.
    pub cost_micros: Option<u64>,
    /// The row that was fired.
    pub inbound: Option<InboundId>,
}

impl Factotum {
    /// Scheduled jobs.
    #[must_use]
    pub fn jobs(&self) -> Jobs<'_> {
        Jobs(self)
    }
}

impl Jobs<'_> {
    /// All jobs, or those of one owner, by name.
    pub async fn list(&self, owner: Option<&PrincipalId>) -> Result<Vec<Job>, AgentError> {
        Ok(self.0.ports.stores.jobs.jobs(owner).await?)
    }

    /// The job with this id, beginning of an id, or name.
    pub async fn find(&self, name: &str) -> Result<Job, AgentError> {
        let jobs = self.list(None).await?;
        find_job(&jobs, name).cloned().map_err(|error| AgentError::Context(error.to_string()))
    }

    /// The zones that jobs know.
    #[must_use]
    pub fn zones(&self) -> Zones {
        self.0.core().zones.clone()
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.ports.clock.now()
    }

    /// Checks a request and makes a job of it; nothing is stored yet.
    pub fn make(&self, request: JobRequest) -> Result<Job, AgentError> {
        let made = request.into_job(self.now(), &self.zones(), self.0.ports.ids.as_ref());
        made.map_err(|error| AgentError::Context(error.to_string()))
    }

    /// The next `count` times of a job.
    pub fn upcoming(&self, job: &Job, count: usize) -> Result<Vec<Timestamp>, AgentError> {
        let definition = definition(job)?;
        let timetable = definition.when.timetable(&self.zones()).map_err(wrong)?;
        let Some(due) = job.due else { return Ok(Vec::new()) };
        let left = definition.max_runs.map_or(u64::MAX, |most| most.saturating_sub(job.runs));
        let count = count.min(usize::try_from(left).unwrap_or(usize::MAX));
        let mut times = vec![due];
        times.extend(timetable.upcoming(due, count.saturating_sub(1)));
        times.truncate(count);
        times.retain(|at| definition.until.is_none_or(|until| *at <= until));
        Ok(times)
    }

    /// Stores a job.
    pub async fn add(&self, job: Job) -> Result<(), AgentError> {
        self.write(vec![JobWrite::Put(job)]).await
    }

    /// Removes a job and its history.
    pub async fn remove(&self, id: JobId) -> Result<(), AgentError> {
        self.write(vec![JobWrite::Remove(id)]).await
    }

    /// Switches a job on or off. One that is switched on goes on with its next time from now; an error says that it has
    /// none.
    pub async fn switch(&self, job: &Job, enabled: bool) -> Result<(), AgentError> {
        let (due, next_run_at) = if enabled { self.next(job)? } else { (None, None) };
        self.write(vec![JobWrite::Switch { id: job.id, enabled, due, next_run_at }]).await
    }

    fn next(&self, job: &Job) -> Result<(Option<Timestamp>, Option<Timestamp>), AgentError> {
        let definition = definition(job)?;
        let timetable = definition.when.timetable(&self.zones()).map_err(wrong)?;
        let next = timetable.next_after(self.now());
        let left = definition.max_runs.is_none_or(|most| job.runs < most);
        let next = next.filter(|at| left && definition.until.is_none_or(|until| *at <= until));
        let Some(at) = next else {
            return Err(AgentError::Context(format!(
                "the job “{}” has no time any more at which it would run",
                job.name
            )));
        };
        let chance = self.0.ports.ids.next_uuid();
        Ok((Some(at), Some(due::put_off(&timetable, at, definition.jitter_seconds, chance.as_bytes()))))
    }

    /// Lets a job run now, besides its schedule. Any worker may take it up. An answer that no chat waits for goes to `notify`.
    pub async fn run_now(&self, job: &Job, notify: Option<&Route>) -> Result<InboundId, AgentError> {
        let (ports, now) = (&self.0.ports, self.now());
        let definition = definition(job)?;
        let round = jobs::Round::of(&ports.stores, job, &definition, false).await?;
        let mut row = jobs::row(ports.ids.as_ref(), &self.zones(), job, &definition, &round, now, now);
        jobs::answer_in(&mut row, notify);
        let id = row.id;
        let run = JobRun {
            job: job.id,
            due: now,
            fired_at: now,
            inbound: Some(id),
            note: Some("run by hand".into()),
        };
        let writes = Writes { jobs: vec![JobWrite::Ran(run)], ..Writes::default() };
        let batch = Batch { rows: vec![row], writes, ..Batch::default() };
        drop(ports.stores.mailbox.accept(None, batch, None).await?);
        Ok(id)
    }

    async fn write(&self, jobs: Vec<JobWrite>) -> Result<(), AgentError> {
        let batch = Batch { writes: Writes { jobs, ..Writes::default() }, ..Batch::default() };
        drop(self.0.ports.stores.mailbox.accept(None, batch, None).await?);
        Ok(())
    }

    /// The runs of a job and what became of them, newest first.
    pub async fn history(&self, id: JobId, limit: usize) -> Result<Vec<JobReport>, AgentError> {
        let stores = &self.0.ports.stores;
        let runs = stores.jobs.job_runs(id, limit).await?;
        let mut reports = Vec::with_capacity(runs.len());
        // What was used before a later run began belongs to an earlier one.
        let mut later = Used::default();
        for run in runs {
            let used = if run.inbound.is_some() { self.used(id, run.fired_at).await? } else { later };
            let mut report = self.report(run).await?;
            report.model_calls = used.calls.saturating_sub(later.calls);
            report.tokens = used.tokens.saturating_sub(later.tokens);
            let unpriced = used.unpriced.saturating_sub(later.unpriced);
            report.cost_micros = (unpriced == 0).then(|| used.micros.saturating_sub(later.micros));
            later = used;
            reports.push(report);
        }
        Ok(reports)
    }

    async fn used(&self, id: JobId, since: Timestamp) -> Result<Used, AgentError> {
        let scope = Scope::Session(session_of(id));
        let totals = self.0.ports.stores.usage.usage_totals(&scope, since, UsageBy::Day).await?;
        Ok(totals.iter().fold(Used::default(), |used, total| Used {
            calls: used.calls + total.calls,
            tokens: used.tokens + total.input_tokens + total.output_tokens,
            micros: used.micros + total.cost_micros,
            unpriced: used.unpriced + total.unpriced_calls,
        }))
    }

    async fn report(&self, run: JobRun) -> Result<JobReport, AgentError> {
        let mailbox = &self.0.ports.stores.mailbox;
        let JobRun { due, fired_at, inbound, note, .. } = run;
        let mut report = JobReport {
            due,
            fired_at,
            started_at: None,
            ended_at: None,
            outcome: "left_out",
            delivery: None,
            reply: None,
            note,
            model_calls: 0,
            tokens: 0,
            cost_micros: None,
            inbound,
        };
        let Some(id) = inbound else { return Ok(report) };
        let Some(view) = mailbox.inbound(id).await? else {
            report.outcome = "forgotten";
            return Ok(report);
        };
        let turn = match view.state {
            InboundState::Pending { .. } => {
                report.outcome = "waiting";
                None
            }
            InboundState::Running(turn) => {
                report.outcome = "running";
                Some(turn)
            }
            InboundState::Suspended(turn) => {
                report.outcome = "asking";
                Some(turn)
            }
            InboundState::Dead { error } => {
                report.outcome = "failed";
                report.note = Some(error);
                None
            }
            InboundState::Settled(settled) => {
                report.outcome = match settled.outcome {
                    Outcome::Replied => "replied",
                    Outcome::Refused => "refused",
                    Outcome::Failed => "failed",
                    Outcome::Stopped => "stopped",
                    Outcome::Quiet => "quiet",
                };
                report.ended_at = settled.replies.last().map(|reply| reply.at);
                report.delivery = self.delivery(&settled.replies).await?;
                let said: Vec<String> = settled.replies.iter().map(text).collect();
                report.reply = (!said.is_empty()).then(|| said.join("\n"));
                settled.turn
            }
        };
        if let Some(turn) = turn
            && let Some(turn) = mailbox.turn(turn).await?
        {
            report.started_at = Some(turn.started_at);
            let ended = !matches!(report.outcome, "running" | "asking");
            let last = turn.journal.last().map(|entry| entry.at).filter(|_| ended);
            report.ended_at = report.ended_at.or(last);
        }
        Ok(report)
    }

    /// The worst that became of any part of these messages.
    async fn delivery(&self, messages: &[OutboxMessage]) -> Result<Option<&'static str>, AgentError> {
        let mut worst = None;
        for message in messages {
            let states = match message.delivery {
                session_api::Delivery::Pull => vec![(1, "kept")],
                session_api::Delivery::Push => {
                    let parts = self.0.ports.stores.mailbox.parts(message.id).await?;
                    let states = parts.iter().map(|part| match part.state {
                        PartState::Sent => (0, "sent"),
                        PartState::Draft | PartState::Pending | PartState::Sending => (2, "on_its_way"),
                        PartState::Unknown => (3, "unknown"),
                        PartState::Failed => (4, "failed"),
                    });
                    let states: Vec<_> = states.collect();
                    if states.is_empty() { vec![(2, "on_its_way")] } else { states }
                }
            };
            worst = states.into_iter().chain(worst).max();
        }
        Ok(worst.map(|(_, word)| word))
    }
}

#[derive(Clone, Copy, Default)]
struct Used {
    calls: u64,
    tokens: u64,
    micros: u64,
    unpriced: u64,
}

fn definition(job: &Job) -> Result<JobDefinition, AgentError> {
    JobDefinition::of(job).map_err(wrong)
}

#[expect(clippy::needless_pass_by_value, reason = "it ends a chain of results")]
fn wrong(error: schedule::ScheduleError) -> AgentError {
    AgentError::Context(error.to_string())
}

fn text(message: &OutboxMessage) -> String {
    let texts: Vec<&str> = message.parts.iter().filter_map(session_api::Part::as_text).collect();
    texts.join("\n")
}
