//! Rows that nobody works on, and how much waits in all.

use super::{
    state::{Row, Standing, State},
    verdict::invalid,
    writes::Origin,
};
use crate::{Backlog, InboundId, InboundRow, Outcome, Runner, StoreError, Timestamp, TurnState, Writes};

impl State {
    pub(super) fn overdue(&self, before: Timestamp, limit: usize) -> Vec<InboundRow> {
        let mut rows: Vec<&InboundRow> = self
            .rows
            .values()
            .filter(|row| matches!(row.standing, Standing::Pending) && row.row.accepted_at < before)
            .filter(|row| !self.is_looked_after(row))
            .map(|row| &row.row)
            .collect();
        rows.sort_by_key(|row| (row.accepted_at, row.seq));
        rows.into_iter().take(limit).cloned().collect()
    }

    /// Whether a living worker keeps a pending row, or it waits behind a turn that runs or asks.
    fn is_looked_after(&self, row: &Row) -> bool {
        let kept = matches!(row.row.inbound.runner, Runner::Only(worker) if !self.dead.contains(&worker));
        let open = self.sessions.get(&row.row.inbound.session).and_then(|session| session.open_turn);
        let turn = open.and_then(|id| self.turns.get(&id));
        kept || turn.is_some_and(|turn| turn.state == TurnState::Suspended || !self.is_void(turn))
    }

    pub(super) fn give_up(
        &mut self,
        id: InboundId,
        outcome: Outcome,
        writes: Writes,
    ) -> Result<bool, StoreError> {
        if !writes.stands_alone() {
            return Err(invalid("giving a row up writes messages to send, values and audit rows only"));
        }
        let row = self.row_ids.get(&id).and_then(|seq| self.rows.get_mut(seq));
        let Some(row) = row.filter(|row| matches!(row.standing, Standing::Pending)) else {
            return Ok(false);
        };
        row.standing = Standing::Settled { turn: None, outcome };
        let (seq, key) = (row.row.seq, row.row.inbound.session.clone());
        if let Some(session) = self.sessions.get_mut(&key) {
            session.pending.remove(&seq);
        }
        self.mark_changed(&key);
        self.finish_row(seq);
        self.apply(&Origin::outside(), writes);
        self.touched = true;
        Ok(true)
    }

    pub(super) fn backlog(&self) -> Backlog {
        let mut backlog = Backlog::default();
        for row in self.rows.values() {
            match row.standing {
                Standing::Pending => {
                    backlog.pending += 1;
                    let at = row.row.accepted_at;
                    backlog.oldest_pending = Some(backlog.oldest_pending.map_or(at, |first| first.min(at)));
                }
                Standing::Dead { .. } => backlog.dead += 1,
                Standing::Taken(_) | Standing::Settled { .. } => {}
            }
        }
        for turn in self.open.values().filter_map(|id| self.turns.get(id)) {
            match turn.state {
                TurnState::Suspended => backlog.suspended += 1,
                _ => backlog.running += 1,
            }
        }
        let waiting = self.outbox.messages.values().filter(|outgoing| outgoing.is_waiting());
        for outgoing in waiting {
            backlog.unsent += 1;
            backlog.oldest_unsent.get_or_insert(outgoing.message.at);
        }
        backlog
    }
}
