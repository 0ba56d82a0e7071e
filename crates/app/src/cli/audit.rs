//! `factotum audit`.

use clap::Subcommand;
use serde_json::{Value, json};
use session_api::{AuditHead, AuditRow, AuditVerdict, TurnId};

use super::{error::CliError, out, session_name, start::Start};
use crate::{Assistant, exit};

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Check every chain from its first row; exit code 1 names the first row that does not fit
    Verify {
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// What was done, by whom, how long it took, and what was refused; newest first
    Show {
        /// Only this conversation: a name, or channel:account:chat
        #[arg(long, value_name = "NAME")]
        session: Option<String>,
        /// Only this turn
        #[arg(long, value_name = "ID")]
        turn: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(start: &Start, command: Audit) -> Result<u8, CliError> {
    let running = start.assistant().await?;
    let result = act(&running.assistant, command).await;
    running.end(result).await
}

async fn act(assistant: &Assistant, command: Audit) -> Result<u8, CliError> {
    match command {
        Audit::Verify { json } => {
            let verdict = assistant.verify_audit().await?;
            verify(&verdict, json)
        }
        Audit::Show { session, turn, limit, json } => {
            let session = session.map(|name| session_name::key(&name)).transpose()?;
            let parse = |id: String| {
                id.parse::<TurnId>().map_err(|_| CliError::Input(format!("{id:?} is not the id of a turn")))
            };
            let turn = turn.map(parse).transpose()?;
            let rows = assistant.audit(session.as_ref(), turn, limit).await?;
            if rows.is_empty() && !json {
                return Ok(out::line("There are no rows."));
            }
            for row in &rows {
                if json {
                    out::json(&object(row))?;
                } else {
                    out::line(&line(row));
                }
            }
            Ok(exit::OK)
        }
    }
}

fn verify(verdict: &AuditVerdict, json: bool) -> Result<u8, CliError> {
    let (object, text, code) = match verdict {
        AuditVerdict::Intact { rows, head } => {
            let object = json!({ "intact": true, "rows": rows, "head": head });
            let kept = head.as_ref().map_or_else(String::new, |head| {
                format!(" Head of {}: {} (row {} of the day).", date(head), head.hash, head.rows)
            });
            (object, format!("Rows: {rows}; every chain holds.{kept}"), exit::OK)
        }
        AuditVerdict::Cut { head, found } => {
            let text = match head {
                Some(head) if head.day < 0 => format!(
                    "{} rows were written before there were daily heads, and {found} of them are there: rows were taken away. Compare with a backup.",
                    head.rows
                ),
                Some(head) => format!(
                    "On {} {} rows were written, and the {found} that are there are not those: rows were changed or taken away, of that day or before. Compare with a backup.",
                    date(head),
                    head.rows
                ),
                None => format!(
                    "The head that covers the newest {found} rows was taken away. Compare with a backup."
                ),
            };
            (json!({ "intact": false, "head": head, "found": found }), text, exit::FAILED)
        }
        AuditVerdict::Broken { session, no } => (
            json!({ "intact": false, "session": session.to_string(), "no": no }),
            format!(
                "The chain of {session} is broken at row {no}: it was changed, or one before it was taken away. Compare with a backup."
            ),
            exit::FAILED,
        ),
    };
    if json {
        out::json(&object)?;
    } else {
        out::line(&text);
    }
    Ok(code)
}

fn line(row: &AuditRow) -> String {
    let entry = &row.entry;
    let payload: Value = serde_json::from_str(&entry.payload).unwrap_or_default();
    let arguments = payload["arguments"].as_str().unwrap_or_default();
    let result = payload["result"].as_str().unwrap_or_default();
    let took = if entry.millis > 0 { format!(" {} ms", entry.millis) } else { String::new() };
    let arguments =
        if arguments.is_empty() { String::new() } else { format!(" {}", out::short(arguments, 100)) };
    let result = if result.is_empty() { String::new() } else { format!(" → {}", out::short(result, 60)) };
    out::plain(&format!(
        "{} {}#{} {} {} {}{arguments}{result}{took}",
        out::time(entry.at),
        entry.session,
        row.no,
        entry.principal,
        entry.kind,
        entry.subject
    ))
}

/// A row for scripts.
fn object(row: &AuditRow) -> Value {
    let entry = &row.entry;
    let payload =
        serde_json::from_str(&entry.payload).unwrap_or_else(|_| Value::from(entry.payload.as_str()));
    json!({
        "at": entry.at,
        "session": entry.session.to_string(),
        "no": row.no,
        "turn": entry.turn,
        "principal": entry.principal,
        "kind": entry.kind,
        "subject": entry.subject,
        "payload": payload,
        "erased": row.erased,
        "millis": entry.millis,
        "hash": row.hash,
    })
}

/// The day of a head.
fn date(head: &AuditHead) -> String {
    let at = jiff::Timestamp::from_second(head.day.saturating_mul(24 * 60 * 60)).unwrap_or_default();
    at.strftime("%Y-%m-%d").to_string()
}
