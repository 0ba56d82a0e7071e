//! `spawn_agent`.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use session_api::{InboundId, Rank, RunOverrides};
use subagents::Start;
use tool_api::{Effect, Risk, ToolContext, ToolError, ToolOutput, TypedTool};

use super::{Agents, inbound, limit_reached, profile, unreadable};

/// Longest task in bytes.
const LONGEST: usize = 64 * 1024;
/// Longest name in characters.
const LONGEST_NAME: usize = 40;

/// Starts an agent. It stands in the inbox when the call ends, so that it is started exactly once.
#[derive(Clone)]
pub(super) struct SpawnAgent(pub(super) Agents);

/// Arguments of `spawn_agent`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SpawnAgentArgs {
    /// What to do, complete: it sees nothing of this chat.
    task: String,
    /// Short name.
    #[serde(default)]
    name: String,
    /// One of the profiles; empty = as you are.
    #[serde(default)]
    profile: String,
}

impl Agents {
    /// How an agent runs that whoever asks starts now.
    pub(super) async fn overrides(
        &self,
        context: &ToolContext,
        name: &str,
        task: &str,
        profile: &str,
    ) -> Result<RunOverrides, ToolError> {
        if context.principal.rank < Rank::Member {
            let reason = "guests have no agents".into();
            return Err(ToolError::Refused { class: "not_permitted", reason });
        }
        let profile = match profile.trim() {
            "" => None,
            name => Some(profile::read(self, context, name).await?),
        };
        let name = named(name, task);
        let run = subagents::narrowed(&self.limits, &context.run, &context.offered, name, profile.as_ref());
        let mut run = run.map_err(|error| limit_reached(&error))?;
        // What `/model` and `/think` chose here holds for those that are started here.
        let scope = session_api::Scope::Session(context.session.clone());
        let session = self.stores.sessions.session(&scope, &context.session).await;
        if let Some(session) = session.map_err(|error| unreadable(&error))? {
            run.effort = run.effort.or(session.effort);
            if run.preset.is_none() {
                run.model = run.model.or(session.model);
            }
        }
        self.room(context).await?;
        Ok(run)
    }

    /// What starts an agent, and what the model reads of it.
    pub(super) fn start(&self, context: &ToolContext, task: String, overrides: RunOverrides) -> ToolOutput {
        let id = InboundId::new(self.ids.as_ref());
        let name = overrides.child.as_ref().map_or("", |child| child.name.as_str());
        let text = format!(
            "Started “{name}”, id {id}. What it comes to reaches you as a message by itself; wait_agent waits for it."
        );
        let row = subagents::row(Start {
            id,
            parent: &context.session,
            reply: &context.reply,
            principal: &context.principal,
            task,
            outside: &context.outside,
            overrides,
            now: context.now,
        });
        ToolOutput::text(text).with_writes(inbound(row))
    }
}

/// The name that was given, else the first words of the task.
fn named(name: &str, task: &str) -> String {
    let given = if name.trim().is_empty() { task } else { name };
    let words = given.split_whitespace().take(6).collect::<Vec<_>>().join(" ");
    let plain = words.chars().filter(|c| !matches!(c, '“' | '”' | '[' | ']') && !c.is_control());
    plain.take(LONGEST_NAME).collect()
}

#[async_trait]
impl TypedTool for SpawnAgent {
    type Args = SpawnAgentArgs;
    const NAME: &'static str = "spawn_agent";
    const DESCRIPTION: &'static str = "Start an agent that works beside you on a task of its own.";
    const EFFECT: Effect = Effect::Ours;

    fn risk(&self, _context: &ToolContext, _args: &Self::Args) -> Option<Risk> {
        // Whoever is started has read what this turn has read.
        None
    }

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        let Self(agents) = self;
        if args.task.trim().is_empty() {
            return Err(ToolError::InvalidArguments("`task` is empty".into()));
        }
        if args.task.len() > LONGEST {
            let reason =
                format!("a task has at most {LONGEST} bytes; put the rest into a file of the workspace");
            return Err(ToolError::Limit { class: "limit_text", reason });
        }
        let run = agents.overrides(context, &args.name, &args.task, &args.profile).await?;
        Ok(agents.start(context, args.task, run))
    }
}
