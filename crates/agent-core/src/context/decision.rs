//! What became of everything that wanted to stand in a request.

use serde::Serialize;

use super::Share;

/// What became of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// It is in, whole.
    In,
    /// A part of it is in.
    Cut,
    /// It is not in.
    LeftOut,
}

impl Placement {
    /// For people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Cut => "cut",
            Self::LeftOut => "left out",
        }
    }
}

/// A decision about a piece of the prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Whose room it wanted.
    pub share: Share,
    /// Its name, such as `AGENTS.md`.
    pub name: String,
    /// The tokens that it takes in the request.
    pub tokens: u64,
    /// What became of it.
    pub placement: Placement,
    /// Why, where it is not in whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}
