//! `factotum sessions`.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Read, Write as _},
    path::Path,
};

use serde::{Deserialize, Serialize};
use session_api::{Message, MessageId, Page, Part, Role, SessionInfo, SessionKey, StoredMessage};

use super::{
    args::Sessions,
    error::CliError,
    out,
    session_name::{key, name},
    start::Start,
};
use crate::{Assistant, exit};

const PAGE: usize = 500;
/// A line of an export: a message, so at most what a message may be and its JSON.
const LONGEST_LINE: u64 = 64 << 20;

/// A line of an export.
#[derive(Debug, Serialize, Deserialize)]
struct Exported {
    session: SessionKey,
    #[serde(default)]
    seq: u64,
    message: Message,
}

pub(super) async fn run(start: &Start, command: Sessions) -> Result<u8, CliError> {
    let running = start.assistant().await?;
    let result = act(&running.assistant, command).await;
    running.end(result).await
}

async fn act(assistant: &Assistant, command: Sessions) -> Result<u8, CliError> {
    match command {
        Sessions::List { limit, json } => list(assistant, limit, json).await,
        Sessions::Show { session, last, from, to, json } => {
            show(assistant, &key(&session)?, last, (from, to), json).await
        }
        Sessions::Search { text, limit, json } => search(assistant, &text, limit, json).await,
        Sessions::Export { session, output } => export(assistant, &key(&session)?, output.as_deref()).await,
        Sessions::Import { file, session } => {
            let target = session.map(|session| key(&session)).transpose()?;
            import(assistant, &file, target).await
        }
        Sessions::Clear { session } => {
            let session = key(&session)?;
            found(assistant, &session).await?;
            let count = assistant.sessions().clear(&session).await?;
            Ok(out::line(&format!("{count} messages taken away from {}.", name(&session))))
        }
        Sessions::Delete { session } => {
            let session = key(&session)?;
            match assistant.sessions().delete(&session).await? {
                true => Ok(out::line(&format!("{} is gone.", name(&session)))),
                false => Err(missing(&session)),
            }
        }
    }
}

fn missing(session: &SessionKey) -> CliError {
    CliError::NotFound(format!("there is no session `{}`; `factotum sessions list` shows all", name(session)))
}

async fn found(assistant: &Assistant, session: &SessionKey) -> Result<SessionInfo, CliError> {
    assistant.sessions().get(session).await?.ok_or_else(|| missing(session))
}

async fn list(assistant: &Assistant, limit: usize, json: bool) -> Result<u8, CliError> {
    let sessions = assistant.sessions().list(limit).await?;
    if sessions.is_empty() && !json {
        return Ok(out::line("There are no sessions yet; `factotum agent -m TEXT` begins one."));
    }
    for info in sessions {
        if json {
            out::json(&serde_json::json!({
                "session": info.key.to_string(),
                "title": info.title,
                "messages": info.messages,
                "pending": info.pending,
                "open_turn": info.open_turn.map(|turn| turn.to_string()),
                "model": info.model,
                "created_at": info.created_at,
                "updated_at": info.updated_at,
            }))?;
        } else {
            let waits = if info.open_turn.is_some() { ", unfinished" } else { "" };
            let line = format!(
                "{}  {} messages{waits}  {}",
                out::time(info.updated_at),
                info.messages,
                name(&info.key)
            );
            out::line(&out::plain(&line));
        }
    }
    Ok(exit::OK)
}

async fn all(
    assistant: &Assistant,
    session: &SessionKey,
    mut after: u64,
    to: u64,
    mut each: impl FnMut(StoredMessage) -> Result<(), CliError>,
) -> Result<(), CliError> {
    loop {
        let page = assistant.sessions().messages(session, Page { after, limit: PAGE }).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.seq;
        for stored in page {
            if stored.seq > to {
                return Ok(());
            }
            each(stored)?;
        }
    }
}

async fn show(
    assistant: &Assistant,
    session: &SessionKey,
    last: Option<u64>,
    (from, to): (Option<u64>, Option<u64>),
    json: bool,
) -> Result<u8, CliError> {
    let info = found(assistant, session).await?;
    let (from, to) = (from.unwrap_or(1), to.unwrap_or(u64::MAX));
    if from > to || to == 0 {
        return Err(CliError::Input(format!("there is nothing from message {from} to message {to}")));
    }
    let after = last.map_or(from.saturating_sub(1), |last| info.last_seq.saturating_sub(last));
    // By its number a message is found again, in what a summary says of it.
    let numbered = from > 1 || to < u64::MAX;
    all(assistant, session, after, to, |StoredMessage { seq, message }| {
        if json {
            out::json(&Exported { session: session.clone(), seq, message })?;
        } else if numbered {
            out::line(&format!("#{seq} {}", readable(&message)));
        } else {
            out::line(&readable(&message));
        }
        Ok(())
    })
    .await?;
    Ok(exit::OK)
}

