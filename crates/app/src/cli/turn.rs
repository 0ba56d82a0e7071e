//! `factotum turn`.

use session_api::{InboundId, InboundState, TurnId};

use super::{args::TurnCommand, error::CliError, out, start::Start};
use crate::{Assistant, exit};

pub(super) async fn run(start: &Start, command: TurnCommand) -> Result<u8, CliError> {
    let running = start.assistant().await?;
    let result = act(&running.assistant, command).await;
    running.end(result).await
}

async fn act(assistant: &Assistant, command: TurnCommand) -> Result<u8, CliError> {
    match command {
        TurnCommand::Show { id, json } => {
            let turn = find(assistant, &id).await?;
            let report = assistant.turn_report(turn).await?.ok_or_else(|| missing(&id))?;
            if json {
                out::json(&report)?;
            } else {
                out::line(out::plain(&report.to_string()).trim_end());
            }
            Ok(exit::OK)
        }
        TurnCommand::Replay { id, json } => {
            let turn = find(assistant, &id).await?;
            let replay = assistant.replay(turn).await?.ok_or_else(|| missing(&id))?;
            if json {
                out::json(&replay)?;
            } else {
                out::line(out::plain(&replay.to_string()).trim_end());
            }
            Ok(if replay.divergence.is_some() { exit::FAILED } else { exit::OK })
        }
    }
}

fn missing(id: &str) -> CliError {
    CliError::NotFound(format!(
        "there is no turn {id}, and no message of this id that had one; `factotum sessions list --json` names open turns"
    ))
}

/// The turn of this id, or the one of the message of this id.
async fn find(assistant: &Assistant, text: &str) -> Result<TurnId, CliError> {
    let wrong = || CliError::Input(format!("`{text}` is no id of a turn or of a message"));
    let turn: TurnId = text.parse().map_err(|_| wrong())?;
    let message: InboundId = text.parse().map_err(|_| wrong())?;
    let Some(view) = assistant.standing(message).await? else { return Ok(turn) };
    match view.state {
        InboundState::Running(turn) | InboundState::Suspended(turn) => Ok(turn),
        InboundState::Settled(settled) => settled.turn.ok_or_else(|| {
            CliError::NotFound(format!("the message {text} was settled as it came in, without a turn"))
        }),
        InboundState::Pending { .. } => {
            Err(CliError::NotFound(format!("the message {text} waits; it had no turn yet")))
        }
        InboundState::Dead { .. } => Err(CliError::NotFound(format!(
            "the message {text} is a dead letter, whose turns are not kept; `factotum dead-letters show {text}`"
        ))),
    }
}
