//! How turns and claims end.

use session_api::{FailOutcome, JobLease, Outcome, StoreError, Timestamp, TurnLease, Writes};

use crate::{
    apply::{self, Under},
    encode::{bytes, int, outcome},
    error::{invalid, stale},
    fence,
    queue::requeue,
    script::Script,
    transaction::Transaction,
    usage,
};

/// `Mailbox::commit`.
pub(crate) async fn commit(
    transaction: &mut Transaction,
    lease: TurnLease,
    ended: Outcome,
    mut writes: Writes,
) -> Result<(), StoreError> {
    let messages = std::mem::take(&mut writes.messages);
    let mut look = Script::default();
    fence::ask(&mut look, &lease, transaction.now().0);
    if !messages.is_empty() {
        apply::ask_standing(&mut look, &messages);
    }
    let mut found = transaction.run(look).await?;
    let held = fence::told(transaction, &mut found, 0, &lease)?;
    let mut script = Script::default();
    let standing = found.take(1);
    let added = apply::messages(transaction, &mut script, held.session, held.last_seq, &messages, &standing)?;
    let under = Under { turn: lease.turn, held: &held };
    apply::apply(transaction, &mut script, Some(&under), &mut writes).await?;
    if let Some(change) = writes.session.take() {
        apply::session(transaction, &mut script, &held, held.last_seq + added, change)?;
    }
    script.add(
        "UPDATE inbox SET state = 2, outcome = ? WHERE session_id = ? AND state < 2 AND state = 1 AND turn_id = ?",
    );
    script.bind(outcome(ended)).bind(held.session).bind(bytes(lease.turn.0));
    if added > 0 {
        script.add("UPDATE sessions SET last_seq = last_seq + ?, messages = messages + ? WHERE id = ?");
        script.bind(added).bind(added).bind(held.session);
    }
    close(transaction, &mut script, &lease, held.session, 2)?;
    transaction.finish(script).await.map(drop)
}

/// Ends a turn: no question stays open, no reservation, and its session goes on.
fn close(
    transaction: &mut Transaction,
    script: &mut Script,
    lease: &TurnLease,
    session: i64,
    state: i64,
) -> Result<(), StoreError> {
    script.add("UPDATE approvals SET state = 2 WHERE turn_id = ? AND state = 0").bind(bytes(lease.turn.0));
    usage::burn(script, lease.turn);
    script.add(
        "UPDATE turns SET state = ?, wake_at = NULL, record_version = NULL, record_body = NULL WHERE id = ?",
    );
    script.bind(state).bind(bytes(lease.turn.0));
    requeue(script, session, transaction.no()?, transaction.now());
    Ok(())
}

/// `Mailbox::fail`.
pub(crate) async fn fail(
    transaction: &mut Transaction,
    lease: TurnLease,
    error: String,
    retry_at: Option<Timestamp>,
    mut writes: Writes,
) -> Result<FailOutcome, StoreError> {
    apply::no_messages(&writes)?;
    let held = fence::hold(transaction, &lease).await?;
    let mut script = Script::default();
    let under = Under { turn: lease.turn, held: &held };
    apply::apply(transaction, &mut script, Some(&under), &mut writes).await?;
    if let Some(change) = writes.session.take() {
        apply::session(transaction, &mut script, &held, held.last_seq, change)?;
    }
    let limit = i64::from(transaction.shared.policy.max_attempts);
    let retry = retry_at.filter(|_| held.attempt < limit);
    script.add(
        "UPDATE inbox SET state = 0, turn_id = NULL
         WHERE session_id = ? AND state < 2 AND state = 1 AND turn_id = ? AND founder = 0",
    );
    script.bind(held.session).bind(bytes(lease.turn.0));
    let outcome = match retry {
        Some(at) => {
            // They keep the turn's id: the next attempt inherits what this one shows on the platform.
            script.add(
                "UPDATE inbox SET state = 0, founder = 0, attempts = ?, hold_until = ?, error = ?
                 WHERE session_id = ? AND state < 2 AND state = 1 AND turn_id = ?",
            );
            script.bind(held.attempt).bind(at.0).bind(error);
            FailOutcome::Retry
        }
        None => {
            script.add(
                "UPDATE inbox SET state = 3, error = ?, died_at = ?
                 WHERE session_id = ? AND state < 2 AND state = 1 AND turn_id = ?",
            );
            script.bind(error).bind(transaction.now().0);
            FailOutcome::Dead
        }
    };
    script.bind(held.session).bind(bytes(lease.turn.0));
    close(transaction, &mut script, &lease, held.session, 3)?;
    transaction.finish(script).await?;
    Ok(outcome)
}

/// `Mailbox::fire`.
pub(crate) async fn fire(
    transaction: &mut Transaction,
    lease: JobLease,
    mut writes: Writes,
) -> Result<(), StoreError> {
    apply::no_messages(&writes)?;
    if !writes.approvals.is_empty() || writes.session.is_some() || writes.record.is_some() {
        return Err(invalid("a job has no turn: no questions, no record, no change to a session"));
    }
    let mut script =
        Script::new("UPDATE jobs SET worker = NULL WHERE id = ? AND token = ? AND worker = ? RETURNING 1");
    script.bind(bytes(lease.job.id.0)).bind(int(lease.token)).bind(bytes(lease.worker.0));
    if transaction.run(script).await?.first(0).is_none() {
        return Err(stale(format!("the claim on job {} was used or taken over", lease.job.id)));
    }
    let mut script = Script::default();
    apply::apply(transaction, &mut script, None, &mut writes).await?;
    transaction.run(script).await.map(drop)
}
