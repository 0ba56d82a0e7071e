//! `factotum memory`.

use agent_core::Opened;
use jiff::{civil::Date, tz::TimeZone};
use session_api::{
    Clock as _, MemoryHit, MemoryKind, MemoryPlace, MemoryQuery, PrincipalId, Role, Timestamp, excerpt,
};

use super::{
    error::CliError,
    memory_args::{Kind, MemoryFinding},
    out,
    session_name::key,
    start::Start,
};
use crate::{Assistant, SystemClock, exit, notes};

/// Characters of a hit that are shown.
const SHOWN: usize = 240;
/// Longest note in bytes.
const MOST_NOTE: usize = 10_000;

pub(super) async fn run(start: &Start, command: MemoryFinding) -> Result<u8, CliError> {
    let running = start.assistant().await?;
    let result = act(&running.assistant, command).await;
    running.end(result).await
}

async fn act(assistant: &Assistant, command: MemoryFinding) -> Result<u8, CliError> {
    match command {
        MemoryFinding::Search { query, person, session, since, until, kind, limit, json } => {
            let query = MemoryQuery {
                text: query.join(" "),
                session: session.map(|name| key(&name)).transpose()?,
                person: person.map(PrincipalId),
                since: since.map(|day| moment(&day, 0)).transpose()?,
                until: until.map(|day| moment(&day, 1)).transpose()?,
                kind: kind.map(|kind| match kind {
                    Kind::Message => MemoryKind::Message,
                    Kind::Result => MemoryKind::Result,
                    Kind::Note => MemoryKind::Note,
                }),
                limit,
            };
            search(assistant, &query, json).await
        }
        MemoryFinding::Show { place } => show(assistant, &parsed(&place)?).await,
        MemoryFinding::Add { text } => add(assistant, &text.join(" ")),
        MemoryFinding::Forget { place } => forget(assistant, &parsed(&place)?).await,
        MemoryFinding::Reindex => reindex(assistant).await,
    }
}

fn parsed(place: &str) -> Result<MemoryPlace, CliError> {
    place.parse().map_err(|error: session_api::MemoryPlaceError| CliError::Input(error.to_string()))
}

fn missing(place: &MemoryPlace) -> CliError {
    CliError::NotFound(format!("there is nothing at {place}; `factotum memory search` shows places"))
}

/// The beginning, in UTC, of a day, or of the one so many days later.
fn moment(day: &str, later: i64) -> Result<Timestamp, CliError> {
    let wrong = || CliError::Input(format!("`{day}` is no day; write it as 2026-11-21"));
    let begins = day.parse::<Date>().ok().and_then(|day| day.to_zoned(TimeZone::UTC).ok());
    let begins = begins.ok_or_else(wrong)?.timestamp().as_millisecond();
    Ok(Timestamp(begins.saturating_add(later * 86_400_000)))
}

async fn search(assistant: &Assistant, query: &MemoryQuery, json: bool) -> Result<u8, CliError> {
    let recalled = assistant.memory().search(query).await?;
    for hit in &recalled.hits {
        if json {
            out::json(&object(hit, query))?;
        } else {
            let text = excerpt(&hit.text, &query.text, SHOWN);
            out::line(&out::plain(&format!(
                "{}  {}  {}: {text}",
                out::time(hit.at),
                hit.place,
                who(hit.role)
            )));
        }
    }
    if json {
        return Ok(exit::OK);
    }
    for told in &recalled.told {
        out::line(&format!("({told})"));
    }
    Ok(match (recalled.hits.is_empty(), recalled.more) {
        (true, _) => out::line("Nothing was found; other words may find it."),
        (false, true) => out::line("There is more; narrow it by more words, --since, --session or --limit."),
        (false, false) => exit::OK,
    })
}

fn object(hit: &MemoryHit, query: &MemoryQuery) -> serde_json::Value {
    serde_json::json!({
        "place": hit.place.to_string(),
        "kind": match hit.kind {
            MemoryKind::Message => "message",
            MemoryKind::Result => "result",
            MemoryKind::Note => "note",
        },
        "who": who(hit.role),
        "at": hit.at,
        "excerpt": excerpt(&hit.text, &query.text, SHOWN),
        "text": hit.text,
    })
}

fn who(role: Option<Role>) -> &'static str {
    match role {
        Some(Role::User) => "user",
        Some(Role::Assistant) => "factotum",
        Some(Role::Tool) => "tool",
        None => "note",
    }
}

async fn show(assistant: &Assistant, place: &MemoryPlace) -> Result<u8, CliError> {
    match assistant.memory().open(place).await?.ok_or_else(|| missing(place))? {
        Opened::Messages(messages) => {
            for stored in messages {
                let message = stored.message;
                let text = message.readable();
                let line = format!(
                    "#{} [{}] {}: {text}",
                    stored.seq,
                    out::time(message.at),
                    who(Some(message.role))
                );
                out::line(&out::plain(&line));
            }
        }
        Opened::Sections(sections) => {
            for section in sections {
                out::line(&out::plain(&format!("{}: {}", section.line, section.text)));
            }
        }
    }
    Ok(exit::OK)
}

fn add(assistant: &Assistant, text: &str) -> Result<u8, CliError> {
    let line = out::plain(text).split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() || line.len() > MOST_NOTE {
        return Err(CliError::Input(format!("a note has between 1 and {MOST_NOTE} bytes")));
    }
    let zones = assistant.jobs().zones();
    let day = agent_core::shown(&zones, zones.local(), SystemClock::new().now());
    let day = day.get(..10).unwrap_or("undated");
    let path = format!("memory/{day}.md");
    notes::append(assistant.workspace(), &path, &format!("- {line}"))?;
    Ok(out::line(&format!("Noted in {path}.")))
}

async fn forget(assistant: &Assistant, place: &MemoryPlace) -> Result<u8, CliError> {
    match place {
        MemoryPlace::Message { session, seq } => {
            match assistant.memory().forget_message(session, *seq).await? {
                true => {
                    Ok(out::line(&format!("{place} is not found any more. It stays in its conversation.")))
                }
                false => Err(missing(place)),
            }
        }
        MemoryPlace::File { path, line } => {
            let Some(Opened::Sections(sections)) = assistant.memory().open(place).await? else {
                return Err(missing(place));
            };
            let section = sections.iter().find(|section| section.line == *line);
            let section = section.ok_or_else(|| missing(place))?;
            match notes::take_out(assistant.workspace(), path, *line, &section.text)? {
                true => Ok(out::line(&format!("Taken out of {path}."))),
                false => Err(CliError::Failed(format!("{path} was changed in the meantime; search again"))),
            }
        }
    }
}

async fn reindex(assistant: &Assistant) -> Result<u8, CliError> {
    let memory = assistant.memory();
    memory.forget_index().await?;
    let mut taken = 0;
    memory.catch_up(|messages| taken += messages).await?;
    let said = out::line(&format!("{taken} messages and all notes were taken up."));
    let Some(vectors) = assistant.vectors() else { return Ok(said) };
    let mut made = 0;
    loop {
        match vectors.feed().await {
            Ok(progress) => {
                made += progress.taken;
                if !progress.left {
                    break;
                }
            }
            Err(error) => {
                let what = format!("{made} texts got vectors; then: {error}. The rest is made up for later.");
                return Err(CliError::Failed(what));
            }
        }
    }
    Ok(out::line(&format!("{made} texts got vectors.")))
}
