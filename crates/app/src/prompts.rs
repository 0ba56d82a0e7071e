//! The instruction files of the workspace.

use std::{path::PathBuf, sync::Arc};

use agent_core::{PromptRequest, PromptSection, PromptSource, Share, SkillSource, skill_sections};
use async_trait::async_trait;
use session_api::Rank;
use tools::{MEMORY_FILE, MemoryFolder};

/// `AGENTS.md`, `SOUL.md`, `USER.md`, `memory/MEMORY.md`, `CONTEXT-<channel>.md` and the skills, read anew for each turn,
/// so that an edit by hand counts from the next message on.
#[derive(Clone)]
pub(crate) struct WorkspacePrompts {
    pub(crate) workspace: PathBuf,
    pub(crate) skills: Arc<dyn SkillSource>,
}

#[async_trait]
impl PromptSource for WorkspacePrompts {
    async fn sections(&self, request: PromptRequest<'_>) -> Vec<PromptSection> {
        let context = format!("CONTEXT-{}.md", request.session.channel);
        let mut files = vec![
            (Share::Instructions, "AGENTS.md"),
            (Share::Instructions, "SOUL.md"),
            (Share::Channel, context.as_str()),
        ];
        if request.principal.rank == Rank::Owner {
            files.push((Share::Person, "USER.md"));
        }
        // A memory is for one pair of eyes.
        let folder = MemoryFolder::path_for(request.principal).filter(|_| request.alone);
        let memory = folder.map(|folder| format!("{folder}/{MEMORY_FILE}"));
        files.extend(memory.as_deref().map(|memory| (Share::Memory, memory)));
        let mut sections = Vec::new();
        for (share, name) in files {
            match std::fs::read(self.workspace.join(name)) {
                Ok(bytes) => sections.push(PromptSection {
                    share,
                    name: name.to_owned(),
                    text: String::from_utf8_lossy(&bytes).into_owned(),
                }),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => tracing::warn!(file = name, %error, "an instruction file cannot be read"),
            }
        }
        sections.extend(skill_sections(&self.skills.skills().await));
        sections
    }
}
