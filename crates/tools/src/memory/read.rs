//! `memory_read`.

use async_trait::async_trait;
use schedule::Zones;
use schemars::JsonSchema;
use serde::Deserialize;
use tool_api::{Effect, ToolContext, ToolError, ToolOutput, TypedTool};

use super::{MemoryFolder, file_of, sections};
use crate::{Workspace, blocking::blocking};

/// Most days that are named at the end of a result.
const MOST_NAMED: usize = 30;

/// Reads a memory file of whoever speaks.
#[derive(Clone)]
pub struct MemoryRead {
    /// Where.
    pub workspace: Workspace,
    /// Whose clocks say which day it is.
    pub zones: Zones,
}

/// Arguments of `memory_read`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryReadArgs {
    /// `memory` (lasting facts), `today`, or a day: 2026-11-21.
    #[serde(default)]
    file: String,
    /// Only the section with this heading.
    #[serde(default)]
    section: String,
}

#[async_trait]
impl TypedTool for MemoryRead {
    type Args = MemoryReadArgs;
    const NAME: &'static str = "memory_read";
    const DESCRIPTION: &'static str = "Read the user's memory file or the notes of a day, with its digest.";
    const EFFECT: Effect = Effect::Pure;

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        let folder = MemoryFolder::of_call(&self.workspace, context)?;
        let name = file_of(&args.file, context.now, &self.zones)?;
        blocking(context, move |_| {
            let read = folder.read(&name)?;
            let file = folder.file(&name);
            let text = if args.section.trim().is_empty() {
                read.text.trim_end()
            } else {
                let found = sections::find(&read.text, &args.section).map_err(ToolError::Failed)?;
                let Some(section) = found else {
                    let all = sections::sections(&read.text);
                    let titles: Vec<&str> = all.iter().map(|section| section.title).collect();
                    let has = if titles.is_empty() { "none".to_owned() } else { titles.join(", ") };
                    let why = format!("`{file}` has no section “{}”; it has: {has}", args.section.trim());
                    return Err(ToolError::Failed(why));
                };
                read.text[section.range].trim_end()
            };
            let text = if text.is_empty() { "[empty]" } else { text };
            let days: Vec<String> = folder
                .notes(MOST_NAMED)?
                .iter()
                .map(|note| note.trim_end_matches(".md").to_owned())
                .collect();
            let days = if days.is_empty() { "none".to_owned() } else { days.join(", ") };
            Ok(ToolOutput::text(format!(
                "{text}\n\n[{file}, digest {}; days with notes: {days}]",
                read.digest
            )))
        })
        .await
    }
}
