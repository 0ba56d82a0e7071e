//! Work that blocks, away from the threads that serve everyone.

use tokio_util::sync::CancellationToken;
use tool_api::{ToolContext, ToolError};

/// Runs `work` on a thread for blocking work. Its token is cancelled when the turn is stopped and when the caller drops
/// the future, so that a long walk ends by itself.
pub(crate) async fn blocking<T, F>(context: &ToolContext, work: F) -> Result<T, ToolError>
where
    T: Send + 'static,
    F: FnOnce(&CancellationToken) -> Result<T, ToolError> + Send + 'static,
{
    let stop = context.cancel.child_token();
    let _cancelled_on_drop = stop.clone().drop_guard();
    match tokio::task::spawn_blocking(move || work(&stop)).await {
        Ok(result) => result,
        Err(_) => Err(ToolError::Failed("the tool broke down in its own code; nothing else is known".into())),
    }
}
