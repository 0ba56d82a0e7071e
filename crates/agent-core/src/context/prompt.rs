//! What stands before the conversation, most stable first: identity, then the sections that the prompt source brings.

use std::fmt::Write as _;

use async_trait::async_trait;
use serde::Serialize;
use session_api::{Principal, SessionKey};

use super::{Allocation, BudgetConfig, Decision, Gauge, Placement, Want, allocate, tokens::end};

const IDENTITY: &str = include_str!("../../prompts/identity.md");

/// Whose room in the prompt a section takes. The order is that of the prompt: what changes least stands first, so that a
/// provider's cache of the beginning holds longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Share {
    /// `AGENTS.md` and `SOUL.md`: for everybody.
    Instructions,
    /// `USER.md`, or a member's own file: for one person.
    Person,
    /// `CONTEXT-<channel>.md`.
    Channel,
    /// The skills: a line for each, and the whole text of those that are active.
    Skills,
    /// The profiles there are, and the one that a run was started with.
    Profile,
    /// What the conversation knows of itself.
    Session,
    /// Standing rules that were learnt.
    Rules,
    /// What was pinned in the conversation.
    Pins,
    /// The memory file.
    Memory,
    /// What is being kept in mind for this session alone.
    Working,
}

impl Share {
    /// All of them, in the order of the prompt.
    pub const ALL: [Self; 10] = [
        Self::Instructions,
        Self::Person,
        Self::Channel,
        Self::Skills,
        Self::Profile,
        Self::Session,
        Self::Rules,
        Self::Pins,
        Self::Memory,
        Self::Working,
    ];

    /// Its key in the budget.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::Person => "person",
            Self::Channel => "channel",
            Self::Skills => "skills",
            Self::Profile => "profile",
            Self::Session => "session",
            Self::Rules => "rules",
            Self::Pins => "pins",
            Self::Memory => "memory",
            Self::Working => "working",
        }
    }

    /// Whether the end of a text is of use by itself. All others are in whole or not at all: half of an instruction may
    /// say the opposite of the whole.
    #[must_use]
    pub fn keeps_its_end(self) -> bool {
        matches!(self, Self::Memory | Self::Working)
    }
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
    /// What its source could not bring, and why: "12 MB, the limit is 65536 bytes". With an empty text, all of it; else what
    /// stands before the text.
    pub absent: Option<String>,
}

/// Who else is in a conversation than the one on whose behalf a turn runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Company {
    /// Somebody else speaks in the turn.
    pub speaks: bool,
    /// Others read along, as in a group.
    pub reads: bool,
}

impl Company {
    /// Nobody.
    pub const NOBODY: Self = Self { speaks: false, reads: false };
}

/// For which turn sections are asked for.
#[derive(Debug, Clone, Copy)]
pub struct PromptRequest<'a> {
    /// Who has the lowest rank of all who speak. The owner's files are for the owner only.
    pub principal: &'a Principal,
    /// Who else is there.
    pub company: Company,
    /// The session.
    pub session: &'a SessionKey,
    /// Nobody needs more bytes of one file than these.
    pub file_bytes: usize,
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

/// What stands before a conversation, and how that came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The text.
    pub system: String,
    /// Its tokens.
    pub tokens: u64,
    /// What became of each section, in the order of the prompt.
    pub decisions: Vec<Decision>,
    /// Who got how much.
    pub allocation: Allocation,
}

/// Tokens of a note in the place of what was left out, and of the mark where something was cut.
const NOTE: u64 = 32;

/// Puts the prompt together. `window` is what the model takes, `tools` the tokens of the tools on offer, which stand before
/// it. What does not fit is left out or cut with a word about it, for the model too.
#[must_use]
pub fn assemble(
    sections: &[PromptSection],
    budget: &BudgetConfig,
    window: u64,
    tools: u64,
    gauge: Gauge,
) -> Prompt {
    let mut system = IDENTITY.trim_end().to_owned();
    let mut sections: Vec<&PromptSection> = sections
        .iter()
        .filter(|section| !section.text.trim().is_empty() || section.absent.is_some())
        .collect();
    sections.sort_by_key(|section| section.share);
    let heading = |section: &PromptSection| gauge.text(&section.name) + 4;
    let notes = sections.iter().map(|section| heading(section) + NOTE).sum::<u64>();
    let fixed = gauge.text(&system) + tools + notes;
    let wants: Vec<Want> = sections
        .iter()
        .map(|section| Want { share: section.share, tokens: gauge.text(section.text.trim()) })
        .collect();
    let allocation = allocate(budget, window, fixed, &wants);
    let mut decisions = Vec::with_capacity(sections.len());
    for ((section, want), granted) in sections.iter().zip(&wants).zip(&allocation.granted) {
        let (body, placement, why) = fitted(section, *want, *granted, &allocation, gauge);
        // Writing to a String cannot fail.
        let _ = write!(system, "\n\n# {}\n\n{body}", section.name);
        let tokens = gauge.text(&body) + heading(section);
        decisions.push(Decision { share: section.share, name: section.name.clone(), tokens, placement, why });
    }
    Prompt { tokens: gauge.text(&system), system, decisions, allocation }
}

/// A section as far as it fits.
fn fitted(
    section: &PromptSection,
    want: Want,
    granted: u64,
    allocation: &Allocation,
    gauge: Gauge,
) -> (String, Placement, Option<String>) {
    let text = section.text.trim();
    let before = section.absent.as_deref();
    if text.is_empty() {
        let why = before.unwrap_or("it is empty").to_owned();
        return (format!("[left out: {why}]"), Placement::LeftOut, Some(why));
    }
    if granted == want.tokens {
        return match before {
            None => (text.to_owned(), Placement::In, None),
            Some(why) => {
                (format!("[cut at the beginning: {why}]\n{text}"), Placement::Cut, Some(why.to_owned()))
            }
        };
    }
    let room =
        allocation.rooms.iter().find(|(share, _)| *share == section.share).map_or(0, |(_, room)| *room);
    let key = section.share.key();
    if granted > 0 {
        let kept = end(text, gauge.estimate_of(granted));
        let gone = text.chars().count() - kept.chars().count();
        let mut why =
            format!("its first {gone} characters are left out; the room of `{key}` is {room} tokens");
        if let Some(before) = before {
            why = format!("{why}; and before that, {before}");
        }
        return (format!("[cut at the beginning: {why}]\n{kept}"), Placement::Cut, Some(why));
    }
    let why = format!("{} tokens, the room of `{key}` is {room}", want.tokens);
    (format!("[left out: {why}]"), Placement::LeftOut, Some(why))
}