fn readable(message: &Message) -> String {
    let who = match message.role {
        Role::User => "you",
        Role::Assistant => "factotum",
        Role::Tool => "tool",
    };
    let parts: Vec<String> = message.parts.iter().map(part).filter(|text| !text.is_empty()).collect();
    format!("[{}] {who}: {}", out::time(message.at), out::plain(&parts.join("\n  ")))
}

fn part(part: &Part) -> String {
    match part {
        Part::Text { text } => text.clone(),
        Part::Reasoning { text } => format!("(thinking) {text}"),
        Part::ToolCall(call) => format!("→ {} {}", call.name, call.arguments),
        Part::ToolResult(result) => {
            let texts: Vec<String> = result.content.iter().map(self::part).collect();
            format!("← {} {:?}: {}", result.name, result.status, texts.join("\n"))
        }
        Part::Image { blob, mime } => format!("[image {mime} {blob}]"),
        Part::File { blob, mime, name } => format!("[file {name} {mime} {blob}]"),
        Part::Outside { through } => format!("[from outside: {through}]"),
        Part::Opaque { .. } => String::new(),
    }
}

async fn search(assistant: &Assistant, text: &str, limit: usize, json: bool) -> Result<u8, CliError> {
    if text.trim().is_empty() {
        return Err(CliError::Input("there is nothing to search for; give a text".into()));
    }
    let hits = assistant.sessions().search(text, limit).await?;
    if hits.is_empty() && !json {
        return Ok(out::line("Nothing found."));
    }
    for hit in hits {
        if json {
            let StoredMessage { seq, message } = hit.message;
            out::json(&Exported { session: hit.session, seq, message })?;
        } else {
            out::line(&format!(
                "{}: {}",
                name(&hit.session),
                out::short(&readable(&hit.message.message), 200)
            ));
        }
    }
    Ok(exit::OK)
}

async fn export(assistant: &Assistant, session: &SessionKey, output: Option<&Path>) -> Result<u8, CliError> {
    found(assistant, session).await?;
    let mut to: Box<dyn io::Write + Send> = match output {
        Some(path) => Box::new(io::BufWriter::new(fs::File::create(path).map_err(|error| at(path, &error))?)),
        None => Box::new(io::stdout()),
    };
    all(assistant, session, 0, u64::MAX, |StoredMessage { seq, message }| {
        let line = serde_json::to_string(&Exported { session: session.clone(), seq, message });
        writeln!(to, "{}", line.map_err(io::Error::other)?)?;
        Ok(())
    })
    .await?;
    to.flush()?;
    Ok(exit::OK)
}

fn at(path: &Path, error: &io::Error) -> CliError {
    CliError::Failed(format!("{}: {error}", path.display()))
}

async fn import(assistant: &Assistant, file: &Path, target: Option<SessionKey>) -> Result<u8, CliError> {
    let from: Box<dyn Read + Send> = if file == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(
            fs::File::open(file)
                .map_err(|error| CliError::NotFound(format!("{}: {error}", file.display())))?,
        )
    };
    let mut reader = BufReader::new(from);
    let mut batches: Vec<(SessionKey, Vec<Message>)> = Vec::new();
    for number in 1.. {
        let mut line = Vec::new();
        if reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let Exported { session, mut message, .. } = serde_json::from_slice(&line).map_err(|error| {
            CliError::Input(format!("{}, line {number}: not an exported message: {error}", file.display()))
        })?;
        let session = match &target {
            Some(target) if *target != session => {
                copied(&mut message, target);
                target.clone()
            }
            _ => session,
        };
        match batches.last_mut() {
            Some((last, messages)) if *last == session => messages.push(message),
            _ => batches.push((session, vec![message])),
        }
    }
    if batches.is_empty() {
        return Err(CliError::Input(format!("{} holds no messages", file.display())));
    }
    for (session, messages) in batches {
        let count = messages.len();
        let added = assistant.sessions().import(&session, messages).await?;
        let known = count as u64 - added;
        out::line(&format!("{}: {added} messages added, {known} were there already.", name(&session)));
    }
    Ok(exit::OK)
}

/// Gives a message that goes into another conversation an id of its own, since the original may still be there. The
/// same message in the same conversation gets the same id, so that importing twice adds nothing.
fn copied(message: &mut Message, target: &SessionKey) {
    let place = target.to_string().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // Time, version and variant stand in the upper bits and stay.
    let low = u128::from(place >> 2);
    message.id = MessageId(uuid::Uuid::from_u128(message.id.0.as_u128() ^ low));
}
