//! `memory_append`.

use async_trait::async_trait;
use schedule::Zones;
use schemars::JsonSchema;
use serde::Deserialize;
use tool_api::{Effect, Risk, ToolContext, ToolError, ToolOutput, TypedTool};

use super::{MEMORY_FILE, MemoryFolder, file_of, local};
use crate::{Workspace, blocking::blocking};

/// Most characters of one entry.
const MOST_CHARS: usize = 4_000;

/// Adds an entry to a memory file of whoever speaks.
#[derive(Clone)]
pub struct MemoryAppend {
    /// Where.
    pub workspace: Workspace,
    /// Whose clocks say which day it is.
    pub zones: Zones,
}

/// Arguments of `memory_append`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryAppendArgs {
    /// What to remember: one fact, readable without this conversation.
    text: String,
    /// `today` (notes of the day) or `memory` (lasting facts).
    #[serde(default = "today")]
    file: String,
}

fn today() -> String {
    "today".to_owned()
}

#[async_trait]
impl TypedTool for MemoryAppend {
    type Args = MemoryAppendArgs;
    const NAME: &'static str = "memory_append";
    const DESCRIPTION: &'static str = "Remember a fact about or for the user, with its date.";
    const EFFECT: Effect = Effect::Keyed;

    fn risk(&self, _context: &ToolContext, _args: &Self::Args) -> Option<Risk> {
        Some(Risk::Remembers)
    }

    async fn key(&self, context: &ToolContext, args: Self::Args) -> Result<Option<String>, ToolError> {
        let folder = MemoryFolder::of_call(&self.workspace, context)?;
        let name = file_of(&args.file, context.now, &self.zones)?;
        blocking(context, move |_| Ok(Some(folder.read(&name)?.digest))).await
    }

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        let folder = MemoryFolder::of_call(&self.workspace, context)?;
        let name = file_of(&args.file, context.now, &self.zones)?;
        let (day, time) = local(context.now, &self.zones);
        let entry = args.text.split('\n').map(str::trim_end).collect::<Vec<_>>().join("\n  ");
        let entry = entry.trim().trim_start_matches("- ").to_owned();
        if entry.is_empty() {
            return Err(ToolError::InvalidArguments("`text` is empty".into()));
        }
        if entry.chars().count() > MOST_CHARS {
            let reason =
                format!("an entry has at most {MOST_CHARS} characters; write a file and name it here");
            return Err(ToolError::Limit { class: "limit_value", reason });
        }
        blocking(context, move |_| {
            let _lock = folder.lock()?;
            // Read and written under the lock: a digest that differs is an edit by hand in between, so it is read again.
            for _ in 0..3 {
                let read = folder.read(&name)?;
                let mut text = read.text.clone();
                if text.trim().is_empty() && name != MEMORY_FILE {
                    text = format!("# {}\n", name.trim_end_matches(".md"));
                }
                if !text.is_empty() && !text.ends_with('\n') {
                    text.push('\n');
                }
                let mark = if name == MEMORY_FILE { &day } else { &time };
                text.push_str(&format!("- {mark} {entry}\n"));
                if folder.write(&name, &text, &read.digest)?.is_ok() {
                    return Ok(ToolOutput::text(format!("Added to `{}`.", folder.file(&name))));
                }
            }
            Err(ToolError::Failed(format!("`{}` keeps changing; nothing was added", folder.file(&name))))
        })
        .await
    }
}
