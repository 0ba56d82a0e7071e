//! /new, /history, /sessions.

use session_api::{Message, Page, Part, Role, SessionWrite, Writes};

use super::{CommandAnswer, CommandContext};
use crate::AgentError;

const MOST_SESSIONS: usize = 20;
const MOST_HISTORY: usize = 100;

pub(super) fn new() -> CommandAnswer {
    CommandAnswer {
        text: "A new conversation begins. The old one stays searchable.".into(),
        writes: Writes {
            session: Some(SessionWrite { fresh: true, ..SessionWrite::default() }),
            ..Writes::default()
        },
    }
}

pub(super) async fn history(context: &CommandContext<'_>, rest: &str) -> Result<String, AgentError> {
    let count = match rest {
        "" => 10,
        number => match number.parse::<usize>() {
            Ok(count) if (1..=MOST_HISTORY).contains(&count) => count,
            _ => return Ok(format!("Write `/history N` with a number from 1 to {MOST_HISTORY}.")),
        },
    };
    let scope = session_api::Scope::Session(context.session.clone());
    let sessions = &context.ports.stores.sessions;
    let total = sessions.session(&scope, context.session).await?.map_or(0, |info| info.last_seq);
    let after = total.saturating_sub(count as u64);
    let messages = sessions.messages(&scope, context.session, Page { after, limit: count }).await?;
    if messages.is_empty() {
        return Ok("Nothing was said here yet.".into());
    }
    let lines: Vec<String> = messages.iter().map(|stored| line(&stored.message)).collect();
    Ok(lines.join("\n"))
}

fn line(message: &Message) -> String {
    let who = match message.role {
        Role::User => "you",
        Role::Assistant => "factotum",
        Role::Tool => "tool",
    };
    let mut texts: Vec<String> = Vec::new();
    for part in &message.parts {
        match part {
            Part::Text { text } => texts.push(text.clone()),
            Part::ToolCall(call) => texts.push(format!("[calls {}]", call.name)),
            Part::ToolResult(result) => {
                let content: Vec<&str> = result.content.iter().filter_map(Part::as_text).collect();
                texts.push(format!("[{}: {}]", result.name, content.join(" ")));
            }
            Part::Image { .. } | Part::File { .. } => texts.push("[file]".into()),
            Part::Reasoning { .. } | Part::Opaque { .. } | Part::Outside { .. } => {}
        }
    }
    let text: String = texts.join(" ").replace('\n', " ");
    let short: String = text.chars().take(200).collect();
    let mark = if short.len() < text.len() { " …" } else { "" };
    format!("{who}: {short}{mark}")
}

pub(super) async fn sessions(context: &CommandContext<'_>) -> Result<String, AgentError> {
    let sessions = context.ports.stores.sessions.sessions(&context.scope(), MOST_SESSIONS).await?;
    let lines: Vec<String> = sessions
        .iter()
        .map(|info| {
            let here = if info.key == *context.session { " (here)" } else { "" };
            format!("{}: {} messages{here}", info.key, info.messages)
        })
        .collect();
    Ok(lines.join("\n"))
}
