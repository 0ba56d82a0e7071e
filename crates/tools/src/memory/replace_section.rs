//! `memory_replace_section`.

use async_trait::async_trait;
use schedule::Zones;
use schemars::JsonSchema;
use serde::Deserialize;
use tool_api::{Effect, Risk, ToolContext, ToolError, ToolOutput, TypedTool};

use super::{Conflict, MemoryFolder, file_of, sections};
use crate::{Workspace, blocking::blocking};

/// Most characters of the present text that a conflict shows.
const SHOWN: usize = 4_000;

/// Replaces a section of a memory file of whoever speaks.
#[derive(Clone)]
pub struct MemoryReplaceSection {
    /// Where.
    pub workspace: Workspace,
    /// Whose clocks say which day it is.
    pub zones: Zones,
}

/// Arguments of `memory_replace_section`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryReplaceSectionArgs {
    /// Its heading; a new one is added.
    section: String,
    /// Its new text without the heading; empty takes it out.
    text: String,
    /// The digest that `memory_read` gave.
    digest: String,
    /// `memory`, `today`, or a day.
    #[serde(default)]
    file: String,
}

#[async_trait]
impl TypedTool for MemoryReplaceSection {
    type Args = MemoryReplaceSectionArgs;
    const NAME: &'static str = "memory_replace_section";
    const DESCRIPTION: &'static str =
        "Replace a section of the user's memory; refused when the file changed since memory_read.";
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
        let title = args.section.trim().trim_start_matches('#').trim().to_owned();
        if title.is_empty() || title.contains('\n') {
            return Err(ToolError::InvalidArguments("`section` is a heading: one line, not empty".into()));
        }
        blocking(context, move |_| {
            let _lock = folder.lock()?;
            let file = folder.file(&name);
            let read = folder.read(&name)?;
            let conflict = |now: &super::MemoryText| {
                let found = sections::find(&now.text, &title).ok().flatten();
                let present = found.map_or("[there is no such section now]", |section| now.text[section.range].trim());
                let present: String = present.chars().take(SHOWN).collect();
                ToolError::Failed(format!(
                    "`{file}` was changed since you read it, by hand or in another conversation; nothing was written. \
                     Keep what was changed, and call again with digest {}. The section now:\n{present}",
                    now.digest
                ))
            };
            if args.digest.trim() != read.digest {
                return Err(conflict(&read));
            }
            let text = sections::replaced(&read.text, &title, &args.text).map_err(ToolError::Failed)?;
            match folder.write(&name, &text, &read.digest)? {
                Ok(()) => {
                    let digest = super::digest_of(text.as_bytes());
                    Ok(ToolOutput::text(format!("Changed “{title}” in `{file}`; its digest is {digest} now.")))
                }
                Err(Conflict { now }) => Err(conflict(&now)),
            }
        })
        .await
    }
}
