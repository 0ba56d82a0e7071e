//! Checks that a lease still holds.

use session_api::{StoreError, TurnLease};

use crate::{
    encode::{Reading, bytes, int},
    error::stale,
    script::{Answers, Script},
    transaction::Transaction,
};

/// What a lease stands on.
pub(crate) struct Held {
    pub(crate) session: i64,
    pub(crate) steps: i64,
    pub(crate) attempt: i64,
    pub(crate) last_seq: i64,
}

const HELD: &str = "SELECT t.session_id, t.steps, t.attempt, s.last_seq
    FROM turns t JOIN sessions s ON s.id = t.session_id
    WHERE t.id = ? AND t.token = ? AND t.state = 0 AND t.wake_at > ? AND t.epoch = s.epoch";

/// Puts the check into a script, as its next statement.
pub(crate) fn ask(script: &mut Script, lease: &TurnLease, now: i64) {
    script.add(HELD).bind(bytes(lease.turn.0)).bind(int(lease.token)).bind(now);
}

/// Reads the answer.
pub(crate) fn told(
    transaction: &Transaction,
    answers: &mut Answers,
    index: usize,
    lease: &TurnLease,
) -> Result<Held, StoreError> {
    let Some(row) = answers.first(index) else {
        return Err(stale(format!("turn {} is not held under token {} any more", lease.turn, lease.token)));
    };
    let reading = Reading { file: &transaction.shared.layout.database, row: &row };
    Ok(Held {
        session: reading.int(0)?,
        steps: reading.int(1)?,
        attempt: reading.int(2)?,
        last_seq: reading.int(3)?,
    })
}

/// Checks a lease by itself.
pub(crate) async fn hold(transaction: &mut Transaction, lease: &TurnLease) -> Result<Held, StoreError> {
    let mut script = Script::default();
    ask(&mut script, lease, transaction.now().0);
    let mut answers = transaction.run(script).await?;
    told(transaction, &mut answers, 0, lease)
}
