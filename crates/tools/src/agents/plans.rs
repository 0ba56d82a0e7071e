//! `start_pipeline` and `start_loop`.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use subagents::{LoopPlan, PipelinePlan, Plan};
use tool_api::{Effect, Risk, ToolContext, ToolError, ToolOutput, TypedTool};

use super::Agents;

/// Voters of a step, and rounds of a loop, where nobody says how many.
const USUAL: u32 = 5;

impl Agents {
    async fn plan(
        &self,
        context: &ToolContext,
        plan: Plan,
        (name, task, profile): (&str, &str, &str),
    ) -> Result<ToolOutput, ToolError> {
        plan.check().map_err(|error| ToolError::InvalidArguments(error.to_string()))?;
        let mut run = self.overrides(context, name, task, profile).await?;
        let text = serde_json::to_string(&plan)
            .map_err(|error| ToolError::Failed(format!("the plan cannot be stored: {error}")))?;
        if let Some(child) = &mut run.child {
            child.plan = Some(text);
        }
        Ok(self.start(context, task.to_owned(), run))
    }
}

/// Starts a pipeline.
#[derive(Clone)]
pub(super) struct StartPipeline(pub(super) Agents);

/// Arguments of `start_pipeline`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StartPipelineArgs {
    /// Tasks in order; each reads what the one before came to.
    steps: Vec<String>,
    /// By how many votes an answer must be ahead (1: the first one wins).
    #[serde(default = "one")]
    ahead: u32,
    /// Most voters of a step.
    #[serde(default = "usual")]
    voters: u32,
    /// Short name.
    #[serde(default)]
    name: String,
    /// Profile of the voters.
    #[serde(default)]
    profile: String,
}

fn one() -> u32 {
    1
}

fn usual() -> u32 {
    USUAL
}

#[async_trait]
impl TypedTool for StartPipeline {
    type Args = StartPipelineArgs;
    const NAME: &'static str = "start_pipeline";
    const DESCRIPTION: &'static str =
        "Have agents do steps in order; agents vote on the answer of each until one is `ahead`.";
    const EFFECT: Effect = Effect::Ours;

    fn risk(&self, _context: &ToolContext, _args: &Self::Args) -> Option<Risk> {
        // Whoever is started has read what this turn has read.
        None
    }

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        let StartPipelineArgs { steps, ahead, voters, name, profile } = args;
        let task = steps.join("; ");
        let plan = Plan::Pipeline(PipelinePlan { steps, ahead, voters: voters.max(ahead) });
        self.0.plan(context, plan, (&name, &task, &profile)).await
    }
}

/// Starts a loop.
#[derive(Clone)]
pub(super) struct StartLoop(pub(super) Agents);

/// Arguments of `start_loop`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StartLoopArgs {
    /// What to do.
    task: String,
    /// What must be true of it; another agent judges.
    check: String,
    /// Most rounds.
    #[serde(default = "usual")]
    rounds: u32,
    /// Short name.
    #[serde(default)]
    name: String,
    /// Profile of the agents.
    #[serde(default)]
    profile: String,
}

#[async_trait]
impl TypedTool for StartLoop {
    type Args = StartLoopArgs;
    const NAME: &'static str = "start_loop";
    const DESCRIPTION: &'static str = "Have agents do a task again until a check passes.";
    const EFFECT: Effect = Effect::Ours;

    fn risk(&self, _context: &ToolContext, _args: &Self::Args) -> Option<Risk> {
        // Whoever is started has read what this turn has read.
        None
    }

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        let StartLoopArgs { task, check, rounds, name, profile } = args;
        let plan = Plan::Loop(LoopPlan { task: task.clone(), check, rounds });
        self.0.plan(context, plan, (&name, &task, &profile)).await
    }
}
