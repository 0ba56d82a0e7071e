//! `factotum dead-letters`.

use session_api::{DeadLetter, InboundId, Part};

use super::{args::DeadLetters, error::CliError, out, session_name::name, start::Start};
use crate::{Assistant, exit};

const MOST: usize = 1000;

pub(super) async fn run(start: &Start, command: DeadLetters) -> Result<u8, CliError> {
    let running = start.assistant().await?;
    let result = act(&running.assistant, command).await;
    running.end(result).await
}

async fn act(assistant: &Assistant, command: DeadLetters) -> Result<u8, CliError> {
    match command {
        DeadLetters::List { json } => list(assistant, json).await,
        DeadLetters::Show { id, json } => show(assistant, parse(&id)?, json).await,
        DeadLetters::Retry { ids } => retry(assistant, &ids).await,
        DeadLetters::Drop { ids } => {
            for id in ids.iter().map(|id| parse(id)) {
                let id = id?;
                if !assistant.drop_dead_letter(id).await? {
                    return Err(missing(id));
                }
                out::line(&format!("{id} is given up."));
            }
            Ok(exit::OK)
        }
    }
}

fn parse(id: &str) -> Result<InboundId, CliError> {
    let hint = "`factotum dead-letters list` shows them";
    id.parse().map_err(|_| CliError::Input(format!("`{id}` is no dead letter's id; {hint}")))
}

fn missing(id: InboundId) -> CliError {
    CliError::NotFound(format!("there is no dead letter {id}; `factotum dead-letters list` shows them"))
}

fn text(letter: &DeadLetter) -> String {
    let texts = letter.row.inbound.parts.iter().filter_map(Part::as_text);
    out::plain(&texts.collect::<Vec<_>>().join("\n"))
}

fn object(letter: &DeadLetter) -> serde_json::Value {
    let inbound = &letter.row.inbound;
    serde_json::json!({
        "id": inbound.id,
        "session": inbound.session.to_string(),
        "error": letter.error,
        "at": letter.at,
        "message": inbound,
    })
}

async fn list(assistant: &Assistant, json: bool) -> Result<u8, CliError> {
    let letters = assistant.dead_letters(MOST).await?;
    if letters.is_empty() && !json {
        return Ok(out::line("There are no dead letters."));
    }
    for letter in letters {
        let inbound = &letter.row.inbound;
        if json {
            out::json(&object(&letter))?;
        } else {
            let line = format!(
                "{}  {}  {}  {}: {}",
                inbound.id,
                out::time(letter.at),
                name(&inbound.session),
                out::short(&letter.error, 80),
                out::short(&text(&letter), 60)
            );
            out::line(&line);
        }
    }
    Ok(exit::OK)
}

async fn show(assistant: &Assistant, id: InboundId, json: bool) -> Result<u8, CliError> {
    let letters = assistant.dead_letters(MOST).await?;
    let letter = letters.iter().find(|letter| letter.row.inbound.id == id).ok_or_else(|| missing(id))?;
    if json {
        out::json(&object(letter))?;
        return Ok(exit::OK);
    }
    out::line(&format!("session: {}", name(&letter.row.inbound.session)));
    out::line(&format!("died:    {}", out::time(letter.at)));
    out::line(&format!("error:   {}", out::plain(&letter.error)));
    Ok(out::line(&format!("\n{}", text(letter))))
}

async fn retry(assistant: &Assistant, ids: &[String]) -> Result<u8, CliError> {
    let mut code = exit::OK;
    for id in ids {
        let id = parse(id)?;
        let Some(session) = assistant.redrive(id).await? else { return Err(missing(id)) };
        let result = assistant.attach(session, id).wait().await?;
        out::line(&out::plain(&result.content));
        code = code.max(super::error::run_code(&result));
    }
    Ok(code)
}
