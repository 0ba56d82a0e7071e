//! /memory.

use session_api::{MemoryQuery, Rank, Scope, excerpt};

use super::{CommandAnswer, CommandContext, rules};
use crate::AgentError;

/// Hits that are shown in a chat.
const HITS: usize = 8;
/// Characters of each.
const SHOWN: usize = 160;
/// Longest query in bytes.
const MOST_QUERY: usize = 2_000;

/// What is known, or what fits a search.
pub(super) async fn memory(context: &CommandContext<'_>, rest: &str) -> Result<CommandAnswer, AgentError> {
    match rest.split_once(char::is_whitespace).unwrap_or((rest, "")) {
        ("", _) => overview(context).await.map(Into::into),
        ("search", query) if !query.trim().is_empty() => search(context, query.trim()).await.map(Into::into),
        ("rules", rest) => rules::rules(context, rest.trim()).await,
        _ => Ok("Write `/memory`, `/memory search` and some words, or `/memory rules`.".to_owned().into()),
    }
}

/// What may be recalled here: all of the speaker's own where nobody else reads along, else what was said here.
async fn scope(context: &CommandContext<'_>) -> Result<Scope, AgentError> {
    let here = Scope::Session(context.session.clone());
    let info = context.ports.stores.sessions.session(&here, context.session).await?;
    let alone = info.is_some_and(|info| !info.shared && info.principal == context.principal.id);
    Ok(if alone { Scope::Of(context.principal.id.clone()) } else { here })
}

async fn overview(context: &CommandContext<'_>) -> Result<String, AgentError> {
    let stores = &context.ports.stores;
    let mut lines = Vec::new();
    let scope = scope(context).await?;
    lines.push(match &scope {
        Scope::Of(person) => {
            let sessions = stores.sessions.sessions(&scope, 1_000).await?;
            let messages: u64 = sessions.iter().map(|info| info.messages).sum();
            format!(
                "I can recall {messages} messages of {} conversations with {person} alone.",
                sessions.len()
            )
        }
        _ => "Several speak here: I recall what was said in this conversation, and nothing else.".into(),
    });
    if context.principal.rank == Rank::Owner && matches!(scope, Scope::Of(_)) {
        let files = stores.memory.indexed_files().await?;
        lines.extend(files.iter().take(30).map(|(path, _)| format!("- {path}")));
        if files.len() > 30 {
            lines.push(format!("… and {} more files", files.len() - 30));
        }
    }
    lines.push(
        "`/memory search` finds them by words, `/memory rules` shows what I learnt about how to answer you."
            .into(),
    );
    Ok(lines.join("\n"))
}

async fn search(context: &CommandContext<'_>, text: &str) -> Result<String, AgentError> {
    if text.len() > MOST_QUERY {
        return Ok("That is too much to look for; a few words find more.".into());
    }
    let query = MemoryQuery { text: text.to_owned(), limit: HITS, ..MemoryQuery::default() };
    let recalled = context.ports.stores.memory.recall(&scope(context).await?, &query).await?;
    let mut lines: Vec<String> = recalled
        .hits
        .iter()
        .map(|hit| format!("{}: {}", hit.place, excerpt(&hit.text, text, SHOWN)))
        .collect();
    if lines.is_empty() {
        lines.push("Nothing was found; other words may find it.".into());
    }
    lines.extend(recalled.told.iter().map(|told| format!("({told})")));
    if recalled.more {
        lines.push("There is more; more words narrow it.".into());
    }
    Ok(lines.join("\n"))
}
