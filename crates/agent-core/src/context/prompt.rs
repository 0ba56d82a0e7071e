//! What stands before the conversation, most stable first: identity, then the sections that the prompt source brings.

use std::fmt::Write as _;

use async_trait::async_trait;
use session_api::{Principal, SessionKey};

const IDENTITY: &str = include_str!("../../prompts/identity.md");

/// Whose room in the prompt a section takes. The order is that of the prompt: what changes least stands first, so that a
/// provider's cache of the beginning holds longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Share {
    /// `AGENTS.md` and `SOUL.md`: for everybody.
    Instructions,
    /// `USER.md`, or a member's own file: for one person.
    Person,
    /// `CONTEXT-<channel>.md`.
    Channel,
    /// The skills: a line for each, and the whole text of those that are active.
    Skills,
    /// The profile that a run was started with.
    Profile,
    /// Standing rules that were learnt.
    Rules,
    /// The memory file.
    Memory,
    /// What is being kept in mind for this session alone.
    Working,
}

/// A piece of the prompt: a file, or something that was put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptSection {
    /// Whose room it takes.
    pub share: Share,
    /// Its heading, such as `AGENTS.md`.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// For which turn sections are asked for.
#[derive(Debug, Clone, Copy)]
pub struct PromptRequest<'a> {
    /// Who has the lowest rank of all who speak. The owner's files are for the owner only.
    pub principal: &'a Principal,
    /// Whether nobody else speaks in the turn.
    pub alone: bool,
    /// The session.
    pub session: &'a SessionKey,
}

/// Brings the sections of the prompt. People edit the files behind them by hand at any time.
#[async_trait]
pub trait PromptSource: Send + Sync {
    /// The sections for a turn. Those of one share stand in the order in which they come.
    async fn sections(&self, request: PromptRequest<'_>) -> Vec<PromptSection>;
}

/// No sections.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPrompts;

#[async_trait]
impl PromptSource for NoPrompts {
    async fn sections(&self, _request: PromptRequest<'_>) -> Vec<PromptSection> {
        Vec::new()
    }
}

/// The system prompt. A section over `file_bytes` is left out whole, and the model is told.
#[must_use]
pub fn system_prompt(sections: &[PromptSection], file_bytes: usize) -> String {
    let mut prompt = IDENTITY.trim_end().to_owned();
    let mut sections: Vec<&PromptSection> = sections.iter().collect();
    sections.sort_by_key(|section| section.share);
    for PromptSection { name, text, .. } in sections {
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        // Writing to a String cannot fail.
        let _ = if text.len() > file_bytes {
            write!(prompt, "\n\n# {name}\n\n[left out: {} bytes, the limit is {file_bytes}]", text.len())
        } else {
            write!(prompt, "\n\n# {name}\n\n{text}")
        };
    }
    prompt
}
