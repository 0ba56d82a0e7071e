//! The story of model calls that did not go well at once, as the audit log has it.

use serde::{Deserialize, Serialize};
use session_api::{AuditRow, Timestamp};

use crate::{Attempt, ModelErrorKind, TokenUsage};

/// Rows of the audit log that are read for one turn: far more than the retries of its model calls come to.
pub(super) const MOST: usize = 1000;

/// A server that was asked for a reply, in a call that needed more than one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttemptReport {
    /// When the call was over to which it belongs.
    pub at: Timestamp,
    /// Who was asked.
    pub provider: String,
    /// For which model.
    pub model: String,
    /// How long it took, in milliseconds; that of an answer is counted from the beginning of the whole call.
    pub millis: u64,
    /// What it used: of a failure by our own estimate.
    pub usage: TokenUsage,
    /// What went wrong; `None` for the one that answered.
    pub failed: Option<FailureReport>,
}

/// Why an attempt failed and what was done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureReport {
    /// What went wrong.
    pub kind: ModelErrorKind,
    /// The same in a sentence.
    pub message: String,
    /// How long was waited before the next attempt, in milliseconds.
    pub wait_millis: u64,
    /// Who was asked next; the same provider where it was only asked again, `None` where nobody was left.
    pub next_provider: Option<String>,
    /// For which model.
    pub next_model: Option<String>,
}

#[derive(Deserialize)]
struct Answered {
    provider: String,
    model: String,
    usage: TokenUsage,
}

/// The attempts in the order in which they were made, from rows about the turn, the newest first. A row whose details were
/// deleted or are of another version tells nothing, and is left out.
pub(super) fn story(rows: &[AuditRow]) -> Vec<AttemptReport> {
    rows.iter().rev().filter_map(attempt).collect()
}

fn attempt(row: &AuditRow) -> Option<AttemptReport> {
    let entry = &row.entry;
    let (provider, model, usage, failed) = match entry.kind.as_str() {
        "model.failed" => {
            let Attempt {
                provider, model, kind, message, wait_millis, usage, next_provider, next_model, ..
            } = serde_json::from_str(&entry.payload).ok()?;
            let named = |name: String| Some(name).filter(|name| !name.is_empty());
            let (next_provider, next_model) = (named(next_provider), named(next_model));
            let failed = FailureReport { kind, message, wait_millis, next_provider, next_model };
            (provider, model, usage, Some(failed))
        }
        "model.replied" => {
            let Answered { provider, model, usage } = serde_json::from_str(&entry.payload).ok()?;
            (provider, model, usage, None)
        }
        _ => return None,
    };
    Some(AttemptReport { at: entry.at, provider, model, millis: entry.millis, usage, failed })
}

impl std::fmt::Display for AttemptReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { provider, model, millis, usage, failed, .. } = self;
        let Some(failure) = failed else {
            return write!(f, "{provider}/{model} answered, {millis} ms after the first was asked");
        };
        let why = failure.message.trim_end_matches('.');
        write!(f, "{provider}/{model} failed after {millis} ms: {why}")?;
        if usage.input_tokens + usage.output_tokens > 0 {
            let (input, output) = (usage.input_tokens, usage.output_tokens);
            write!(f, "; about {input} tokens read, {output} written, for nothing")?;
        }
        if failure.wait_millis > 0 {
            write!(f, "; waited {} ms", failure.wait_millis)?;
        }
        match (&failure.next_provider, &failure.next_model) {
            (Some(next), Some(of)) if next == provider && of == model => write!(f, "; asked it again"),
            (Some(next), Some(of)) => write!(f, "; asked {next}/{of}"),
            _ => write!(f, "; nobody else was asked"),
        }
    }
}
