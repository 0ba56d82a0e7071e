//! A summary in the middle of a turn: only when the model refused a request as too long, and once.

use std::sync::atomic::Ordering;

use session_api::Writes;
use tokio_util::sync::CancellationToken;

use super::{run::Run, watch::watch};
use crate::{
    Compacted, CompactionError,
    commands::CommandAnswer,
    compaction::{self, Fill, Why},
};

impl Run<'_> {
    /// Makes the history shorter, if nobody tried in this turn. Whatever comes of it, the request is made shorter anyway.
    pub(super) async fn compact_inline(&self) {
        if self.compacted.swap(true, Ordering::AcqRel) || self.overrides.fresh {
            return;
        }
        match self.summarise(Why::Refused).await {
            Ok(made) => tracing::info!(upto = made.upto, "the model refused the request as too long"),
            Err(error) => tracing::info!(%error, "no summary; the history is cut instead"),
        }
    }

    /// `/compact`: the lease is kept alive meanwhile.
    pub(super) async fn compact_now(&self) -> CommandAnswer {
        let made = tokio::select! {
            biased;
            made = self.summarise(Why::Asked) => made,
            // The turn's own watch, which begins when this is over, notices the same and ends the turn.
            _ = watch(self.ports, &self.turn.lease, &self.lease_until) => return String::new().into(),
        };
        let text = match made {
            Ok(made) => made.notice(),
            Err(error) => format!("No summary was made, and nothing is changed: {error}."),
        };
        CommandAnswer { text, writes: Writes::default() }
    }

    /// What ends the turn ends this too: nothing else cuts it.
    async fn summarise(&self, why: Why) -> Result<Compacted, CompactionError> {
        compaction::compact(self.ports, &self.core, &self.info.session, why, &CancellationToken::new()).await
    }

    /// Whether the history is full enough for a summary, now that this turn is part of it.
    pub(super) fn is_full(&self, added: usize) -> bool {
        // A run that saw nothing of the conversation says nothing about it.
        if self.off_record || self.overrides.fresh {
            return false;
        }
        self.core.compaction.is_due(Fill {
            tokens: self.filled.load(Ordering::Acquire),
            room: self.behalf.load().history,
            messages: self.window.messages.len() + added,
            most: self.core.budget.history_messages,
            truncated: self.left_out.load(Ordering::Acquire),
        })
    }
}
