//! `check_agent`, `cancel_agent` and `list_agents`.

use std::fmt::Write as _;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use session_api::InboundId;
use subagents::AgentView;
use tool_api::{Effect, Risk, ToolContext, ToolError, ToolOutput, TypedTool};

use super::{AgentArgs, Agents, inbound, unreadable};

/// Tells of one agent.
#[derive(Clone)]
pub(super) struct CheckAgent(pub(super) Agents);

#[async_trait]
impl TypedTool for CheckAgent {
    type Args = AgentArgs;
    const NAME: &'static str = "check_agent";
    const DESCRIPTION: &'static str = "Where an agent stands, and what it said last.";
    const EFFECT: Effect = Effect::Pure;

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        let Self(agents) = self;
        let (id, _) = agents.find(context, &args.id).await?;
        let view = subagents::look(&agents.stores, id).await.map_err(|error| unreadable(&error))?;
        let Some(view) = view else {
            return Err(ToolError::Failed("nothing is known of this agent any more".into()));
        };
        let mut text = String::new();
        line(&mut text, &view, 0);
        if !view.said.is_empty() {
            // Writing to a String cannot fail.
            let _ = write!(text, "It said last:\n{}", view.said);
        }
        Ok(ToolOutput::text(text.trim_end()).with_outside(view.outside))
    }
}

/// Stops an agent and all that it started.
#[derive(Clone)]
pub(super) struct CancelAgent(pub(super) Agents);

#[async_trait]
impl TypedTool for CancelAgent {
    type Args = AgentArgs;
    const NAME: &'static str = "cancel_agent";
    const DESCRIPTION: &'static str = "Stop an agent and those that it started.";
    const EFFECT: Effect = Effect::Ours;

    fn risk(&self, _context: &ToolContext, _args: &Self::Args) -> Option<Risk> {
        None
    }

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        let Self(agents) = self;
        let (id, first) = agents.find(context, &args.id).await?;
        let name = first.overrides.child.map(|child| child.name).unwrap_or_default();
        let view = subagents::look(&agents.stores, id).await.map_err(|error| unreadable(&error))?;
        if let Some(view) = view.filter(|view| view.state.is_over()) {
            return Ok(ToolOutput::text(format!("“{name}” had ended before: {}.", view.state)));
        }
        let stop = subagents::stop(InboundId::new(agents.ids.as_ref()), id, &context.principal, context.now);
        Ok(ToolOutput::text(format!("“{name}” is being stopped.")).with_writes(inbound(stop)))
    }
}

/// Lists the agents of the conversation.
#[derive(Clone)]
pub(super) struct ListAgents(pub(super) Agents);

/// Arguments of `list_agents`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListAgentsArgs {
    /// Also those that have ended.
    #[serde(default)]
    all: bool,
}

#[async_trait]
impl TypedTool for ListAgents {
    type Args = ListAgentsArgs;
    const NAME: &'static str = "list_agents";
    const DESCRIPTION: &'static str = "List the agents you started, and the profiles there are.";
    const EFFECT: Effect = Effect::Pure;

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        let Self(agents) = self;
        let tree =
            subagents::tree(&agents.stores, &context.session).await.map_err(|error| unreadable(&error))?;
        let mut text = String::new();
        for view in tree.iter().filter(|view| args.all || !view.state.is_over()) {
            line(&mut text, view, 0);
        }
        if text.is_empty() {
            text.push_str("[no agents]\n");
        }
        for (name, read) in super::profile::listed(agents, context).await? {
            let what =
                read.map_or_else(|error| format!("cannot be used: {error}"), |profile| profile.description);
            // Writing to a String cannot fail.
            let _ = writeln!(text, "profile {name}: {}", what.trim());
        }
        Ok(ToolOutput::text(text.trim_end()))
    }
}

/// An agent in a line, and below it those that it started.
fn line(text: &mut String, view: &AgentView, depth: usize) {
    let AgentView { id, name, state, task, agents, .. } = view;
    let _ = writeln!(text, "{}{id} “{name}” {state}: {task}", "  ".repeat(depth));
    for agent in agents {
        line(text, agent, depth + 1);
    }
}
