//! What of the workspace is for one person's eyes, and who may see it.
//!
//! `USER.md`, `memory/` and `people/` hold what the assistant knows of single persons. The file tools, and whoever sends files,
//! show them to the owner where nobody else speaks; a member who speaks alone sees the folder of their own.

use session_api::Rank;
use tool_api::ToolContext;

use super::Workspace;

/// Whose eyes read along.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Eyes {
    /// The owner's alone, or those of the program itself.
    #[default]
    Owner,
    /// A member's alone; their folder.
    Member(String),
    /// Others.
    Anybody,
}

impl Eyes {
    /// Whether this path of the workspace is not for them.
    pub(super) fn are_shut_to(&self, path: &str) -> bool {
        let below = |folder: &str| {
            path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let personal = ["USER.md", "memory", "people"].into_iter().any(below);
        match self {
            Self::Owner => false,
            Self::Member(folder) => personal && !below(&format!("people/{folder}")),
            Self::Anybody => personal,
        }
    }
}

impl Workspace {
    /// This, as far as those who speak in the turn may see it.
    #[must_use]
    pub(crate) fn seen_by(&self, context: &ToolContext) -> Self {
        let eyes = match (context.principal.rank, context.alone) {
            (Rank::Owner, true) => Eyes::Owner,
            (Rank::Member, true) => Eyes::Member(context.principal.id.folder()),
            _ => Eyes::Anybody,
        };
        self.through(eyes)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use session_api::{Principal, PrincipalId};
    use tool_api::{Tool, ToolContext, ToolError};

    use super::*;
    use crate::{
        Glob, Grep, ReadFile, WriteFile,
        testing::{Place, text},
    };

    async fn call_as(tool: &Arc<dyn Tool>, who: &ToolContext, arguments: &str) -> Result<String, ToolError> {
        tool.call(who, arguments).await.map(|output| text(&output))
    }

    fn speaks(id: &str, rank: Rank, alone: bool) -> ToolContext {
        ToolContext {
            principal: Principal { id: PrincipalId(id.into()), rank },
            alone,
            ..tool_api::contract::context()
        }
    }

    #[tokio::test]
    async fn what_is_known_of_a_person_is_shown_to_that_person_alone() {
        let place = Place::new();
        for path in
            ["USER.md", "memory/MEMORY.md", "people/kim/MEMORY.md", "people/kimberly/MEMORY.md", "notes/a.md"]
        {
            place.write(path, &format!("canary of {path}\n"));
        }
        let workspace = place.workspace();
        let read = place.tool(ReadFile { workspace: workspace.clone(), max_bytes: 1_000 });
        let write = place.tool(WriteFile { workspace: workspace.clone() });
        let glob = place.tool(Glob { workspace: workspace.clone() });
        let grep = place.tool(Grep { workspace, max_bytes: 1_000 });
        let all = [
            "USER.md",
            "memory/MEMORY.md",
            "notes/a.md",
            "people/kim/MEMORY.md",
            "people/kimberly/MEMORY.md",
        ];
        for (who, sees) in [
            (speaks("owner", Rank::Owner, true), &all[..]),
            (speaks("owner", Rank::Owner, false), &["notes/a.md"]),
            (speaks("kim", Rank::Member, true), &["notes/a.md", "people/kim/MEMORY.md"]),
            (speaks("kim", Rank::Member, false), &["notes/a.md"]),
            (speaks("stranger", Rank::Guest, true), &["notes/a.md"]),
        ] {
            let found = call_as(&grep, &who, r#"{"pattern":"canary"}"#).await.unwrap();
            let named = call_as(&glob, &who, r#"{"pattern":"**/*.md"}"#).await.unwrap();
            for path in all {
                let seen = sees.contains(&path);
                assert_eq!(found.contains(&format!("canary of {path}")), seen, "{who:?}: {found}");
                assert_eq!(named.lines().any(|line| line == path), seen, "{who:?}: {named}");
                for spelled in [
                    path.to_owned(),
                    format!("./notes/../{path}"),
                    place.root().join(path).display().to_string(),
                ] {
                    let arguments = serde_json::json!({ "path": spelled }).to_string();
                    assert_eq!(
                        call_as(&read, &who, &arguments).await.is_ok(),
                        seen,
                        "{who:?} reads {spelled}"
                    );
                }
                let arguments = serde_json::json!({ "path": path, "content": format!("canary of {path}\n") });
                assert_eq!(
                    call_as(&write, &who, &arguments.to_string()).await.is_ok(),
                    seen,
                    "{who:?} writes {path}"
                );
            }
        }
    }
}
