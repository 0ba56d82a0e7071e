//! What the stores keep of a turn.

use std::collections::{BTreeMap, HashSet};

use session_api::{
    Approval, CallId, InboundId, InboundView, JournalEntry, Message, MessageId, Outcome, SessionKey,
    StepKind, Timestamp, TurnId, TurnState,
};

/// Everything that is left of a turn, as the stores keep it.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedTurn {
    /// The turn.
    pub id: TurnId,
    /// Its conversation.
    pub session: SessionKey,
    /// Where it stands.
    pub state: TurnState,
    /// When it was first leased.
    pub started_at: Timestamp,
    /// The rows that founded it, as far as they still exist.
    pub founders: Vec<InboundView>,
    /// The rows that joined it, as far as they still exist.
    pub joined: Vec<InboundView>,
    /// How its rows ended, if they have.
    pub outcome: Option<Outcome>,
    /// What it did.
    pub journal: Vec<JournalEntry>,
    /// What it added to the history.
    pub messages: Vec<Message>,
    /// Its questions.
    pub approvals: Vec<Approval>,
    /// Tools that only look, by today's configuration: such calls of one reply run at the same time.
    pub beside: HashSet<String>,
    /// Whether a hook may have changed the words of the answer.
    pub finalized: bool,
}

/// The journal's word about one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct CallSteps {
    /// When its start was recorded.
    pub(super) started_at: Option<Timestamp>,
    /// When it ended, whether well, and after how many milliseconds.
    pub(super) ended: Option<(Timestamp, bool, u64)>,
}

impl RecordedTurn {
    /// The rows that joined the turn, as the journal names them.
    pub(super) fn absorbed(&self) -> HashSet<InboundId> {
        absorbed(&self.journal).collect()
    }

    /// Whether `id` is the message of a row that founded the turn.
    pub(super) fn is_founder(&self, id: MessageId) -> bool {
        self.founders.iter().any(|view| view.row.inbound.id.0 == id.0)
    }

    /// The calls that the journal knows.
    pub(super) fn call_steps(&self) -> BTreeMap<&CallId, CallSteps> {
        let mut calls: BTreeMap<&CallId, CallSteps> = BTreeMap::new();
        for entry in &self.journal {
            match &entry.step.kind {
                StepKind::ToolStarted { call_id, .. } => {
                    calls.entry(call_id).or_default().started_at = Some(entry.at);
                }
                StepKind::ToolEnded { call_id, ok, millis } => {
                    calls.entry(call_id).or_default().ended = Some((entry.at, *ok, *millis));
                }
                _ => {}
            }
        }
        calls
    }
}

/// The rows that a journal says joined its turn, in order.
pub(super) fn absorbed(journal: &[JournalEntry]) -> impl Iterator<Item = InboundId> {
    journal
        .iter()
        .filter_map(|entry| match &entry.step.kind {
            StepKind::Absorbed { inbound } => Some(inbound.as_slice()),
            _ => None,
        })
        .flatten()
        .copied()
}
