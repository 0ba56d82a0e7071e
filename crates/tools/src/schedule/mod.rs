//! `schedule_prompt`, `list_scheduled_prompts`, `cancel_scheduled_prompt`, `delete_scheduled_prompt`.
//!
//! Whoever asks sees and changes their own jobs only: to them, somebody else's does not exist.

#[cfg(test)]
mod tests;

use std::{fmt::Write as _, sync::Arc};

use async_trait::async_trait;
use schedule::{JobDefinition, JobRequest, Payload, Zones, is_job, parse_when};
use schemars::JsonSchema;
use serde::Deserialize;
use session_api::{IdSource, Job, JobStore, JobWrite, Rank, Route, Timestamp, Writes};
use tool_api::{Effect, Risk, ToolContext, ToolError, ToolOutput, TypedTool};

/// Most jobs of one person that still run.
const MOST: usize = 100;
/// Most jobs in a list, and how many there are where nobody says how many.
const LISTED: (usize, usize) = (100, 20);

/// What the four tools stand on.
#[derive(Clone)]
pub struct Scheduling {
    /// Where jobs are; only read. Changes are returned as writes.
    pub jobs: Arc<dyn JobStore>,
    /// Ids of jobs.
    pub ids: Arc<dyn IdSource>,
    /// The zones that people may name.
    pub zones: Zones,
}

impl Scheduling {
    async fn own(&self, context: &ToolContext) -> Result<Vec<Job>, ToolError> {
        let jobs = self.jobs.jobs(Some(&context.principal.id)).await;
        jobs.map_err(|error| ToolError::Failed(format!("the jobs cannot be read: {error}")))
    }

    async fn find(&self, context: &ToolContext, id: &str) -> Result<Job, ToolError> {
        let id = id.trim();
        let found = self.own(context).await?.into_iter().find(|job| job.id.to_string() == id);
        found.ok_or_else(|| {
            let shown: String = id.chars().take(64).collect();
            ToolError::Failed(format!("job `{shown}` not found; list_scheduled_prompts shows the ids"))
        })
    }

    fn shown(&self, at: Timestamp, zone: &str) -> String {
        let time = self.zones.find(zone).ok().zip(jiff::Timestamp::from_millisecond(at.0).ok());
        time.map_or_else(
            || at.to_string(),
            |(zone, at)| at.to_zoned(zone).strftime("%a %Y-%m-%d %H:%M %Z").to_string(),
        )
    }
}

fn wrong(error: &schedule::ScheduleError) -> ToolError {
    ToolError::InvalidArguments(error.to_string())
}

fn job_writes(write: JobWrite) -> Writes {
    Writes { jobs: vec![write], ..Writes::default() }
}

fn state(job: &Job) -> &'static str {
    match (job.enabled, job.next_run_at) {
        (false, _) => "cancelled",
        (true, Some(_)) => "active",
        (true, None) => "finished",
    }
}

/// Schedules a prompt. The job stands when the call ends, so that it is made exactly once.
#[derive(Clone)]
pub struct SchedulePrompt(pub Scheduling);

/// Arguments of `schedule_prompt`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SchedulePromptArgs {
    /// What to do then, complete: nothing of this chat is seen then.
    content: String,
    /// Such as "in 20 minutes", "tomorrow at 9", "2027-03-01 18:00", "every 2 hours", "every weekday at 8:30", or a cron expression.
    when: String,
    /// Short name.
    #[serde(default)]
    name: String,
    /// IANA name; empty = the user's.
    #[serde(default)]
    timezone: String,
    /// Last time it may run, such as "2027-03-01 18:00".
    #[serde(default)]
    until: String,
    /// 0 = no limit.
    #[serde(default)]
    max_runs: u64,
}

#[async_trait]
impl TypedTool for SchedulePrompt {
    type Args = SchedulePromptArgs;
    const NAME: &'static str = "schedule_prompt";
    const DESCRIPTION: &'static str = "Have yourself prompted later, once or repeatedly; the answer goes to this chat. For reminders and routines.";
    const EFFECT: Effect = Effect::Ours;

