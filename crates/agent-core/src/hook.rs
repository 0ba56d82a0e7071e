//! What an embedder can hang into a run.

use std::error::Error;

use async_trait::async_trait;
use session_api::{SessionKey, ToolCall, ToolResult, TurnId};

use crate::{ModelRequest, turn::ModelReply};

/// Which run a hook is called for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunInfo {
    /// The conversation.
    pub session: SessionKey,
    /// The turn.
    pub turn: TurnId,
    /// Follows the message through everything.
    pub correlation: String,
}

/// A hook's own failure.
pub type HookError = Box<dyn Error + Send + Sync>;

/// Observes a run, and may change its final text. Hooks are called in order; one that fails, crashes, or
/// takes longer than 10 s for one call is logged and has no other effect on the run.
#[async_trait]
pub trait Hook: Send + Sync {
    /// Its name in logs.
    fn name(&self) -> &str;

    /// Before anything is done.
    async fn before_run(&self, _run: &RunInfo) -> Result<(), HookError> {
        Ok(())
    }

    /// After the commit, the suspension or the failure, with the reason.
    async fn after_run(&self, _run: &RunInfo, _stop_reason: &str) -> Result<(), HookError> {
        Ok(())
    }

    /// Before a model call and the tool calls that follow it; `iteration` counts from 1.
    async fn before_iteration(&self, _run: &RunInfo, _iteration: u32) -> Result<(), HookError> {
        Ok(())
    }

    /// After a model call's tool calls have ended, or after its answer.
    async fn after_iteration(&self, _run: &RunInfo, _iteration: u32) -> Result<(), HookError> {
        Ok(())
    }

    /// Before a model call.
    async fn before_model_call(&self, _run: &RunInfo, _request: &ModelRequest) -> Result<(), HookError> {
        Ok(())
    }

    /// After a model call that succeeded.
    async fn after_model_call(&self, _run: &RunInfo, _reply: &ModelReply) -> Result<(), HookError> {
        Ok(())
    }

    /// Before a tool call.
    async fn before_tool_call(&self, _run: &RunInfo, _call: &ToolCall) -> Result<(), HookError> {
        Ok(())
    }

    /// After a tool call.
    async fn after_tool_call(
        &self,
        _run: &RunInfo,
        _call: &ToolCall,
        _result: &ToolResult,
    ) -> Result<(), HookError> {
        Ok(())
    }

    /// More text of the answer.
    async fn on_stream(&self, _run: &RunInfo, _text: &str) -> Result<(), HookError> {
        Ok(())
    }

    /// A model call's text is whole; `resuming` says that tool calls follow.
    async fn on_stream_end(&self, _run: &RunInfo, _resuming: bool) -> Result<(), HookError> {
        Ok(())
    }

    /// The final text as it is to be said and stored; `None` leaves it.
    async fn finalize_content(&self, _run: &RunInfo, _text: &str) -> Result<Option<String>, HookError> {
        Ok(None)
    }

    /// Whether `finalize_content` does anything. A run with such a hook shows no live edits in a channel.
    fn finalizes(&self) -> bool {
        false
    }
}
