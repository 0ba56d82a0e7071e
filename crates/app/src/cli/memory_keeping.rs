//! `factotum memory log|diff|restore|consolidate`: how the memory files are kept.

use agent_core::{Consolidated, Experience, Keeper, LearntRule, Version, VersionState};
use clap::{Args as ClapArgs, Subcommand};
use serde_json::json;
use session_api::{Principal, PrincipalId, Rank};
use tools::MemoryFolder;

use super::{error::CliError, out, start::Start};
use crate::{
    Assistant, exit,
    memory::{DiffLine, consolidation, diff},
};

#[derive(Debug, Subcommand)]
pub(crate) enum MemoryKeeping {
    /// What consolidation made of MEMORY.md, newest first
    Log {
        #[command(flatten)]
        whose: Whose,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// What one consolidation changed
    Diff {
        /// Its number [default: the newest that changed something]
        id: Option<u64>,
        #[command(flatten)]
        whose: Whose,
    },
    /// Bring MEMORY.md back as it was before a consolidation; that can be undone in the same way
    Restore {
        /// Its number
        id: u64,
        #[command(flatten)]
        whose: Whose,
    },
    /// The standing rules that were learnt, and where each was said
    Rules {
        #[command(flatten)]
        whose: Whose,
        /// Take this one away, by the beginning of its id
        #[arg(long, value_name = "RULE")]
        remove: Option<String>,
        /// Give this one other words
        #[arg(long, value_name = "RULE", requires = "text", conflicts_with = "remove")]
        edit: Option<String>,
        /// The words
        #[arg(value_name = "TEXT", requires = "edit")]
        text: Option<String>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// What tools came to in the last thirty days, and in which kind of request
    Experience {
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Work the notes into MEMORY.md now, those of today included
    Consolidate {
        /// One JSON object for each folder
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Whose {
    /// The memory of a member, by their id [default: yours]
    #[arg(long, value_name = "ID")]
    of: Option<String>,
}

impl Whose {
    /// The person whose it is.
    fn person(&self) -> PrincipalId {
        self.of.clone().map_or_else(|| Principal::owner().id, PrincipalId)
    }

    fn folder(self) -> String {
        let member = |id| MemoryFolder::path_for(&Principal { id: PrincipalId(id), rank: Rank::Member });
        self.of.and_then(member).unwrap_or_else(|| "memory".to_owned())
    }
}

pub(super) async fn run(start: &Start, command: MemoryKeeping) -> Result<u8, CliError> {
    let running = start.assistant().await?;
    let result = act(&running.assistant, command).await;
    running.end(result).await
}

async fn act(assistant: &Assistant, command: MemoryKeeping) -> Result<u8, CliError> {
    let how = consolidation(assistant.config(), assistant.workspace())?;
    let files = how.files.clone();
    let keeper = Keeper::new(assistant.factotum().clone(), how);
    let failed = |error: agent_core::MemoryFilesError| CliError::Failed(error.to_string());
    match command {
        MemoryKeeping::Log { whose, json } => {
            let versions = files.versions(&whose.folder()).await.map_err(failed)?;
            if versions.is_empty() && !json {
                return Ok(out::line(
                    "Nothing was consolidated yet; `factotum memory consolidate` does it now.",
                ));
            }
            for version in versions.iter().rev() {
                if json {
                    out::json(&object(version))?
                } else {
                    out::line(&line(version));
                }
            }
            Ok(exit::OK)
        }
        MemoryKeeping::Diff { id, whose } => {
            let versions = files.versions(&whose.folder()).await.map_err(failed)?;
            let changed = |version: &&Version| match id {
                Some(id) => version.id == id,
                None => matches!(version.state, VersionState::Applied | VersionState::Restored),
            };
            let Some(version) = versions.iter().rev().find(changed) else {
                let what =
                    id.map_or_else(|| "a consolidation".to_owned(), |id| format!("consolidation {id}"));
                return Err(CliError::NotFound(format!(
                    "there is no {what}; `factotum memory log` lists them"
                )));
            };
            out::line(&line(version));
            let proposed = !matches!(version.state, VersionState::Failed);
            for line in proposed.then(|| diff(&version.before, &version.after)).into_iter().flatten() {
                match line {
                    DiffLine::Same(_) => exit::OK,
                    DiffLine::Gone(text) => out::line(&out::plain(&format!("- {text}"))),
                    DiffLine::New(text) => out::line(&out::plain(&format!("+ {text}"))),
                };
            }
            Ok(exit::OK)
        }
        MemoryKeeping::Restore { id, whose } => {
            let folder = whose.folder();
            let version =
                keeper.restore(&folder, id).await.map_err(|error| CliError::NotFound(error.to_string()))?;
            Ok(out::line(&format!(
                "{folder}/MEMORY.md is {} again (version {}).",
                version.reason, version.id
            )))
        }
        MemoryKeeping::Rules { whose, remove, edit, text, json } => {
            let (rules, person) = (assistant.rules(), whose.person());
            let not_found = |error: agent_core::AgentError| match error {
                agent_core::AgentError::Context(why) => CliError::NotFound(why),
                error => error.into(),
            };
            if let Some(id) = remove {
                let rule = rules.remove(&person, &id).await.map_err(not_found)?;
                return Ok(out::line(&out::plain(&format!("“{}” is removed.", rule.text))));
            }
            if let (Some(id), Some(text)) = (edit, text) {
                let rule = rules.edit(&person, &id, &text).await.map_err(not_found)?;
                return Ok(out::line(&out::plain(&format!("“{}” says now: “{text}”.", rule.text))));
            }
            list_rules(&rules.list(&person).await?, json)
        }
        MemoryKeeping::Experience { json } => experience(&assistant.experience().await?, json),
        MemoryKeeping::Consolidate { json } => {
            let mut code = exit::OK;
            for (folder, done) in keeper.all(true).await? {
                let (what, text) = match &done {
                    Consolidated::Nothing => ("nothing", "there is nothing to do".to_owned()),
                    Consolidated::Done(version) => ("done", line(version)),
                    Consolidated::Failed(why) => ("failed", why.clone()),
                };
                if what == "failed" {
                    code = exit::FAILED;
                }
                if json {
                    out::json(&json!({ "folder": folder, "outcome": what, "text": text }))?;
                } else {
                    out::line(&out::plain(&format!("{folder}: {text}")));
                }
            }
            Ok(code)
        }
    }
}

fn state(version: &Version) -> &'static str {
    match version.state {
        VersionState::Prepared => "interrupted",
        VersionState::Applied => "done",
        VersionState::Superseded => "given up",
        VersionState::Failed => "failed",
        VersionState::Restored => "restored",
    }
}

/// How many lines are new and gone; none where the file stayed as it was.
fn counts(version: &Version) -> (usize, usize) {
    if !matches!(version.state, VersionState::Applied | VersionState::Restored) {
        return (0, 0);
    }
    let lines = diff(&version.before, &version.after);
    let count = |keep: fn(&DiffLine<'_>) -> bool| lines.iter().filter(|line| keep(line)).count();
    (count(|line| matches!(line, DiffLine::New(_))), count(|line| matches!(line, DiffLine::Gone(_))))
}

fn line(version: &Version) -> String {
    let mut text = format!("{:4}  {}  {:11}", version.id, out::time(version.at), state(version));
    if matches!(version.state, VersionState::Applied | VersionState::Restored) {
        let (new, gone) = counts(version);
        text.push_str(&format!("  +{new} -{gone} lines"));
    }
    for more in [&version.model, &version.reason] {
        if !more.is_empty() {
            text.push_str(&format!("  {}", out::short(more, 160)));
        }
    }
    out::plain(&text)
}

fn object(version: &Version) -> serde_json::Value {
    let (new, gone) = counts(version);
    json!({
        "id": version.id,
        "at": version.at,
        "state": version.state,
        "model": version.model,
        "reason": version.reason,
        "attempts": version.attempts,
        "lines_new": new,
        "lines_gone": gone,
        "notes": version.notes.keys().collect::<Vec<_>>(),
    })
}

fn list_rules(rules: &[LearntRule], json: bool) -> Result<u8, CliError> {
    if rules.is_empty() && !json {
        return Ok(out::line("There are no standing rules."));
    }
    for rule in rules {
        if json {
            out::json(rule)?;
            continue;
        }
        let from = match (&rule.session, &rule.message) {
            (Some(session), Some(message)) => format!("{session}, message {message}"),
            _ => "by hand".to_owned(),
        };
        let line =
            format!("{}  {}  {}  ({}; {from})", rule.id, out::time(rule.at), rule.text, rule.scope_words());
        out::line(&out::plain(&line));
    }
    Ok(exit::OK)
}

fn experience(experience: &Experience, json: bool) -> Result<u8, CliError> {
    if json {
        out::json(experience)?;
        return Ok(exit::OK);
    }
    if experience.tools.is_empty() {
        return Ok(out::line("No tool was used lately."));
    }
    for (name, tool) in &experience.tools {
        out::line(&out::plain(&format!("{name:24} {:5} worked  {:5} failed", tool.worked, tool.failed)));
        for error in &tool.errors {
            out::line(&format!("{:24} {}", "", out::short(error, 100)));
        }
    }
    for (kind, outcomes) in &experience.kinds {
        let outcomes: Vec<String> =
            outcomes.iter().map(|(outcome, count)| format!("{outcome} {count}")).collect();
        out::line(&out::plain(&format!("{kind}  –  {}", outcomes.join(", "))));
    }
    Ok(exit::OK)
}
