//! Summaries of older history.
//!
//! A summary is a job of its own: it holds no lease, so that the conversation goes on meanwhile. What follows its watermark
//! stays word for word, and nothing is deleted: the messages behind a summary are read by their numbers, which it names.
//!
//! ```text
//!  turn committed ──▶ due? ──▶ plan (watermark) ──▶ ask a model ──▶ check ──▶ append, if nothing came first
//!                                                        └── failed or absurd: nothing changes, later again
//! ```

mod ask;
mod backoff;
mod check;
mod compactor;
mod job;
mod plan;
mod transcript;

use std::time::Duration;

use session_api::SessionKey;

use crate::ChosenModel;

pub use backoff::CompactionTrouble;
pub(crate) use backoff::{held, trouble};
pub use check::{Absurd, check_summary};
pub(crate) use compactor::Compactor;
pub use job::CompactionError;
pub(crate) use job::{Why, compact};
pub use plan::watermark;

/// When older history is summarised, and by whom.
#[derive(Debug, Clone)]
pub struct Compaction {
    /// Whether it is done unasked. `/compact` and a request that a model refuses as too long are not asked about this.
    pub enabled: bool,
    /// It is due when so many hundredths of the history's room are full.
    pub threshold: u8,
    /// So many hundredths of the history's room stay word for word.
    pub keep: u8,
    /// Who writes summaries; `None`: the conversation's own model.
    pub model: Option<ChosenModel>,
    /// A conversation in which nothing was said for so long is summarised too; `None`: not for that.
    pub idle: Option<Duration>,
}

impl Default for Compaction {
    fn default() -> Self {
        Self { enabled: true, threshold: 75, keep: 30, model: None, idle: None }
    }
}

/// How full a history is after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fill {
    pub(crate) tokens: u64,
    pub(crate) room: u64,
    pub(crate) messages: usize,
    pub(crate) most: usize,
    /// Something is left out of requests already.
    pub(crate) truncated: bool,
}

impl Compaction {
    /// Whether a history is full enough for a summary.
    pub(crate) fn is_due(&self, fill: Fill) -> bool {
        let full =
            |part: u64, whole: u64| part.saturating_mul(100) >= whole.saturating_mul(self.threshold.into());
        self.enabled
            && (fill.truncated
                || full(fill.tokens, fill.room)
                || full(fill.messages as u64, fill.most as u64))
    }
}

/// A summary that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compacted {
    /// Whose history it is.
    pub session: SessionKey,
    /// The first message that the summary was made of, besides the summary before it.
    pub from: u64,
    /// The last one that it stands for.
    pub upto: u64,
    /// The tokens of what it stands for, as it was in requests.
    pub before: u64,
    /// The tokens of the summary.
    pub after: u64,
}

impl Compacted {
    /// What the person is told, in one line.
    #[must_use]
    pub fn notice(&self) -> String {
        format!(
            "I summarised the older part of this conversation, messages #{}-#{} (about {} tokens, now {}). Nothing is deleted; \
             `/undo-compact` takes it back.",
            self.from, self.upto, self.before, self.after
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_due_when_tokens_or_messages_fill_the_room() {
        let compaction = Compaction::default();
        let fill = Fill { tokens: 0, room: 1_000, messages: 0, most: 200, truncated: false };
        for (fill, due) in [
            (fill, false),
            (Fill { tokens: 749, messages: 149, ..fill }, false),
            (Fill { tokens: 750, ..fill }, true),
            (Fill { messages: 150, ..fill }, true),
            (Fill { truncated: true, ..fill }, true),
        ] {
            assert_eq!(compaction.is_due(fill), due, "{fill:?}");
            assert!(!Compaction { enabled: false, ..compaction.clone() }.is_due(fill));
        }
    }
}
