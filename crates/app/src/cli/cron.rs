//! `factotum cron`.

mod add;
mod history;

use agent_core::{find_job, job_state, shown};
use schedule::{JobDefinition, When};
use session_api::{Job, Timestamp};

use super::{cron_args::Cron, error::CliError, out, session_name::is_local, start::Start};
use crate::{Assistant, exit, gateway::GatewayStatus};

/// Times that are shown before a job is saved, and by `next`.
const SHOWN: usize = 5;

pub(super) async fn run(start: &Start, command: Cron) -> Result<u8, CliError> {
    let running = start.assistant().await?;
    let result = act(start, &running.assistant, command).await;
    running.end(result).await
}

async fn act(start: &Start, assistant: &Assistant, command: Cron) -> Result<u8, CliError> {
    match command {
        Cron::Add(add) => add::run(start, assistant, *add).await,
        Cron::List { all, json } => list(assistant, all, json).await,
        Cron::Show { job, json } => {
            let job = find(assistant, &job).await?;
            show(assistant, &job, json)
        }
        Cron::Next { job, count, json } => {
            let job = find(assistant, &job).await?;
            next(assistant, &job, count, json)
        }
        Cron::Remove { job } => {
            let job = find(assistant, &job).await?;
            assistant.jobs().remove(job.id).await?;
            Ok(out::line(&out::plain(&format!("“{}” is removed.", job.name))))
        }
        Cron::Enable { job } => {
            let job = find(assistant, &job).await?;
            assistant.jobs().switch(&job, true).await.map_err(|error| CliError::Input(error.to_string()))?;
            let job = find(assistant, &job.id.to_string()).await?;
            let at = job.due.map_or_else(String::new, |at| time(assistant, &job, at));
            Ok(out::line(&out::plain(&format!("“{}” is on; its next run is at {at}.", job.name))))
        }
        Cron::Disable { job } => {
            let job = find(assistant, &job).await?;
            assistant.jobs().switch(&job, false).await?;
            Ok(out::line(&out::plain(&format!("“{}” is off.", job.name))))
        }
        Cron::Run { job, json } => {
            let job = find(assistant, &job).await?;
            run_now(start, assistant, &job, json).await
        }
        Cron::History { job, limit, json } => {
            let job = find(assistant, &job).await?;
            history::run(assistant, &job, limit, json).await
        }
    }
}

async fn find(assistant: &Assistant, name: &str) -> Result<Job, CliError> {
    let jobs = assistant.jobs().list(None).await?;
    let found = find_job(&jobs, name).cloned();
    found.map_err(|error| CliError::NotFound(format!("{error}; `factotum cron list --all` shows them")))
}

/// A time by the clocks of the job's zone.
fn time(assistant: &Assistant, job: &Job, at: Timestamp) -> String {
    let zones = assistant.jobs().zones();
    let zone = match JobDefinition::of(job) {
        Ok(JobDefinition { when: When::Cron { zone, .. }, .. }) => zone,
        _ => zones.local().to_owned(),
    };
    shown(&zones, &zone, at)
}

/// A job for scripts.
fn object(job: &Job) -> serde_json::Value {
    let definition: serde_json::Value = serde_json::from_str(&job.definition).unwrap_or_default();
    serde_json::json!({
        "id": job.id,
        "name": job.name,
        "owner": job.owner,
        "state": job_state(job),
        "enabled": job.enabled,
        "due": job.due,
        "next_run_at": job.next_run_at,
        "runs": job.runs,
        "definition": definition,
    })
}

async fn list(assistant: &Assistant, all: bool, json: bool) -> Result<u8, CliError> {
    let mut jobs = assistant.jobs().list(None).await?;
    jobs.retain(|job| all || job_state(job) != "done");
    if jobs.is_empty() && !json {
        return Ok(out::line("There are no jobs; `factotum cron add` makes one."));
    }
    for job in &jobs {
        if json {
            out::json(&object(job))?;
            continue;
        }
        let (when, does) = match JobDefinition::of(job) {
            Ok(definition) => (definition.when.describe(), definition.payload.describe()),
            Err(error) => (error.to_string(), String::new()),
        };
        let next = job.next_run_at.map_or_else(|| "-".to_owned(), |at| time(assistant, job, at));
        out::line(&format!(
            "{}  {:4}  {}  {}  next {next}  {}",
            job.id,
            job_state(job),
            out::short(&job.name, 40),
            out::plain(&when),
            out::short(&does, 60)
        ));
    }
    Ok(exit::OK)
}

