//! `read_result`.

use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use session_api::{BlobId, BlobStore};
use tool_api::{Effect, ToolContext, ToolError, ToolOutput, TypedTool};

/// Most characters of one page.
const MAX_CHARACTERS: u32 = 20_000;

/// Reads on in a result that was too long to be given whole.
#[derive(Clone)]
pub struct ReadResult {
    /// Where whole results are.
    pub blobs: Arc<dyn BlobStore>,
}

/// Arguments of `read_result`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadResultArgs {
    /// Id from the mark of the cut.
    id: String,
    /// Characters to skip.
    #[serde(default)]
    offset: u64,
    /// Most characters.
    #[serde(default = "page")]
    limit: u32,
}

fn page() -> u32 {
    8_000
}

#[async_trait]
impl TypedTool for ReadResult {
    type Args = ReadResultArgs;
    const NAME: &'static str = "read_result";
    const DESCRIPTION: &'static str = "Read more of a tool result that was cut.";
    const EFFECT: Effect = Effect::Pure;

    async fn run(&self, _context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        let id: BlobId = args.id.trim().parse().map_err(|_| {
            ToolError::InvalidArguments("`id` must be the 64 digits from the mark of the cut".into())
        })?;
        let bytes = self
            .blobs
            .get_blob(&id)
            .await
            .map_err(|error| ToolError::Failed(format!("the result cannot be read: {error}")))?
            .ok_or_else(|| {
                ToolError::Failed("there is no result of this id; it may have been deleted".into())
            })?;
        let text = String::from_utf8_lossy(&bytes);
        let total = text.chars().count();
        let from = usize::try_from(args.offset).unwrap_or(usize::MAX).min(total);
        let count = args.limit.clamp(1, MAX_CHARACTERS) as usize;
        let page: String = text.chars().skip(from).take(count).collect();
        let to = total.min(from + count);
        let more = if to < total { format!("; continue with offset={to}") } else { String::new() };
        Ok(ToolOutput::text(format!("{page}\n[characters {from}-{to} of {total}{more}]")))
    }
}

#[cfg(test)]
mod tests {
    use tool_api::{Tool, Typed, contract};

    use super::*;
    use crate::testing::{Store, call};

    #[tokio::test]
    async fn it_keeps_the_contract_and_pages() {
        let store = Arc::new(Store::default());
        let id = store.put_blob("äöü".repeat(10).into()).await.unwrap();
        let tool: Arc<dyn Tool> = Arc::new(Typed::new(ReadResult { blobs: store }));
        contract::check(&tool, &format!(r#"{{"id":"{id}"}}"#)).await;
        let table = [
            (0, 4, "äöüä\n[characters 0-4 of 30; continue with offset=4]"),
            (28, 9, "öü\n[characters 28-30 of 30]"),
            (99, 9, "\n[characters 30-30 of 30]"),
            (0, 0, "ä\n[characters 0-1 of 30; continue with offset=1]"),
        ];
        for (offset, limit, expected) in table {
            let args = format!(r#"{{"id":"{id}","offset":{offset},"limit":{limit}}}"#);
            assert_eq!(call(&tool, &args).await.as_deref(), Ok(expected));
        }
        let none = format!(r#"{{"id":"{}"}}"#, "0".repeat(64));
        assert_eq!(call(&tool, &none).await.unwrap_err().class(), "failed");
        assert_eq!(call(&tool, r#"{"id":"../x"}"#).await.unwrap_err().class(), "invalid_arguments");
    }
}
