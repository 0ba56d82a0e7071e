//! /skill.

use std::fmt::Write as _;

use session_api::Rank;

use super::CommandContext;
use crate::InstalledSkill;

/// All skills, or one with its text.
pub(super) async fn skill(context: &CommandContext<'_>, name: &str) -> String {
    let set = context.core.skills.skills().await;
    if !name.is_empty() {
        return match set.get(name) {
            Some(found) => show(found),
            None => format!("{}.", capital(&set.unknown(name))),
        };
    }
    let mut text = String::new();
    for installed in &set.skills {
        let _ = writeln!(
            text,
            "`{}` – {}{}",
            installed.skill.name,
            installed.skill.description,
            state(installed)
        );
    }
    if set.skills.is_empty() {
        text.push_str("There are no skills.\n");
    }
    // Paths and contents of files are the owner's.
    if context.principal.rank == Rank::Owner {
        for problem in &set.problems {
            let _ = writeln!(text, "Left out: {problem}");
        }
    }
    text.push_str("`/skill NAME` shows one.");
    text
}

fn state(installed: &InstalledSkill) -> String {
    match installed.missing.as_slice() {
        [] => String::new(),
        missing => format!(" (not available: {})", missing.join("; ")),
    }
}

fn show(installed: &InstalledSkill) -> String {
    let skill = &installed.skill;
    format!(
        "*{}* ({}){}\n{}\n\n{}",
        skill.name,
        installed.origin.word(),
        state(installed),
        skill.description,
        skill.text
    )
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
