//! `read_skill`.

use std::{fmt::Write as _, sync::Arc};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use session_api::Importance;
use tool_api::{Effect, ToolContext, ToolError, ToolOutput, TypedTool};

use super::{SkillOrigin, SkillSource};

/// Gives the model the whole text of a skill.
#[derive(Clone)]
pub struct ReadSkill {
    /// Where the skills are.
    pub skills: Arc<dyn SkillSource>,
}

/// Arguments of `read_skill`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadSkillArgs {
    /// Its name, as the list of skills gives it.
    name: String,
}

#[async_trait]
impl TypedTool for ReadSkill {
    type Args = ReadSkillArgs;
    const NAME: &'static str = "read_skill";
    const DESCRIPTION: &'static str = "Read a skill: instructions for a special task.";
    const EFFECT: Effect = Effect::Pure;

    async fn run(&self, _context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        let set = self.skills.skills().await;
        // Only a name that is in the list: no path is ever made of it.
        let Some(found) = set.get(args.name.trim()) else {
            return Err(ToolError::Failed(set.unknown(&args.name)));
        };
        let skill = &found.skill;
        let mut text = format!("# Skill: {}\n\n{}\n", skill.name, skill.text);
        if !found.missing.is_empty() {
            let _ = write!(text, "\n[not available here: {}]", found.missing.join("; "));
        }
        if !skill.allowed_tools.is_empty() {
            let names = skill.allowed_tools.join(", ");
            let _ = write!(text, "\n[it works with these tools, where they are on offer: {names}]");
        }
        if found.origin == SkillOrigin::Workspace && !found.others.is_empty() {
            let _ = write!(text, "\n[its other files, for read_file: {}]", found.others.join(", "));
        }
        let importance = Importance::High;
        Ok(ToolOutput { importance, ..ToolOutput::text(text.trim_end()) })
    }
}