    fn risk(&self, _context: &ToolContext, _args: &Self::Args) -> Option<Risk> {
        Some(Risk::Schedules)
    }

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        let Self(scheduling) = self;
        let refused = |reason: &str| ToolError::Refused { class: "not_permitted", reason: reason.into() };
        if is_job(&context.session) {
            return Err(refused("a scheduled run schedules nothing itself"));
        }
        if context.principal.rank < Rank::Member {
            return Err(refused("guests have no jobs"));
        }
        let zone = Some(args.timezone.trim()).filter(|zone| !zone.is_empty());
        let read = |text: &str| parse_when(text, context.now, zone, &scheduling.zones);
        let when = read(&args.when).map_err(|error| wrong(&error))?;
        let until = match args.until.trim() {
            "" => None,
            text => match read(text).map_err(|error| wrong(&error))? {
                schedule::When::At { at } => Some(at),
                _ => return Err(ToolError::InvalidArguments("until: one time is needed".into())),
            },
        };
        let active = scheduling.own(context).await?.iter().filter(|job| job.next_run_at.is_some()).count();
        if active >= MOST {
            let reason = format!("there are {active} jobs already; delete some first");
            return Err(ToolError::Limit { class: "limit_jobs", reason });
        }
        let shown_in = zone.unwrap_or_else(|| scheduling.zones.local()).to_owned();
        let reply = Route { reply_to: None, ..context.reply.clone() };
        let request = JobRequest {
            name: args.name,
            origin: Some(context.session.clone()),
            until,
            max_runs: Some(args.max_runs).filter(|most| *most > 0),
            ..JobRequest::new(when, Payload::Prompt { text: args.content }, context.principal.clone(), reply)
        };
        let job = request
            .into_job(context.now, &scheduling.zones, scheduling.ids.as_ref())
            .map_err(|error| wrong(&error))?;
        let described = JobDefinition::of(&job).map_err(|error| wrong(&error))?.when.describe();
        let first = job.due.map_or_else(String::new, |at| scheduling.shown(at, &shown_in));
        let text = format!("Scheduled “{}” ({described}), id {}. First run: {first}.", job.name, job.id);
        Ok(ToolOutput::text(text).with_writes(job_writes(JobWrite::Put(job))))
    }
}

/// Lists the jobs of whoever asks.
#[derive(Clone)]
pub struct ListScheduledPrompts(pub Scheduling);

/// Arguments of `list_scheduled_prompts`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListScheduledPromptsArgs {
    /// Also finished and cancelled ones.
    #[serde(default)]
    all: bool,
    /// At most so many (20).
    #[serde(default)]
    limit: Option<usize>,
}

#[async_trait]
impl TypedTool for ListScheduledPrompts {
    type Args = ListScheduledPromptsArgs;
    const NAME: &'static str = "list_scheduled_prompts";
    const DESCRIPTION: &'static str = "List the user's scheduled prompts.";
    const EFFECT: Effect = Effect::Pure;

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        let Self(scheduling) = self;
        let mut jobs = scheduling.own(context).await?;
        jobs.retain(|job| args.all || state(job) == "active");
        jobs.sort_by_key(|job| (job.next_run_at.is_none(), job.next_run_at, job.id));
        if jobs.is_empty() {
            return Ok(ToolOutput::text("[nothing is scheduled]"));
        }
        let (most, usual) = LISTED;
        let limit = args.limit.unwrap_or(usual).clamp(1, most);
        let mut text = String::new();
        for job in jobs.iter().take(limit) {
            let Ok(definition) = JobDefinition::of(job) else { continue };
            let zone = match &definition.when {
                schedule::When::Cron { zone, .. } => zone.clone(),
                _ => scheduling.zones.local().to_owned(),
            };
            let next = job.next_run_at.map_or("none".into(), |at| scheduling.shown(at, &zone));
            let does: String = definition.payload.describe().chars().take(120).collect();
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{} {} “{}”: {}; next run {next}; {} runs so far: {does}",
                job.id,
                state(job),
                job.name,
                definition.when.describe(),
                job.runs
            );
        }
        if jobs.len() > limit {
            let _ = writeln!(text, "[{} more]", jobs.len() - limit);
        }
        Ok(ToolOutput::text(text.trim_end()))
    }
}

/// Arguments of `cancel_scheduled_prompt` and `delete_scheduled_prompt`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobArgs {
    /// Its id.
    job_id: String,
}

/// Switches a job off; its history stays.
#[derive(Clone)]
pub struct CancelScheduledPrompt(pub Scheduling);

#[async_trait]
impl TypedTool for CancelScheduledPrompt {
    type Args = JobArgs;
    const NAME: &'static str = "cancel_scheduled_prompt";
    const DESCRIPTION: &'static str = "Stop a scheduled prompt and keep its record.";
    const EFFECT: Effect = Effect::Ours;

    fn risk(&self, _context: &ToolContext, _args: &Self::Args) -> Option<Risk> {
        Some(Risk::Schedules)
    }

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        let job = self.0.find(context, &args.job_id).await?;
        if state(&job) != "active" {
            return Ok(ToolOutput::text(format!("“{}” was {} before.", job.name, state(&job))));
        }
        let off = JobWrite::Switch { id: job.id, enabled: false, due: None, next_run_at: None };
        Ok(ToolOutput::text(format!("“{}” is cancelled.", job.name)).with_writes(job_writes(off)))
    }
}

/// Removes a job with its history.
#[derive(Clone)]
pub struct DeleteScheduledPrompt(pub Scheduling);

#[async_trait]
impl TypedTool for DeleteScheduledPrompt {
    type Args = JobArgs;
    const NAME: &'static str = "delete_scheduled_prompt";
    const DESCRIPTION: &'static str = "Remove a scheduled prompt for good.";
    const EFFECT: Effect = Effect::Ours;

    fn risk(&self, _context: &ToolContext, _args: &Self::Args) -> Option<Risk> {
        Some(Risk::Deletes)
    }

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        let job = self.0.find(context, &args.job_id).await?;
        let text = format!("“{}” is deleted.", job.name);
        Ok(ToolOutput::text(text).with_writes(job_writes(JobWrite::Remove(job.id))))
    }
}
