//! Steps whose answers are voted on.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use session_api::IdSource;

use super::{
    MOST_AHEAD, MOST_ROUNDS, MOST_STEPS, Move, PlanError, PlanState, Progress, end, in_range, start,
    text_fits,
};

/// Longest part of an answer that a summary of votes quotes.
const QUOTED: usize = 80;

/// Steps one behind the other. Each is asked of several; the first answer that is ahead of all others by `ahead` votes
/// wins, and the next step reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelinePlan {
    /// The tasks.
    pub steps: Vec<String>,
    /// By how many votes an answer must be ahead. 1: the first answer wins.
    pub ahead: u32,
    /// Most voters of one step.
    pub voters: u32,
}

impl PipelinePlan {
    pub(super) fn check(&self) -> Result<(), PlanError> {
        if self.steps.is_empty() || self.steps.len() > MOST_STEPS {
            let reason = format!("there must be between 1 and {MOST_STEPS}, not {}", self.steps.len());
            return Err(PlanError { key: "steps", reason });
        }
        self.steps.iter().try_for_each(|step| text_fits("steps", step))?;
        in_range("ahead", self.ahead, MOST_AHEAD)?;
        in_range("voters", self.voters, MOST_ROUNDS)?;
        if self.voters < self.ahead {
            let reason = format!("{} voters can never put an answer {} votes ahead", self.voters, self.ahead);
            return Err(PlanError { key: "voters", reason });
        }
        Ok(())
    }

    pub(super) fn step(&self, state: &mut PlanState, happened: &Progress<'_>, ids: &dyn IdSource) -> Move {
        if let Progress::Ended { answer, .. } = happened {
            match answer.filter(|answer| !answer.trim().is_empty()) {
                Some(answer) => vote(state, answer),
                None => state.failed += 1,
            }
        }
        if let Some(winner) = winner(state, self.ahead) {
            let stop = std::mem::take(&mut state.waiting);
            let at = state.at + 1;
            *state = PlanState { at, last: winner.clone(), ..PlanState::default() };
            if at == self.steps.len() {
                return Move { stop, ..end(true, winner) };
            }
            return Move { stop, ..self.ask(state, ids) };
        }
        if !state.waiting.is_empty() {
            return Move::default();
        }
        if state.asked >= self.voters {
            return end(false, self.undecided(state));
        }
        self.ask(state, ids)
    }

    /// Starts as many voters as could decide the step at the least.
    fn ask(&self, state: &mut PlanState, ids: &dyn IdSource) -> Move {
        let Some(step) = self.steps.get(state.at) else { return end(true, state.last.clone()) };
        let missing = self.ahead.saturating_sub(lead(state)).max(1).min(self.voters - state.asked);
        let mut task = step.clone();
        if !state.last.is_empty() {
            // Writing to a String cannot fail.
            let _ = write!(task, "\n\nThe step before this one came to:\n{}", state.last);
        }
        if self.ahead > 1 {
            task.push_str("\n\nOthers do the same independently, and your answers are compared word by word: answer with the result alone, as short as it can be said.");
        }
        Move { start: (0..missing).map(|_| start(state, ids, task.clone())).collect(), ..Move::default() }
    }

    fn undecided(&self, state: &PlanState) -> String {
        let (step, asked) = (state.at + 1, state.asked);
        let mut text = format!(
            "Step {step} of {} is undecided: after {asked} voters, the limit, no answer was ahead by {}.",
            self.steps.len(),
            self.ahead
        );
        for (answer, votes) in &state.votes {
            let short: String = answer.chars().take(QUOTED).collect();
            let _ = write!(text, " {votes} × “{}”.", short.split_whitespace().collect::<Vec<_>>().join(" "));
        }
        if state.failed > 0 {
            let _ = write!(text, " {} had no answer.", state.failed);
        }
        text
    }
}

/// Answers count as the same whatever their case, their spaces, and the signs around them.
fn same(a: &str, b: &str) -> bool {
    let bare = |text: &str| {
        let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        words.join(" ").trim_matches(|c: char| c.is_ascii_punctuation() && c != '-').to_owned()
    };
    bare(a) == bare(b)
}

fn vote(state: &mut PlanState, answer: &str) {
    match state.votes.iter_mut().find(|(known, _)| same(known, answer)) {
        Some((_, votes)) => *votes += 1,
        None => state.votes.push((answer.trim().to_owned(), 1)),
    }
}

/// By how many votes the first answer is ahead of the second.
fn lead(state: &PlanState) -> u32 {
    let mut votes: Vec<u32> = state.votes.iter().map(|(_, votes)| *votes).collect();
    votes.sort_unstable_by(|a, b| b.cmp(a));
    votes.first().copied().unwrap_or(0) - votes.get(1).copied().unwrap_or(0)
}

fn winner(state: &PlanState, ahead: u32) -> Option<String> {
    let (first, _) = state.votes.iter().max_by_key(|(_, votes)| *votes)?;
    (lead(state) >= ahead).then(|| first.clone())
}
