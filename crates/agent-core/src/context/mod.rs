//! From a history to a request. Pure, except for the port that brings the instruction files.

mod history;
mod prompt;
mod tokens;

pub use history::fold_history;
pub(crate) use history::shrunk;
pub use prompt::{NoPrompts, PromptRequest, PromptSection, PromptSource, Share, system_prompt};
pub use tokens::estimate_tokens;
