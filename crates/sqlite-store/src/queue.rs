//! Which session is next, and which of its rows.

use session_api::{InboundKind, InboundRow, Runner, StoreError, Timestamp, TurnId, WorkerId};

use crate::{encode::Reading, script::Script, transaction::Transaction};

/// Rows of one session that are looked at for one turn: bounds what coalesces.
pub(crate) const LOOK: i64 = 256;

/// A waiting row with what decides when it goes.
pub(crate) struct Waiting {
    pub(crate) row: InboundRow,
    pub(crate) hold_until: i64,
    pub(crate) attempts: i64,
    /// The turn that failed over it.
    pub(crate) failed: Option<TurnId>,
}

impl Waiting {
    /// The columns that [`read`](Self::read) wants.
    pub(crate) fn read(reading: &Reading<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            row: reading.inbound(0)?,
            hold_until: reading.int(3)?,
            attempts: reading.int(4)?,
            failed: reading.maybe_id(5)?.map(TurnId),
        })
    }

    fn due(&self, now: Timestamp) -> i64 {
        // The clock was set back since it came.
        if self.row.accepted_at > now {
            return self.hold_until;
        }
        let coalesce = self.row.inbound.coalesce.unwrap_or_default();
        self.hold_until.max(self.row.accepted_at.plus(coalesce).0)
    }

    fn may_run(&self, transaction: &Transaction, worker: WorkerId) -> bool {
        match self.row.inbound.runner {
            Runner::Any => true,
            Runner::Only(owner) => owner == worker || !transaction.lives(owner),
        }
    }
}

/// The founders of the next turn, as the first `n` of the vector it returns; empty when nothing is due.
pub(crate) fn founders(
    transaction: &Transaction,
    waiting: Vec<Waiting>,
    worker: WorkerId,
    now: Timestamp,
) -> Vec<Waiting> {
    let Some(head) = waiting.first() else { return waiting };
    if head.hold_until > now.0 {
        // In back-off: only commands and locks pass.
        let passing =
            waiting.into_iter().find(|row| row.row.inbound.kind.passes_back_off() && row.hold_until <= now.0);
        return passing.filter(|row| row.may_run(transaction, worker)).into_iter().collect();
    }
    let gathers =
        |row: &Waiting| row.row.inbound.kind == InboundKind::Message && row.row.inbound.coalesce.is_some();
    // Whoever cannot join waits for nobody but those before it.
    let waits = head.due(now) > now.0 && waiting.iter().all(gathers);
    if waits || !head.may_run(transaction, worker) {
        return Vec::new();
    }
    let alike = if gathers(head) {
        let like = |row: &&Waiting| {
            gathers(row)
                && row.row.inbound.runner == head.row.inbound.runner
                && row.row.inbound.overrides == head.row.inbound.overrides
                && row.hold_until <= now.0
        };
        waiting.iter().take_while(like).count()
    } else {
        1
    };
    waiting.into_iter().take(alike).collect()
}

/// Puts a session whose turn has ended, or whose rows changed, where it belongs in the queue: behind all others, or out
/// of it when nothing waits. `open_turn` is forgotten.
pub(crate) fn requeue(script: &mut Script, session: i64, no: i64, now: Timestamp) {
    script
        .add(
            "UPDATE sessions SET open_turn = NULL, changed = ?, updated_at = ?,
                (queue_no, ready_at, runner, held) = (
                    SELECT ?, CASE
                            WHEN hold_until > ? AND EXISTS (
                                SELECT 1 FROM inbox WHERE session_id = sessions.id AND state < 2 AND state = 0
                                    AND kind IN (1, 5)) THEN 0
                            WHEN EXISTS (
                                SELECT 1 FROM inbox WHERE session_id = sessions.id AND state < 2 AND state = 0
                                    AND (kind <> 0 OR coalesce_ms IS NULL)) THEN hold_until
                            ELSE max(hold_until, min(accepted_at, ?) + coalesce(coalesce_ms, 0)) END,
                        CASE WHEN hold_until > ? THEN NULL ELSE runner END, hold_until > ?
                    FROM inbox WHERE session_id = sessions.id AND state < 2 AND state = 0 ORDER BY no LIMIT 1)
             WHERE id = ?",
        )
        .bind(no)
        .bind(now.0)
        .bind(no)
        .bind(now.0)
        .bind(now.0)
        .bind(now.0)
        .bind(now.0)
        .bind(session);
}
