//! Subagents that ask no model: they start others, count what comes back, and end.
//!
//! A plan is moved by the ends of the subagents that it started, one step for each. Where it stands is a [`PlanState`],
//! stored in the commit that starts the next ones, so that a kill in between loses nothing and starts nobody twice.

mod pipeline;
mod repeat;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use session_api::{IdSource, InboundId, Outside};

pub use pipeline::PipelinePlan;
pub use repeat::LoopPlan;

/// Most steps of a pipeline.
pub const MOST_STEPS: usize = 20;
/// Most votes by which an answer may have to be ahead.
pub const MOST_AHEAD: u32 = 5;
/// Most rounds of a loop, and most voters of a step.
pub const MOST_ROUNDS: u32 = 20;
/// Longest text of a task or a check, in bytes.
const LONGEST: usize = 16 * 1024;

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Plan {
    /// Steps one behind the other, each decided by votes.
    Pipeline(PipelinePlan),
    /// The same again until a check passes.
    Loop(LoopPlan),
}

/// A plan that makes no sense: what is wrong, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct PlanError {
    /// The argument.
    pub key: &'static str,
    /// What is wrong.
    pub reason: String,
}

/// Where a plan stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PlanState {
    /// The step or round, from 0.
    pub at: usize,
    /// Subagents of this step that have not ended.
    pub waiting: Vec<InboundId>,
    /// Subagents of this step so far.
    pub asked: u32,
    /// Of these, the ones that did not get to an answer.
    pub failed: u32,
    /// The answers of this step with how many gave them, in the order in which they came first.
    pub votes: Vec<(String, u32)>,
    /// A loop: whether the one that is waited for checks.
    pub checking: bool,
    /// What the step before came to.
    pub last: String,
    /// A loop: why the last round did not pass.
    pub why: String,
    /// Through what text from outside came into it: from its parent, and from those that it started.
    #[serde(default)]
    pub outside: Outside,
}

/// What happened to a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress<'a> {
    /// It begins.
    Begun,
    /// A subagent that it started has ended.
    Ended {
        /// Which.
        child: InboundId,
        /// Its answer; `None`: it did not get to one.
        answer: Option<&'a str>,
    },
}

/// How a plan ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanEnd {
    /// Whether it did what it was to do.
    pub done: bool,
    /// Its result, or why there is none.
    pub text: String,
}

/// What a plan wants next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Move {
    /// Subagents to start, with their tasks.
    pub start: Vec<(InboundId, String)>,
    /// Subagents whose answers count no more.
    pub stop: Vec<InboundId>,
    /// It has ended.
    pub end: Option<PlanEnd>,
}

impl Plan {
    /// Whether it can be carried out.
    ///
    /// # Errors
    /// The first argument that makes no sense.
    pub fn check(&self) -> Result<(), PlanError> {
        match self {
            Self::Pipeline(plan) => plan.check(),
            Self::Loop(plan) => plan.check(),
        }
    }

    /// Moves `state` on. An end that nobody waits for (any more) changes nothing.
    #[must_use]
    pub fn step(&self, state: &mut PlanState, happened: &Progress<'_>, ids: &dyn IdSource) -> Move {
        if let Progress::Ended { child, .. } = happened {
            let before = state.waiting.len();
            state.waiting.retain(|waiting| waiting != child);
            if state.waiting.len() == before {
                return Move::default();
            }
        }
        match self {
            Self::Pipeline(plan) => plan.step(state, happened, ids),
            Self::Loop(plan) => plan.step(state, happened, ids),
        }
    }
}

/// Starts one subagent.
fn start(state: &mut PlanState, ids: &dyn IdSource, task: String) -> (InboundId, String) {
    let id = InboundId::new(ids);
    state.waiting.push(id);
    state.asked += 1;
    (id, task)
}

fn end(done: bool, text: String) -> Move {
    Move { end: Some(PlanEnd { done, text }), ..Move::default() }
}

fn text_fits(key: &'static str, text: &str) -> Result<(), PlanError> {
    let wrong = |reason: String| Err(PlanError { key, reason });
    if text.trim().is_empty() {
        return wrong("it is empty".into());
    }
    if text.len() > LONGEST {
        return wrong(format!("it has {} bytes; {LONGEST} is the limit", text.len()));
    }
    Ok(())
}

fn in_range(key: &'static str, value: u32, most: u32) -> Result<(), PlanError> {
    if (1..=most).contains(&value) {
        return Ok(());
    }
    Err(PlanError { key, reason: format!("it must be between 1 and {most}, not {value}") })
}
