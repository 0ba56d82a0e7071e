//! `factotum doctor`.

mod gateway;

use std::path::Path;

use serde::Serialize;
use session_api::AuditVerdict;

use super::{error::CliError, out, start::Start};
use crate::{Assistant, exit};

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    found: String,
    /// What to do, where something is wrong.
    mend: Option<String>,
}

impl Check {
    fn good(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, ok: true, found: found.into(), mend: None }
    }

    fn bad(name: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { name, ok: false, found: found.into(), mend: Some(mend.into()) }
    }
}

pub(super) async fn run(start: &Start, json: bool) -> Result<u8, CliError> {
    let mut checks = Vec::new();
    match start.load() {
        Ok(loaded) => {
            let found = if loaded.exists {
                loaded.path.display().to_string()
            } else {
                "none; the defaults count".to_owned()
            };
            checks.push(Check::good("configuration", found));
        }
        Err(error) => {
            checks.push(Check::bad("configuration", error.to_string(), "mend the lines named above"));
        }
    }
    checks.push(room(&start.home));
    let mut code = exit::OK;
    match start.assistant().await {
        Ok(running) => {
            let found = look(&running.assistant).await;
            checks.extend(running.end(found).await?);
        }
        Err(error) => {
            code = error.exit_code();
            let mend = "mend what is named; nothing was changed";
            checks.push(Check::bad("start", error.to_string(), mend));
        }
    }
    if code == exit::OK && checks.iter().any(|check| !check.ok) {
        code = exit::FAILED;
    }
    if json {
        out::json(&checks)?;
        return Ok(code);
    }
    for Check { name, ok, found, mend } in &checks {
        let mark = if *ok { "ok  " } else { "BAD " };
        out::line(&out::plain(&format!("{mark} {name:14} {found}")));
        if let Some(mend) = mend {
            out::line(&out::plain(&format!("                    → {mend}")));
        }
    }
    Ok(code)
}

/// Whether the data directory takes a file.
fn room(home: &Path) -> Check {
    let probe = home.join("run").join("doctor.probe");
    let tried = std::fs::create_dir_all(home.join("run"))
        .and_then(|()| std::fs::write(&probe, [0_u8; 4096]))
        .and_then(|()| std::fs::remove_file(&probe));
    match tried {
        Ok(()) => Check::good("data directory", home.display().to_string()),
        Err(error) => Check::bad(
            "data directory",
            format!("{}: {error}", home.display()),
            "make it writable and make room, or choose another with FACTOTUM_HOME",
        ),
    }
}

async fn look(assistant: &Assistant) -> Result<Vec<Check>, CliError> {
    let mut checks = Vec::new();
    if let Some(database) = assistant.database() {
        let integrity = database.integrity().await?;
        let about = format!(
            "{} ({} KiB, log {} KiB, schema {}, SQLite {})",
            integrity.file.display(),
            integrity.database_bytes / 1024,
            integrity.wal_bytes / 1024,
            integrity.schema,
            integrity.sqlite
        );
        checks.push(if integrity.is_sound() {
            Check::good("database", about)
        } else {
            let found = format!(
                "{about}: {}; {} dangling rows, {} unreadable messages",
                integrity.problems.join("; "),
                integrity.dangling_rows,
                integrity.unreadable_messages
            );
            Check::bad(
                "database",
                found,
                "stop Factotum, keep a copy, and restore a backup or run sqlite3 .recover",
            )
        });
    }
    checks.push(match assistant.verify_audit().await? {
        AuditVerdict::Intact { rows, .. } => Check::good("audit log", format!("rows: {rows}; every chain holds")),
        AuditVerdict::Cut { .. } => Check::bad(
            "audit log",
            "rows were taken away",
            "`factotum audit verify` says of which day; somebody changed the database by hand; compare with a backup",
        ),
        AuditVerdict::Broken { session, no } => Check::bad(
            "audit log",
            format!("broken at row {no} of {session}"),
            "somebody changed the database by hand; compare with a backup",
        ),
    });
    checks.push(Check::good("workspace", assistant.workspace().display().to_string()));
    checks.push(model(assistant).await);
    let (dead, unsent) =
        (assistant.dead_letters(1000).await?.len(), assistant.undelivered(1000).await?.len());
    checks.push(if dead + unsent == 0 {
        Check::good("dead letters", "none")
    } else {
        Check::bad(
            "dead letters",
            format!("{dead} messages failed and are kept, {unsent} answers did not arrive"),
            "`factotum dead-letters list`",
        )
    });
    checks.extend(gateway::look(assistant).await?);
    Ok(checks)
}

/// Asks the provider for its models: the cheapest question that needs address and key.
async fn model(assistant: &Assistant) -> Check {
    let core = assistant.core();
    let chosen = core.models.default_model();
    let about = format!("{} because {}", chosen.name(), assistant.model_reason());
    match chosen.provider.models().await {
        Ok(models) => Check::good("model", format!("{about}; {} models listed", models.len())),
        Err(error) => {
            Check::bad("model", format!("{about}: {error}"), "mend what the provider says, then try again")
        }
    }
}
