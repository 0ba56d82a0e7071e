//! The same again until a check passes.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use session_api::IdSource;

use super::{MOST_ROUNDS, Move, PlanError, PlanState, Progress, end, in_range, start, text_fits};

/// A task that is done again, with the last attempt and what was wrong with it, until another subagent says that it
/// passes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoopPlan {
    /// What is to be done.
    pub task: String,
    /// When it is done: a question about the attempt.
    pub check: String,
    /// Most rounds.
    pub rounds: u32,
}

impl LoopPlan {
    pub(super) fn check(&self) -> Result<(), PlanError> {
        text_fits("task", &self.task)?;
        text_fits("check", &self.check)?;
        in_range("rounds", self.rounds, MOST_ROUNDS)
    }

    pub(super) fn step(&self, state: &mut PlanState, happened: &Progress<'_>, ids: &dyn IdSource) -> Move {
        let answer = match happened {
            Progress::Begun => return self.attempt(state, ids),
            Progress::Ended { answer, .. } => answer.map(str::trim).filter(|answer| !answer.is_empty()),
        };
        match (state.checking, answer) {
            (false, Some(answer)) => {
                answer.clone_into(&mut state.last);
                state.checking = true;
                let task = format!(
                    "Check this, and change nothing. {}\n\nWhat is checked:\n{answer}\n\nAnswer PASS and nothing else where it passes; otherwise FAIL and, behind it, what is wrong.",
                    self.check
                );
                Move { start: vec![start(state, ids, task)], ..Move::default() }
            }
            (false, None) => self.again(state, ids, "the attempt did not get to an answer"),
            (true, Some(verdict)) if passes(verdict) => end(true, state.last.clone()),
            (true, Some(verdict)) => self.again(state, ids, verdict),
            (true, None) => self.again(state, ids, "the check did not get to an answer"),
        }
    }

    fn again(&self, state: &mut PlanState, ids: &dyn IdSource, why: &str) -> Move {
        why.clone_into(&mut state.why);
        (state.at, state.checking) = (state.at + 1, false);
        if state.at >= self.rounds as usize {
            let mut text =
                format!("It did not pass in {} rounds, the limit. The last check said: {why}", self.rounds);
            if !state.last.is_empty() {
                // Writing to a String cannot fail.
                let _ = write!(text, "\n\nThe last attempt:\n{}", state.last);
            }
            return end(false, text);
        }
        self.attempt(state, ids)
    }

    fn attempt(&self, state: &mut PlanState, ids: &dyn IdSource) -> Move {
        let mut task = self.task.clone();
        if !state.why.is_empty() {
            let _ = write!(task, "\n\nIt was tried before and did not pass: {}", state.why);
        }
        if !state.last.is_empty() {
            let _ = write!(task, "\n\nThe last attempt:\n{}", state.last);
        }
        Move { start: vec![start(state, ids, task)], ..Move::default() }
    }
}

/// Whether a verdict begins with the word that was agreed upon.
fn passes(verdict: &str) -> bool {
    let word = verdict.split(|c: char| !c.is_ascii_alphabetic()).find(|word| !word.is_empty());
    word.is_some_and(|word| word.eq_ignore_ascii_case("pass"))
}
