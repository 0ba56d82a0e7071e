//! What stands before the conversation, most stable first: identity, then the owner's files.

use std::fmt::Write as _;

use async_trait::async_trait;
use session_api::Principal;

const IDENTITY: &str = include_str!("../../prompts/identity.md");

/// A file of instructions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptFile {
    /// Its name, such as `AGENTS.md`.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Brings the instruction files of the workspace. People edit them by hand at any time.
#[async_trait]
pub trait PromptSource: Send + Sync {
    /// The files for a turn in which `principal` has the lowest rank of all who speak, on a channel of this kind, in
    /// the order in which they are to stand. The owner's files are for the owner only.
    async fn files(&self, principal: &Principal, channel: &str) -> Vec<PromptFile>;
}

/// No instruction files.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPrompts;

#[async_trait]
impl PromptSource for NoPrompts {
    async fn files(&self, _principal: &Principal, _channel: &str) -> Vec<PromptFile> {
        Vec::new()
    }
}

/// The system prompt. A file over `file_bytes` is left out whole, and the model is told.
#[must_use]
pub fn system_prompt(files: &[PromptFile], file_bytes: usize) -> String {
    let mut prompt = IDENTITY.trim_end().to_owned();
    for PromptFile { name, text } in files {
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