fn show(assistant: &Assistant, job: &Job, json: bool) -> Result<u8, CliError> {
    if json {
        out::json(&object(job))?;
        return Ok(exit::OK);
    }
    out::line(&out::plain(&format!("name:     {}", job.name)));
    out::line(&format!("id:       {}", job.id));
    out::line(&out::plain(&format!("owner:    {}", job.owner)));
    out::line(&format!("state:    {}, {} runs so far", job_state(job), job.runs));
    let definition = match JobDefinition::of(job) {
        Ok(definition) => definition,
        Err(error) => return Ok(out::line(&out::plain(&format!("error:    {error}")))),
    };
    let reply = &definition.reply;
    out::line(&out::plain(&format!("when:     {}", definition.when.describe())));
    out::line(&out::plain(&format!("answers:  {}:{}", reply.channel, reply.chat)));
    out::line(&format!("missed:   {}", misfire(definition.misfire)));
    if let Some(model) = &definition.model {
        out::line(&out::plain(&format!("model:    {model}")));
    }
    if let Some(until) = definition.until {
        out::line(&format!("until:    {}", time(assistant, job, until)));
    }
    if let Some(most) = definition.max_runs {
        out::line(&format!("at most:  {most} runs"));
    }
    if definition.jitter_seconds > 0 {
        out::line(&format!("jitter:   up to {} s", definition.jitter_seconds));
    }
    out::line(&out::plain(&format!("does:     {}", definition.payload.describe())));
    upcoming(assistant, job, SHOWN)
}

fn misfire(misfire: schedule::Misfire) -> &'static str {
    match misfire {
        schedule::Misfire::Skip => "runs are left out",
        schedule::Misfire::Once => "one run is made up for",
        schedule::Misfire::All => "all runs are made up for, 24 at most",
    }
}

/// The next times, a line for each.
fn upcoming(assistant: &Assistant, job: &Job, count: usize) -> Result<u8, CliError> {
    let times = assistant.jobs().upcoming(job, count)?;
    if times.is_empty() {
        return Ok(out::line("next:     never"));
    }
    for (number, at) in times.iter().enumerate() {
        let label = if number == 0 { "next:" } else { "" };
        out::line(&format!("{label:9} {}", time(assistant, job, *at)));
    }
    Ok(exit::OK)
}

fn next(assistant: &Assistant, job: &Job, count: usize, json: bool) -> Result<u8, CliError> {
    if !json {
        return upcoming(assistant, job, count.clamp(1, 1000));
    }
    for at in assistant.jobs().upcoming(job, count.clamp(1, 1000))? {
        out::json(&serde_json::json!({ "at": at, "local": time(assistant, job, at) }))?;
    }
    Ok(exit::OK)
}

/// Runs a job besides its schedule: in the gateway, or here where nobody else has to send the answer.
async fn run_now(start: &Start, assistant: &Assistant, job: &Job, json: bool) -> Result<u8, CliError> {
    let definition = JobDefinition::of(job).map_err(|error| CliError::Input(error.to_string()))?;
    let gateway = !GatewayStatus::living(&start.home)?.is_empty();
    // Without a gateway whoever runs it here reads the answer here.
    let notify = assistant.config().gateway.notify_route().filter(|_| gateway);
    let id = assistant.jobs().run_now(job, notify.as_ref()).await?;
    if gateway || !is_local(&definition.reply.channel) {
        if json {
            out::json(&serde_json::json!({ "job": job.id, "inbound": id }))?;
            return Ok(exit::OK);
        }
        return Ok(out::line(match gateway {
            true => "The gateway runs it; `factotum cron history` tells what became of it.",
            false => "It runs when the gateway runs next: `factotum gateway`.",
        }));
    }
    let result = assistant.attach(schedule::session_of(job.id), id).wait().await?;
    if json {
        out::json(&serde_json::json!({ "job": job.id, "inbound": id, "content": result.content }))?;
    } else {
        out::line(&out::plain(&result.content));
    }
    Ok(super::error::run_code(&result))
}
