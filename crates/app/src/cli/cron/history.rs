//! `factotum cron history`.

use session_api::Job;

use super::time;
use crate::{
    Assistant,
    cli::{error::CliError, out},
    exit,
};

pub(super) async fn run(assistant: &Assistant, job: &Job, limit: usize, json: bool) -> Result<u8, CliError> {
    let runs = assistant.jobs().history(job.id, limit).await?;
    if runs.is_empty() && !json {
        return Ok(out::line("It did not run yet."));
    }
    for run in runs {
        if json {
            out::json(&run)?;
            continue;
        }
        let outcome = match run.delivery {
            Some(delivery) => format!("{}, {}", run.outcome, delivery.replace('_', " ")),
            None => run.outcome.replace('_', " "),
        };
        let took = match (run.started_at, run.ended_at) {
            (Some(started), Some(ended)) => format!("  {:.1} s", ended.since(started).as_secs_f64()),
            _ => String::new(),
        };
        let cost = match run.cost_micros {
            _ if run.model_calls == 0 => String::new(),
            Some(micros) => {
                format!("  {} tokens, ${}.{:04}", run.tokens, micros / 1_000_000, micros % 1_000_000 / 100)
            }
            None => format!("  {} tokens", run.tokens),
        };
        let note = run.note.map_or_else(String::new, |note| format!("  ({})", out::short(&note, 100)));
        let reply = run.reply.map_or_else(String::new, |reply| format!("  {}", out::short(&reply, 80)));
        out::line(&format!("{}  {outcome}{took}{cost}{note}{reply}", time(assistant, job, run.due)));
    }
    Ok(exit::OK)
}
