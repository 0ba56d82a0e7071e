//! The contract suite of [`Tool`].

use std::{sync::Arc, time::Duration};

use session_api::{CallId, Outside, Principal, Route, SessionKey, Timestamp, TurnId};
use tokio_util::sync::CancellationToken;

use crate::{Effect, Tool, ToolContext, ToolError};

/// A context for a call by the owner on a terminal.
#[must_use]
pub fn context() -> ToolContext {
    let session = SessionKey::new("cli", "local", "contract");
    ToolContext {
        principal: Principal::owner(),
        alone: true,
        reply: Route::to_session(&session),
        session,
        turn: TurnId(Default::default()),
        call_id: CallId("call-1".into()),
        run: Arc::default(),
        offered: Arc::default(),
        outside: Outside::default(),
        now: Timestamp(1_800_000_000_000),
        timeout: Duration::from_secs(10),
        cancel: CancellationToken::new(),
    }
}

/// Checks all that can be checked of any tool, given arguments that it accepts.
///
/// # Panics
/// When the tool breaks its contract; the message says which sentence.
pub async fn check(tool: &Arc<dyn Tool>, good: &str) {
    let spec = tool.spec();
    let name_ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    assert!(
        !spec.name.is_empty() && spec.name.len() <= 64 && spec.name.chars().all(name_ok),
        "name: {}",
        spec.name
    );
    assert!(!spec.description.is_empty(), "{} has no description", spec.name);
    assert_eq!(spec.parameters["type"], "object", "{}: parameters are an object", spec.name);
    assert!(spec.timeout > Duration::ZERO, "{} has no time", spec.name);
    assert_eq!(spec, tool.spec(), "the spec is the same at every call");

    assert_eq!(tool.check(good), Ok(()), "{}: the example arguments fit", spec.name);
    for bad in ["[]", "null", "{\"no_such_argument_exists\": 1", "nonsense", "\u{0}"] {
        let refused = tool.check(bad);
        assert!(
            matches!(refused, Err(ToolError::InvalidArguments(_))),
            "{}: `{bad}` gave {refused:?}",
            spec.name
        );
        let called = tool.call(&context(), bad).await;
        assert!(
            matches!(called, Err(ToolError::InvalidArguments(_))),
            "{}: a call with `{bad}` ran",
            spec.name
        );
    }

    if let Ok(output) = tool.call(&context(), good).await {
        assert!(
            spec.effect == Effect::Ours || output.writes.is_empty(),
            "{}: only `ours` returns writes",
            spec.name
        );
        assert!(output.writes.messages.is_empty(), "{}: a tool adds no messages", spec.name);
    }
    let key = tool.key(&context(), good).await;
    assert!(spec.effect == Effect::Keyed || key == Ok(None), "{}: only `keyed` has a key", spec.name);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ScriptedTool, ToolOutput};

    #[tokio::test]
    async fn the_scripted_tool_keeps_the_contract() {
        let tool: Arc<dyn Tool> =
            Arc::new(ScriptedTool::new("echo", Effect::Pure, vec![Ok(ToolOutput::text("echo"))]));
        check(&tool, "{}").await;
    }
}
