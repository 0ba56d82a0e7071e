//! `factotum approvals`.

use session_api::{ApprovalId, Decision};

use super::{args::Approvals, error::CliError, out, session_name::name, start::Start};
use crate::{Assistant, exit};

pub(super) async fn run(start: &Start, command: Approvals) -> Result<u8, CliError> {
    let running = start.assistant().await?;
    let result = act(&running.assistant, command).await;
    running.end(result).await
}

async fn act(assistant: &Assistant, command: Approvals) -> Result<u8, CliError> {
    match command {
        Approvals::List { json } => list(assistant, json).await,
        Approvals::Allow { id } => answer(assistant, &id, Decision::Allow).await,
        Approvals::Deny { id } => answer(assistant, &id, Decision::Deny).await,
    }
}

async fn list(assistant: &Assistant, json: bool) -> Result<u8, CliError> {
    let open = assistant.approvals().open().await?;
    if open.is_empty() && !json {
        return Ok(out::line("No question is open."));
    }
    for question in open {
        if json {
            out::json(&question)?;
        } else {
            out::line(&out::plain(&format!(
                "{}  {}  {} {}  (because {}; until {})",
                question.id,
                name(&question.session),
                question.call.name,
                question.call.arguments,
                question.reason,
                out::time(question.expires_at),
            )));
        }
    }
    Ok(exit::OK)
}

/// Answers, and goes on with the turn unless another process does.
async fn answer(assistant: &Assistant, id: &str, decision: Decision) -> Result<u8, CliError> {
    let id: ApprovalId = id.parse().map_err(|_| {
        CliError::Input(format!("`{id}` is no question's id; `factotum approvals list` shows them"))
    })?;
    let open = assistant.approvals().open().await?;
    if !open.iter().any(|question| question.id == id) {
        let why =
            "is not open (answered, expired, or never asked); `factotum approvals list` shows the open ones";
        return Err(CliError::NotFound(format!("the question {id} {why}")));
    }
    let question = assistant.approvals().answer(id, decision).await?;
    out::line(&format!("{} {}: {:?}.", question.call.name, id, question.state));
    let mut code = exit::OK;
    for resumed in assistant.resume(&question.session).await? {
        out::line(&out::plain(&resumed.result.content));
        code = super::error::run_code(&resumed.result);
    }
    let still = assistant.waiting(&question.session).await?.questions;
    if !still.is_empty() {
        out::line("Another question waits; `factotum approvals list` shows it.");
        code = exit::QUESTION;
    }
    Ok(code)
}
