//! `factotum skills`.

use agent_core::{InstalledSkill, SkillSet};
use clap::Subcommand;
use serde_json::json;

use super::{error::CliError, out, start::Start};
use crate::exit;

#[derive(Debug, Subcommand)]
pub(crate) enum Skills {
    /// All skills: those of the workspace, and those that come with the program
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// One skill with its text
    Show {
        /// Its name
        name: String,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// What is wrong with the files of the workspace's skills; exit code 65 where something is
    Check {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(start: &Start, command: Skills) -> Result<u8, CliError> {
    let running = start.assistant().await?;
    let set = running.assistant.core().skills.skills().await;
    let result = act(&set, command);
    running.end(result).await
}

fn act(set: &SkillSet, command: Skills) -> Result<u8, CliError> {
    match command {
        Skills::List { json: true } => {
            for installed in &set.skills {
                out::json(&object(installed))?;
            }
            Ok(exit::OK)
        }
        Skills::List { json: false } => {
            for installed in &set.skills {
                let (skill, state) =
                    (&installed.skill, if installed.is_available() { "ready" } else { "missing" });
                let line = format!(
                    "{:20} {:9} {state:7}  {}",
                    skill.name,
                    installed.origin.word(),
                    skill.description
                );
                out::line(&out::plain(&line));
                for what in &installed.missing {
                    out::line(&out::plain(&format!("{:20} {what}", "")));
                }
            }
            for problem in &set.problems {
                out::line(&out::plain(&format!("left out: {problem}")));
            }
            Ok(exit::OK)
        }
        Skills::Show { name, json } => {
            let found = set.get(&name).ok_or_else(|| CliError::NotFound(set.unknown(&name)))?;
            if json {
                let mut object = object(found);
                object["text"] = (*found.skill.text).into();
                out::json(&object)?;
                return Ok(exit::OK);
            }
            Ok(show(found))
        }
        Skills::Check { json } => {
            for problem in &set.problems {
                if json {
                    out::json(
                        &json!({ "file": problem.file, "line": problem.line, "problem": problem.what }),
                    )?;
                } else {
                    out::line(&out::plain(&problem.to_string()));
                }
            }
            if !set.problems.is_empty() {
                return Ok(exit::INPUT);
            }
            if !json {
                out::line(&format!("All {} skills can be read.", set.skills.len()));
            }
            Ok(exit::OK)
        }
    }
}

fn show(found: &InstalledSkill) -> u8 {
    let skill = &found.skill;
    out::line(&format!("name:      {}", skill.name));
    out::line(&out::plain(&format!("about:     {}", skill.description)));
    out::line(&out::plain(&format!("from:      {} ({})", found.origin.word(), found.file)));
    if skill.always {
        out::line("prompt:    its whole text always stands there");
    }
    if !skill.allowed_tools.is_empty() {
        out::line(&out::plain(&format!("tools:     {}", skill.allowed_tools.join(", "))));
    }
    for what in &found.missing {
        out::line(&out::plain(&format!("missing:   {what}")));
    }
    for other in &found.others {
        out::line(&out::plain(&format!("file:      {other}")));
    }
    out::line(&out::plain(&format!("\n{}", skill.text)))
}

/// A skill for scripts.
fn object(installed: &InstalledSkill) -> serde_json::Value {
    let skill = &installed.skill;
    json!({
        "name": skill.name,
        "description": skill.description,
        "origin": installed.origin.word(),
        "file": installed.file,
        "always": skill.always,
        "available": installed.is_available(),
        "missing": installed.missing,
        "allowed_tools": skill.allowed_tools,
        "files": installed.others,
    })
}
