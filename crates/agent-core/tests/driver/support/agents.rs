//! Agents without the tools that usually start them.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use session_api::{
    ChildRun, Inbound, InboundId, Principal, Route, RunOverrides, SessionKey, Timestamp, Writes,
};
use tool_api::{Effect, Tool, ToolContext, ToolError, ToolOutput, ToolSpec};

/// The row that starts the agent `id` of `parent`.
pub(crate) fn agent(id: InboundId, parent: &SessionKey, task: &str) -> Inbound {
    let child = ChildRun {
        name: task.into(),
        depth: 1,
        profile: None,
        instructions: None,
        max_cost_micros: None,
        plan: None,
    };
    subagents::row(subagents::Start {
        id,
        parent,
        reply: &Route::to_session(parent),
        principal: &Principal::owner(),
        task: task.into(),
        outside: &Default::default(),
        overrides: RunOverrides { child: Some(Box::new(child)), ..RunOverrides::default() },
        now: Timestamp(0),
    })
}

/// A tool that starts an agent with its arguments as the task.
pub(crate) struct Starter {
    spec: ToolSpec,
    started: AtomicU64,
}

impl Starter {
    pub(crate) fn new(name: &str) -> Self {
        let spec = ToolSpec {
            name: name.into(),
            description: "Starts an agent.".into(),
            parameters: serde_json::json!({"type": "object"}),
            effect: Effect::Ours,
            timeout: Duration::from_secs(5),
        };
        Self { spec, started: AtomicU64::new(0) }
    }
}

#[async_trait]
impl Tool for Starter {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn check(&self, _arguments: &str) -> Result<(), ToolError> {
        Ok(())
    }

    async fn call(&self, context: &ToolContext, arguments: &str) -> Result<ToolOutput, ToolError> {
        // Apart from the ids of the application.
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let id = InboundId(uuid::Uuid::from_u128((0xA6 << 100) | u128::from(number)));
        let rows = vec![agent(id, &context.session, arguments)];
        Ok(ToolOutput::text("Started.").with_writes(Writes { inbound: rows, ..Writes::default() }))
    }
}
