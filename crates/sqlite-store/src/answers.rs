//! What a row does as it comes in: answer a question, stop turns, take questions away.

use std::path::Path;

use session_api::{
    Decision, Inbound, InboundKind, Locked, Outcome, Rank, StoreError, Timestamp, TurnId, WhenBusy,
};

use crate::{
    accept::rank_of,
    apply::kv,
    encode::{Reading, bytes, each, outcome},
    script::{Answers, Script},
};

/// What a row does to turns that are open.
pub(crate) enum Effect {
    /// It answers this question of this turn.
    Answers { question: Vec<u8>, turn: TurnId, decision: Decision },
    /// It stops these turns, and what waits in these sessions.
    Stops { turns: Vec<TurnId>, sessions: Vec<i64> },
    /// It takes away those open questions of this turn that its sender might have answered.
    Supersedes { turn: TurnId },
    /// It locks everything.
    Locks,
}

const STOPPABLE: &str = "WITH RECURSIVE family (key) AS (
        VALUES (?) UNION SELECT s.key FROM family f JOIN sessions s ON s.parent = f.key AND s.parent IS NOT NULL)
    SELECT s.open_turn, s.id, s.parent IS NOT NULL
        AND EXISTS (SELECT 1 FROM inbox i WHERE i.session_id = s.id AND i.state < 2 AND i.state = 0) AS waits
    FROM family f JOIN sessions s ON s.key = f.key WHERE s.open_turn IS NOT NULL OR waits";

const QUESTION: &str = "SELECT a.turn_id FROM approvals a JOIN turns t ON t.id = a.turn_id
    WHERE a.id = ? AND a.state = 0 AND a.expires_at > ? AND a.needs <= ? AND t.state = 1";

/// Asks, as the next statement of the script, what the row could do. Most rows need not ask.
pub(crate) fn ask(script: &mut Script, inbound: &Inbound, key: &str, now: Timestamp) {
    match inbound.kind {
        InboundKind::Answer { approval, .. } => {
            script.add(QUESTION).bind(bytes(approval.0)).bind(now.0).bind(rank_of(inbound));
        }
        InboundKind::Stop => {
            script.add(STOPPABLE).bind(key);
        }
        InboundKind::Message if inbound.busy == WhenBusy::Interrupt => {
            script.add(STOPPABLE).bind(key);
        }
        InboundKind::Message | InboundKind::Command | InboundKind::Lock | InboundKind::Result { .. } => {}
    }
}

/// Reads what it can do; what it does not ask for has no answer.
pub(crate) fn told(
    file: &Path,
    answers: &mut Answers,
    index: usize,
    inbound: &Inbound,
    suspended: Option<TurnId>,
) -> Result<Vec<Effect>, StoreError> {
    let mut effects = Vec::new();
    match inbound.kind {
        InboundKind::Answer { approval, decision } => {
            if let Some(row) = answers.first(index) {
                let turn = TurnId(Reading { file, row: &row }.id(0)?);
                effects.push(Effect::Answers { question: bytes(approval.0), turn, decision });
            }
        }
        InboundKind::Stop | InboundKind::Message => {
            effects.extend(suspended.filter(|_| inbound.kind == InboundKind::Message).map(supersedes));
            let found = each(file, &answers.take(index), |row| {
                Ok((row.maybe_id(0)?.map(TurnId), row.bool(2)?.then_some(row.int(1)?)))
            })?;
            let turns: Vec<TurnId> = found.iter().filter_map(|(turn, _)| *turn).collect();
            let sessions: Vec<i64> = found.iter().filter_map(|(_, session)| *session).collect();
            effects.extend((!found.is_empty()).then_some(Effect::Stops { turns, sessions }));
        }
        InboundKind::Lock if inbound.principal.rank == Rank::Owner => effects.push(Effect::Locks),
        InboundKind::Command | InboundKind::Lock | InboundKind::Result { .. } => {}
    }
    Ok(effects)
}

fn supersedes(turn: TurnId) -> Effect {
    Effect::Supersedes { turn }
}

/// Writes it.
pub(crate) fn apply(script: &mut Script, effect: &Effect, inbound: &Inbound, now: Timestamp) {
    match effect {
        Effect::Answers { question, turn, decision } => {
            let state = if *decision == Decision::Allow { 1 } else { 2 };
            script.add("UPDATE approvals SET state = ? WHERE id = ?").bind(state).bind(question.clone());
            wake(script, *turn);
        }
        Effect::Stops { turns, sessions } => {
            for turn in turns {
                script.add(STOP).bind(bytes(inbound.id.0)).bind(bytes(turn.0));
            }
            for session in sessions {
                script.add(SETTLE).bind(outcome(Outcome::Stopped)).bind(*session);
                script.add(UNQUEUE).bind(now.0).bind(*session);
            }
        }
        Effect::Supersedes { turn } => {
            script
                .add("UPDATE approvals SET state = 3 WHERE turn_id = ? AND state = 0 AND needs <= ?")
                .bind(bytes(turn.0))
                .bind(rank_of(inbound));
            wake(script, *turn);
        }
        Effect::Locks => {
            script.add(STOP_ALL).bind(bytes(inbound.id.0));
            kv(script, &Locked { by: inbound.principal.id.clone(), at: now }.set(), now.0);
        }
    }
}

/// Marks a turn as stopped (the first stop stands); a suspended one can be leased to finalize.
pub(crate) const STOP: &str = "UPDATE turns SET stopped_by = coalesce(stopped_by, ?),
    wake_at = CASE state WHEN 1 THEN 0 ELSE wake_at END WHERE id = ? AND state < 2";

/// Ends what waits in a session.
const SETTLE: &str =
    "UPDATE inbox SET state = 2, outcome = ? WHERE session_id = ? AND state < 2 AND state = 0";

/// Takes a session in which nothing waits any more out of the queue.
const UNQUEUE: &str =
    "UPDATE sessions SET queue_no = NULL, ready_at = NULL, runner = NULL, held = NULL, updated_at = ?
    WHERE id = ?";

/// As [`STOP`], for all open turns: those that have a time to wake at.
const STOP_ALL: &str = "UPDATE turns SET stopped_by = coalesce(stopped_by, ?),
    wake_at = CASE state WHEN 1 THEN 0 ELSE wake_at END WHERE wake_at IS NOT NULL";

/// A suspended turn may be leased when its last open question is settled or has expired.
fn wake(script: &mut Script, turn: TurnId) {
    script
        .add(
            "UPDATE turns SET wake_at = coalesce(
                (SELECT max(expires_at) FROM approvals WHERE turn_id = turns.id AND state = 0), 0)
             WHERE id = ? AND state = 1 AND stopped_by IS NULL",
        )
        .bind(bytes(turn.0));
}
