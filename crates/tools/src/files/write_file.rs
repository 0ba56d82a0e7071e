//! `write_file`.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use tool_api::{Effect, Risk, ToolContext, ToolError, ToolOutput, TypedTool};

use super::{Workspace, atomic_write};
use crate::blocking::blocking;

/// Creates or replaces a file of the workspace.
#[derive(Debug, Clone)]
pub struct WriteFile {
    /// Where.
    pub workspace: Workspace,
}

/// Arguments of `write_file`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteFileArgs {
    /// File in the workspace.
    path: String,
    /// The whole new content.
    content: String,
}

#[async_trait]
impl TypedTool for WriteFile {
    type Args = WriteFileArgs;
    const NAME: &'static str = "write_file";
    const DESCRIPTION: &'static str =
        "Create a workspace file or replace its whole content. Missing directories are created.";
    const EFFECT: Effect = Effect::Keyed;

    fn risk(&self, _context: &ToolContext, args: &Self::Args) -> Option<Risk> {
        self.workspace.is_standing(&args.path).then_some(Risk::Remembers)
    }

    async fn key(&self, context: &ToolContext, args: Self::Args) -> Result<Option<String>, ToolError> {
        let workspace = self.workspace.seen_by(context);
        blocking(context, move |_| workspace.digest(&workspace.resolve(&args.path)?).map(Some)).await
    }

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        let workspace = self.workspace.seen_by(context);
        blocking(context, move |_| {
            let path = workspace.resolve(&args.path)?;
            let created = atomic_write::write(&workspace, &path, args.content.as_bytes())?;
            let verb = if created { "Created" } else { "Replaced" };
            let lines = args.content.lines().count();
            let bytes = args.content.len();
            Ok(ToolOutput::text(format!("{verb} `{}`: {bytes} bytes, {lines} lines.", path.as_str())))
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use tool_api::contract;

    use super::*;
    use crate::testing::{Place, call, key};

    #[tokio::test]
    async fn it_keeps_the_contract() {
        let place = Place::new();
        let tool = place.tool(WriteFile { workspace: place.workspace() });
        contract::check(&tool, r#"{"path":"a/b.txt","content":"hello"}"#).await;
        assert_eq!(place.read("a/b.txt"), "hello");
    }

    #[tokio::test]
    async fn the_key_is_the_file_before() {
        let place = Place::new();
        let tool = place.tool(WriteFile { workspace: place.workspace() });
        let args = r#"{"path":"a.txt","content":"new\ntext"}"#;
        assert_eq!(key(&tool, args).await, Ok(Some("absent".into())));
        assert_eq!(call(&tool, args).await.unwrap(), "Created `a.txt`: 8 bytes, 2 lines.");
        let after = key(&tool, args).await.unwrap().unwrap();
        assert_eq!(after.len(), 64);
        assert_eq!(call(&tool, args).await.unwrap(), "Replaced `a.txt`: 8 bytes, 2 lines.");
        assert_eq!(key(&tool, args).await, Ok(Some(after)));
    }

    #[tokio::test]
    async fn nothing_is_written_outside() {
        let place = Place::new();
        let tool = place.tool(WriteFile { workspace: place.workspace() });
        for path in ["../x", "/etc/x", "a/../../x"] {
            let args = serde_json::json!({"path": path, "content": "x"}).to_string();
            assert_eq!(call(&tool, &args).await.unwrap_err().class(), "path_outside", "{path}");
            assert_eq!(key(&tool, &args).await.unwrap_err().class(), "path_outside", "{path}");
        }
    }
}
