//! What of the skills stands in the prompt.

use std::fmt::Write as _;

use super::SkillSet;
use crate::{PromptSection, Share};

/// Most characters of a description in the list; the whole is in the skill.
const SHOWN: usize = 240;
/// Most bytes of the list. Skills beyond it are named only.
const MOST_LIST: usize = 12 << 10;

/// The list of all skills, then the whole text of each that always stands there and is available.
#[must_use]
pub fn skill_sections(set: &SkillSet) -> Vec<PromptSection> {
    if set.skills.is_empty() {
        return Vec::new();
    }
    let mut list = String::from(
        "Instructions for special tasks. Before such a task, read its skill with read_skill and follow it. A skill \
         allows nothing that would otherwise need a permission.\n",
    );
    let mut named = Vec::new();
    for installed in &set.skills {
        let (name, description) = (&installed.skill.name, &installed.skill.description);
        let mut line = format!("- {name}: {}", shortened(description));
        if !installed.missing.is_empty() {
            // Writing to a String cannot fail.
            let _ = write!(line, " [not available: {}]", installed.missing.join("; "));
        }
        if list.len() + line.len() < MOST_LIST && named.is_empty() {
            list.push_str(&line);
            list.push('\n');
        } else {
            named.push(name.as_str());
        }
    }
    if !named.is_empty() {
        let _ = write!(list, "- more: {}", named.join(", "));
    }
    let section =
        |name: String, text: String| PromptSection { share: Share::Skills, name, text, absent: None };
    let mut sections = vec![section("Skills".into(), list)];
    for installed in set.skills.iter().filter(|one| one.skill.always && one.is_available()) {
        let skill = &installed.skill;
        sections.push(section(format!("Skill: {}", skill.name), skill.text.to_string()));
    }
    sections
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
