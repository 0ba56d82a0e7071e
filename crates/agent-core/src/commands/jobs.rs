//! /jobs.

use schedule::JobDefinition;
use session_api::{Job, JobWrite, Rank, Timestamp, Writes};

use super::{CommandAnswer, CommandContext};
use crate::{
    AgentError, find_job, job_state,
    jobs::{self, time},
};

/// Most jobs that are listed in a chat.
const LISTED: usize = 30;

/// The speaker's jobs, or a change to one of them. The owner sees everybody's.
pub(super) async fn jobs(context: &CommandContext<'_>, rest: &str) -> Result<CommandAnswer, AgentError> {
    let owner = (context.principal.rank != Rank::Owner).then_some(&context.principal.id);
    let jobs = context.ports.stores.jobs.jobs(owner).await?;
    let (word, name) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let name = name.trim();
    if word.is_empty() {
        return Ok(list(context, &jobs).into());
    }
    if !matches!(word, "on" | "off" | "run" | "remove") || name.is_empty() {
        return Ok("Write `/jobs` for the list, or `/jobs on|off|run|remove NAME`.".to_owned().into());
    }
    let job = match find_job(&jobs, name) {
        Ok(job) => job,
        Err(error) => return Ok(sentence(&error.to_string()).into()),
    };
    let now = context.ports.clock.now();
    match word {
        "remove" => Ok(answer(format!("“{}” is removed.", job.name), vec![JobWrite::Remove(job.id)])),
        "off" => {
            let off = JobWrite::Switch { id: job.id, enabled: false, due: None, next_run_at: None };
            Ok(answer(format!("“{}” is off.", job.name), vec![off]))
        }
        "on" => Ok(on(context, job, now)),
        _ => run(context, job, now).await,
    }
}

fn answer(text: String, jobs: Vec<JobWrite>) -> CommandAnswer {
    CommandAnswer { text, writes: Writes { jobs, ..Writes::default() } }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
}

fn on(context: &CommandContext<'_>, job: &Job, now: Timestamp) -> CommandAnswer {
    let zones = &context.core.zones;
    let next = JobDefinition::of(job).and_then(|definition| {
        let next = definition.when.timetable(zones)?.next_after(now);
        let left = definition.max_runs.is_none_or(|most| job.runs < most);
        Ok((next.filter(|at| left && definition.until.is_none_or(|until| *at <= until)), definition))
    });
    match next {
        Ok((Some(at), definition)) => {
            let next = time(zones, &definition, at);
            let on = JobWrite::Switch { id: job.id, enabled: true, due: Some(at), next_run_at: Some(at) };
            answer(format!("“{}” is on; its next run is at {next}.", job.name), vec![on])
        }
        Ok((None, _)) => format!("“{}” has no time any more at which it would run.", job.name).into(),
        Err(error) => sentence(&error.to_string()).into(),
    }
}

async fn run(context: &CommandContext<'_>, job: &Job, now: Timestamp) -> Result<CommandAnswer, AgentError> {
    let definition = match JobDefinition::of(job) {
        Ok(definition) => definition,
        Err(error) => return Ok(sentence(&error.to_string()).into()),
    };
    let round = jobs::Round::of(&context.ports.stores, job, &definition, false).await?;
    let row = jobs::row(context.ports.ids.as_ref(), &context.core.zones, job, &definition, &round, now, now);
    let run = session_api::JobRun {
        job: job.id,
        due: now,
        fired_at: now,
        inbound: Some(row.id),
        note: Some("run by hand".into()),
    };
    let mut answer = answer(format!("“{}” runs now.", job.name), vec![JobWrite::Ran(run)]);
    answer.writes.inbound.push(row);
    Ok(answer)
}

fn list(context: &CommandContext<'_>, jobs: &[Job]) -> String {
    let active: Vec<&Job> = jobs.iter().filter(|job| job_state(job) != "done").collect();
    if active.is_empty() {
        return "There are no jobs. Ask for one: “remind me every weekday at 8:30 to …”.".into();
    }
    let zones = &context.core.zones;
    let mut lines: Vec<String> = active
        .iter()
        .take(LISTED)
        .map(|job| {
            let Ok(definition) = JobDefinition::of(job) else {
                return format!("“{}” cannot be read", job.name);
            };
            let next = job
                .next_run_at
                .map_or_else(|| "off".to_owned(), |at| format!("next {}", time(zones, &definition, at)));
            let short = &job.id.to_string()[..8];
            format!("“{}” – {}, {next} (`{short}`)", job.name, definition.when.describe())
        })
        .collect();
    if active.len() > LISTED {
        lines.push(format!("… and {} more", active.len() - LISTED));
    }
    lines.join("\n")
}
