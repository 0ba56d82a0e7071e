//! `goal_progress`.

use std::sync::Arc;

use ::schedule::{GoalNotes, JobDefinition, Payload, is_job};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use session_api::{JobStore, JobWrite, KvStore, Writes};
use tool_api::{Effect, Risk, ToolContext, ToolError, ToolOutput, TypedTool};

/// Writes down how far a goal is. It stands in the store when the call ends.
#[derive(Clone)]
pub struct GoalProgress {
    /// Where goals are; only read.
    pub jobs: Arc<dyn JobStore>,
    /// Where their notes are; only read.
    pub kv: Arc<dyn KvStore>,
}

/// Arguments of `goal_progress`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GoalProgressArgs {
    /// What was done, and what comes next.
    note: String,
    /// It is reached, or cannot be: no round follows.
    #[serde(default)]
    reached: bool,
}

#[async_trait]
impl TypedTool for GoalProgress {
    type Args = GoalProgressArgs;
    const NAME: &'static str = "goal_progress";
    const DESCRIPTION: &'static str = "Only in a round of a goal: write down how far it is.";
    const EFFECT: Effect = Effect::Ours;

    fn risk(&self, _context: &ToolContext, _args: &Self::Args) -> Option<Risk> {
        // Its notes carry the mark into the rounds that read them.
        None
    }

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        let failed =
            |error: session_api::StoreError| ToolError::Failed(format!("the goal cannot be read: {error}"));
        let none = || ToolError::Failed("this is no round of a goal; `/goal TEXT` sets one".into());
        if args.note.trim().is_empty() {
            return Err(ToolError::InvalidArguments("`note` is empty".into()));
        }
        let id = Some(&context.session)
            .filter(|session| is_job(session))
            .and_then(|session| session.chat.parse().ok());
        let job = match id {
            Some(id) => self.jobs.job(id).await.map_err(failed)?,
            None => None,
        };
        let job = job.filter(|job| {
            JobDefinition::of(job).is_ok_and(|definition| matches!(definition.payload, Payload::Goal { .. }))
        });
        let job = job.ok_or_else(none)?;
        let stored = self.kv.kv_get(&job.owner, &GoalNotes::key(job.id)).await.map_err(failed)?;
        let mut notes =
            GoalNotes::read(stored.as_ref().map(|entry| entry.value.as_str())).with(&args.note, args.reached);
        notes.outside.add_all(&context.outside);
        let mut writes = Writes { kv: vec![notes.write(job.id, &job.owner)], ..Writes::default() };
        let text = if args.reached {
            writes.jobs.push(JobWrite::Switch { id: job.id, enabled: false, due: None, next_run_at: None });
            "Written down; no round follows. Your answer goes to whoever set the goal: say what it came to."
        } else {
            "Written down for the next round."
        };
        Ok(ToolOutput::text(text).with_writes(writes))
    }
}
