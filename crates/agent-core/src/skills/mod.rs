//! Skills: instructions for special tasks, in files of their own, that a model reads when it needs them.
//!
//! A skill is text and grants no rights: what may run is decided where it always is.

mod frontmatter;
mod read_skill;
mod sections;

use std::{fmt, sync::Arc};

use async_trait::async_trait;

pub use frontmatter::{MOST_SKILL_BYTES, parse_skill};
pub use read_skill::ReadSkill;
pub use sections::skill_sections;

/// Where a skill comes from. One of the workspace hides a bundled one of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkillOrigin {
    /// `skills/` of the workspace.
    Workspace,
    /// It comes with the program.
    Bundled,
}

impl SkillOrigin {
    /// In a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::Bundled => "bundled",
        }
    }
}

/// What must be there for a skill to be of use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Requires {
    /// Programs.
    pub bins: Vec<String>,
    /// Variables of the environment.
    pub env: Vec<String>,
    /// One of these operating systems; empty: any.
    pub os: Vec<String>,
    /// Tools.
    pub tools: Vec<String>,
}

/// A skill that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skill {
    /// Its name: lower-case letters, digits, `-` and `_`, at most 64.
    pub name: String,
    /// What it is for, on one line.
    pub description: String,
    /// Whether its text always stands in the prompt.
    pub always: bool,
    /// What it needs.
    pub requires: Requires,
    /// The tools that it works with, as its author says. They are told to the model and grant nothing.
    pub allowed_tools: Vec<String>,
    /// Its text.
    pub text: Arc<str>,
}

/// A skill as it is here and now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledSkill {
    /// The skill.
    pub skill: Arc<Skill>,
    /// Where it comes from.
    pub origin: SkillOrigin,
    /// Its file, from the workspace on.
    pub file: String,
    /// The other files of its folder, from the workspace on, by name.
    pub others: Vec<String>,
    /// What it needs and is not there, each in words. Empty: it is available.
    pub missing: Vec<String>,
}

impl InstalledSkill {
    /// Whether everything is there that it needs.
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.missing.is_empty()
    }
}

/// Why a file is no skill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkillProblem {
    /// The file, from the workspace on.
    pub file: String,
    /// The line, from 1, where it is known.
    pub line: Option<u64>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for SkillProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

/// All skills, and what could not be taken for one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SkillSet {
    /// By name.
    pub skills: Vec<InstalledSkill>,
    /// By file.
    pub problems: Vec<SkillProblem>,
}

impl SkillSet {
    /// The skill of that name, available or not.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&InstalledSkill> {
        self.skills.iter().find(|installed| installed.skill.name == name)
    }

    /// Says that there is no such skill, and which there are.
    #[must_use]
    pub fn unknown(&self, name: &str) -> String {
        let names: Vec<&str> = self.skills.iter().map(|installed| installed.skill.name.as_str()).collect();
        match names.as_slice() {
            [] => format!("there is no skill `{name}`, and no other either"),
            names => format!("there is no skill `{name}`; there are: {}", names.join(", ")),
        }
    }
}

/// Brings the skills. People edit the files behind them by hand at any time: an answer is as new as its call.
#[async_trait]
pub trait SkillSource: Send + Sync {
    /// All of them. A file that is no skill is a problem of its own and stops no other.
    async fn skills(&self) -> SkillSet;
}

/// No skills.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSkills;

#[async_trait]
impl SkillSource for NoSkills {
    async fn skills(&self) -> SkillSet {
        SkillSet::default()
    }
}

#[cfg(test)]
mod tests;
