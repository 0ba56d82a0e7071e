//! The instruction files of the workspace.

use std::path::PathBuf;

use agent_core::{PromptFile, PromptSource};
use async_trait::async_trait;
use session_api::{Principal, Rank};

/// Files for everybody.
const SHARED: [&str; 2] = ["AGENTS.md", "SOUL.md"];
/// Files for the owner alone.
const OWN: [&str; 2] = ["USER.md", "memory/MEMORY.md"];

/// `AGENTS.md`, `SOUL.md`, `USER.md`, `memory/MEMORY.md` and `CONTEXT-<channel>.md`, read anew for each turn, so that
/// an edit by hand counts from the next message on.
#[derive(Debug, Clone)]
pub(crate) struct WorkspacePrompts {
    pub(crate) workspace: PathBuf,
}

#[async_trait]
impl PromptSource for WorkspacePrompts {
    async fn files(&self, principal: &Principal, channel: &str) -> Vec<PromptFile> {
        let own: &[&str] = if principal.rank == Rank::Owner { &OWN } else { &[] };
        let context = format!("CONTEXT-{channel}.md");
        let names = SHARED.iter().chain(own).copied().chain([context.as_str()]);
        let mut files = Vec::new();
        for name in names {
            match std::fs::read(self.workspace.join(name)) {
                Ok(bytes) => files.push(PromptFile {
                    name: name.to_owned(),
                    text: String::from_utf8_lossy(&bytes).into_owned(),
                }),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => tracing::warn!(file = name, %error, "an instruction file cannot be read"),
            }
        }
        files
    }
}
