//! Learning: what somebody says about how they want to be answered becomes a standing rule, and what tools came to is kept.
//!
//! Rules are found by a table of patterns in people's own words, never in what a tool or a file said. Each knows the message
//! that it comes from, and can be looked at, changed and taken away.

mod detect;
mod experience;
mod prompts;
mod rules;

pub(crate) use detect::{Detected, detect};
pub use experience::{Experience, ToolExperience};
pub use prompts::LearntPrompts;
pub use rules::{LearntRule, RuleBook, RuleScope};

pub(crate) use experience::{TurnExperience, write as experience_write};
pub(crate) use rules::{Learnt, Origin};

#[cfg(test)]
mod tests;
