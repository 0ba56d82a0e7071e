//! `spawn_agent`, `check_agent`, `wait_agent`, `cancel_agent`, `list_agents`, `start_pipeline`, `start_loop`.
//!
//! An agent that is started is a row that the end of the call writes; from there on it is a turn like any other. Whoever
//! asks sees and changes the agents of their own conversation, and their own: to them, others do not exist.

mod look;
mod plans;
mod profile;
mod spawn;
#[cfg(test)]
mod tests;
mod wait;

use std::sync::{Arc, OnceLock};

use schemars::JsonSchema;
use serde::Deserialize;
use session_api::{Clock, IdSource, Inbound, InboundId, StoreError, Stores, Writes};
use subagents::AgentLimits;
use tool_api::{Tool, ToolContext, ToolError, Typed, TypedTool};

pub use profile::profiles;

use crate::Workspace;

/// What the tools stand on.
#[derive(Clone)]
pub struct Agents {
    /// The stores; only read. Changes are returned as writes.
    pub stores: Stores,
    /// How long a wait takes.
    pub clock: Arc<dyn Clock>,
    /// Ids of agents.
    pub ids: Arc<dyn IdSource>,
    /// Where the profiles are.
    pub workspace: Workspace,
    /// How far agents may go.
    pub limits: AgentLimits,
    /// The names of all tools, for profiles that name one which is not there. Set when the registry is complete.
    pub known: Arc<OnceLock<Vec<String>>>,
}

impl Agents {
    pub(crate) fn tools(&self) -> Vec<Arc<dyn Tool>> {
        fn tool<T: TypedTool + 'static>(tool: T) -> Arc<dyn Tool> {
            Arc::new(Typed::new(tool))
        }
        vec![
            tool(spawn::SpawnAgent(self.clone())),
            tool(look::CheckAgent(self.clone())),
            tool(wait::WaitAgent(self.clone())),
            tool(look::CancelAgent(self.clone())),
            tool(look::ListAgents(self.clone())),
            tool(plans::StartPipeline(self.clone())),
            tool(plans::StartLoop(self.clone())),
        ]
    }

    /// The first row of the agent `id`, if it is there for whoever asks.
    async fn find(&self, context: &ToolContext, id: &str) -> Result<(InboundId, Inbound), ToolError> {
        let id = id.trim();
        let not_found = || {
            let shown: String = id.chars().take(64).collect();
            ToolError::Failed(format!("agent `{shown}` not found; list_agents shows the ids"))
        };
        let id: InboundId = id.parse().map_err(|_| not_found())?;
        let view = self.stores.mailbox.inbound(id).await.map_err(|error| unreadable(&error))?;
        let first = view.map(|view| view.row.inbound).filter(|first| {
            first.overrides.child.is_some()
                && (first.parent.as_ref() == Some(&context.session)
                    || first.principal.id == context.principal.id)
        });
        first.map(|first| (id, first)).ok_or_else(not_found)
    }

    /// Whether there is room for one more of whoever asks.
    async fn room(&self, context: &ToolContext) -> Result<(), ToolError> {
        let AgentLimits { at_once, in_all, .. } = self.limits;
        let parent = Some(&context.session);
        for (parent, limit, whose, key) in
            [(parent, at_once, "here", "agents.at_once"), (None, in_all, "in all", "agents.in_all")]
        {
            let most = usize::try_from(limit).unwrap_or(usize::MAX);
            // Sessions of jobs have parents too.
            let active =
                self.stores.sessions.children(parent, true, most.saturating_mul(2).saturating_add(64)).await;
            let active = active.map_err(|error| unreadable(&error))?;
            let active = active.iter().filter(|info| subagents::is_agent(&info.key)).count();
            if active >= most {
                return Err(limit_reached(&subagents::SpawnError::AtOnce { active, whose, limit, key }));
            }
        }
        Ok(())
    }
}

fn limit_reached(error: &subagents::SpawnError) -> ToolError {
    let class = match error {
        subagents::SpawnError::Depth { .. } => "limit_agent_depth",
        subagents::SpawnError::AtOnce { .. } => "limit_agents",
    };
    ToolError::Limit { class, reason: error.to_string() }
}

fn unreadable(error: &StoreError) -> ToolError {
    ToolError::Failed(format!("the agents cannot be read: {error}"))
}

fn inbound(row: Inbound) -> Writes {
    Writes { inbound: vec![row], ..Writes::default() }
}

/// Arguments of tools about one agent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AgentArgs {
    /// Its id.
    id: String,
}
