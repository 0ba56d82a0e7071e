//! Forgetting what is finished, so that a process that runs for months does not grow with each turn.

use super::state::{Standing, State};
use crate::TurnId;

/// How many finished things are remembered: what a reader may still ask for by id.
const KEEP: usize = 10_000;

/// Something that ended.
pub(super) enum Finished {
    /// A turn, with the rows that it settled and what it sent.
    Turn(TurnId),
    /// A row that was settled as it came in.
    Row(u64),
    /// A message without a turn, or of a turn that was forgotten before the message was sent or given up.
    Said(u64),
}

impl State {
    pub(super) fn finish_turn(&mut self, id: TurnId) {
        self.finished.push_back(Finished::Turn(id));
        self.forget_oldest();
    }

    pub(super) fn finish_row(&mut self, seq: u64) {
        self.finished.push_back(Finished::Row(seq));
        self.forget_oldest();
    }

    pub(super) fn finish_said(&mut self, seq: u64) {
        self.finished.push_back(Finished::Said(seq));
        self.forget_oldest();
    }

    fn forget_oldest(&mut self) {
        if self.finished.len() <= KEEP {
            return;
        }
        match self.finished.pop_front() {
            Some(Finished::Turn(id)) => self.forget_turn(id),
            Some(Finished::Row(seq)) => self.forget_row(seq),
            Some(Finished::Said(seq)) => self.forget_said(seq),
            None => {}
        }
    }

    fn forget_turn(&mut self, id: TurnId) {
        let Some(turn) = self.turns.remove(&id) else { return };
        for seq in turn.founders.into_iter().chain(turn.absorbed) {
            let settled =
                |standing: &Standing| matches!(standing, Standing::Settled { turn, .. } if *turn == Some(id));
            if self.rows.get(&seq).is_some_and(|row| settled(&row.standing)) {
                self.forget_row(seq);
            }
        }
        for no in turn.approvals {
            if let Some(asked) = self.approvals.remove(&no) {
                self.approval_ids.remove(&asked.id);
            }
        }
        for seq in turn.said {
            self.forget_said(seq);
        }
        self.outbox.drop_drafts(id);
    }

    fn forget_row(&mut self, seq: u64) {
        if let Some(row) = self.rows.remove(&seq) {
            self.row_ids.remove(&row.row.inbound.id);
        }
    }

    fn forget_said(&mut self, seq: u64) {
        if self.outbox.is_needed(seq) {
            self.finished.push_back(Finished::Said(seq));
        } else {
            self.outbox.remove(seq);
        }
    }
}
