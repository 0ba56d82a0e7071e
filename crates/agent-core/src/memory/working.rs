//! What is kept in mind for one conversation, as a section of its prompt.

use std::sync::Arc;

use async_trait::async_trait;
use session_api::{KvStore, PrincipalId};

use crate::{PromptRequest, PromptSection, PromptSource, Share};

/// Most things that are shown.
const MOST: usize = 30;
/// Most characters of them together.
const MOST_TEXT: usize = 6_000;

/// The sections of another source, and what the tool `working_memory` keeps for the session.
pub struct WithWorkingMemory {
    sections: Arc<dyn PromptSource>,
    kv: Arc<dyn KvStore>,
}

impl WithWorkingMemory {
    /// Adds to `sections` what stands in `kv`.
    #[must_use]
    pub fn new(sections: Arc<dyn PromptSource>, kv: Arc<dyn KvStore>) -> Self {
        Self { sections, kv }
    }
}

#[async_trait]
impl PromptSource for WithWorkingMemory {
    async fn sections(&self, request: PromptRequest<'_>) -> Vec<PromptSection> {
        let mut sections = self.sections.sections(request).await;
        let owner = PrincipalId::of_session(request.session);
        let kept = match self.kv.kv_list(&owner, "", MOST).await {
            Ok(kept) => kept,
            Err(error) => {
                tracing::warn!(%error, "what is kept in mind could not be read");
                return sections;
            }
        };
        let (mut text, mut size) = (String::new(), 0);
        for entry in kept {
            let line = format!("- {}: {}\n", entry.key, entry.value.replace('\n', " "));
            size += line.chars().count();
            if size > MOST_TEXT {
                text.push_str("- [more is kept: working_memory lists it]\n");
                break;
            }
            text.push_str(&line);
        }
        if !text.is_empty() {
            sections.push(PromptSection { share: Share::Working, name: "Kept in mind".into(), text });
        }
        sections
    }
}
