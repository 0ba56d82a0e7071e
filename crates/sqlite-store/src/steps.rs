//! What a lease holder does while its turn runs.

use session_api::{
    Control, Draft, InboundId, InboundRow, Step, StepKind, StoreError, TurnLease, WorkerId, Writes,
};
use sqlx::sqlite::SqliteRow;

use crate::{
    apply::{self, Under},
    encode::{Reading, bytes, int, json},
    error::invalid,
    fence::{self, Held},
    queue::LOOK,
    script::Script,
    transaction::Transaction,
};

/// Waiting rows of a session in order, with what decides whether they may join.
const WAITING: &str =
    "SELECT no, body, accepted_at, kind IN (0, 4) AND plain AND hold_until <= ?, runner FROM inbox
    WHERE session_id = ? AND state < 2 AND state = 0 ORDER BY no LIMIT ?";

/// `Mailbox::absorb`.
pub(crate) async fn absorb(
    transaction: &mut Transaction,
    lease: TurnLease,
) -> Result<Vec<InboundRow>, StoreError> {
    let held = fence::hold(transaction, &lease).await?;
    let mut script = Script::new(WAITING);
    script.bind(transaction.now().0).bind(held.session).bind(LOOK);
    let rows = transaction.run(script).await?.take(0);
    let file = transaction.shared.layout.database.clone();
    let mut joining = Vec::new();
    for row in &rows {
        let row = Reading { file: &file, row };
        let runner = row.maybe_id(4)?.map(WorkerId);
        let mine = runner.is_none_or(|owner| owner == lease.worker || !transaction.lives(owner));
        if !row.bool(3)? || !mine {
            break;
        }
        joining.push(row.inbound(0)?);
    }
    if joining.is_empty() {
        return Ok(joining);
    }
    let mut script = Script::default();
    script.add_list("UPDATE inbox SET state = 1, turn_id = ? WHERE no IN (…)", joining.len());
    script.bind(bytes(lease.turn.0));
    for row in &joining {
        script.bind(int(row.seq));
    }
    let inbound: Vec<InboundId> = joining.iter().map(|row| row.inbound.id).collect();
    let step = Step { kind: StepKind::Absorbed { inbound }, durable: false };
    append(transaction, &mut script, &lease, &held, &step)?;
    transaction.finish(script).await?;
    Ok(joining)
}

/// Appends a step to the journal. Progress, unless it only says that the turn was taken up again.
fn append(
    transaction: &Transaction,
    script: &mut Script,
    lease: &TurnLease,
    held: &Held,
    step: &Step,
) -> Result<(), StoreError> {
    let attempt = if matches!(step.kind, StepKind::Resumed { .. }) { held.attempt } else { 0 };
    script.add("INSERT INTO journal (turn_id, no, at, body) VALUES (?, ?, ?, ?)");
    script.bind(bytes(lease.turn.0)).bind(held.steps).bind(transaction.now().0).bind(json(step)?);
    script.add("UPDATE turns SET steps = steps + 1, attempt = ? WHERE id = ?");
    script.bind(attempt).bind(bytes(lease.turn.0));
    Ok(())
}

/// The statements that tell a holder about its lease: whether it holds, who stopped it, and what waits first.
const CONTROL: &str = "SELECT t.stopped_by FROM turns t JOIN sessions s ON s.id = t.session_id
    WHERE t.id = ? AND t.token = ? AND t.state = 0 AND t.wake_at > ? AND t.epoch = s.epoch";
const FIRST: &str = "SELECT kind IN (0, 4) AND plain AND hold_until <= ?, runner FROM inbox
    WHERE session_id = (SELECT session_id FROM turns WHERE id = ?) AND state < 2 AND state = 0 ORDER BY no LIMIT 1";

/// What [`control_of`] reads.
pub(crate) fn ask_control(lease: &TurnLease, now: i64) -> Script {
    let mut script = Script::new(CONTROL);
    script.bind(bytes(lease.turn.0)).bind(int(lease.token)).bind(now);
    script.add(FIRST).bind(now).bind(bytes(lease.turn.0));
    script
}

/// Reads the answers to [`ask_control`].
pub(crate) fn control_of(
    file: &std::path::Path,
    lease: &TurnLease,
    held: Option<SqliteRow>,
    first: Option<SqliteRow>,
    lives: impl Fn(WorkerId) -> bool,
) -> Result<Control, StoreError> {
    let Some(row) = held else {
        return Err(crate::error::stale(format!("turn {} is not held any more", lease.turn)));
    };
    let stopped_by = Reading { file, row: &row }.maybe_id(0)?.map(InboundId);
    let steering = match first {
        Some(row) => {
            let row = Reading { file, row: &row };
            let runner = row.maybe_id(1)?.map(WorkerId);
            row.bool(0)? && runner.is_none_or(|owner| owner == lease.worker || !lives(owner))
        }
        None => false,
    };
    Ok(Control { stopped_by, steering })
}

/// `Mailbox::renew`.
pub(crate) async fn renew(transaction: &mut Transaction, lease: TurnLease) -> Result<Control, StoreError> {
    let now = transaction.now();
    transaction.shared.wake.hasten();
    let mut found = transaction.run(ask_control(&lease, now.0)).await?;
    let (held, first) = (found.first(0), found.first(1));
    let file = transaction.shared.layout.database.clone();
    let control = control_of(&file, &lease, held, first, |worker| transaction.lives(worker))?;
    let mut script = Script::new("UPDATE turns SET wake_at = ? WHERE id = ?");
    script.bind(now.plus(transaction.shared.policy.ttl).0).bind(bytes(lease.turn.0));
    transaction.finish(script).await?;
    Ok(control)
}

/// `Mailbox::journal`.
pub(crate) async fn journal(
    transaction: &mut Transaction,
    lease: TurnLease,
    step: Step,
    mut writes: Writes,
) -> Result<(), StoreError> {
    apply::no_messages(&writes)?;
    let held = fence::hold(transaction, &lease).await?;
    let mut script = Script::default();
    append(transaction, &mut script, &lease, &held, &step)?;
    state(transaction, &mut script, &lease, &held, &mut writes).await?;
    transaction.finish(script).await.map(drop)
}

/// `Mailbox::suspend`.
pub(crate) async fn suspend(
    transaction: &mut Transaction,
    lease: TurnLease,
    mut writes: Writes,
) -> Result<(), StoreError> {
    apply::no_messages(&writes)?;
    if writes.approvals.is_empty() {
        return Err(invalid("a turn is suspended for at least one question"));
    }
    let held = fence::hold(transaction, &lease).await?;
    let mut script = Script::default();
    let step = Step { kind: StepKind::Suspended, durable: true };
    append(transaction, &mut script, &lease, &held, &step)?;
    state(transaction, &mut script, &lease, &held, &mut writes).await?;
    // One that was stopped before it could ask is leasable at once.
    script.add(
        "UPDATE turns SET state = 1, wake_at = CASE WHEN stopped_by IS NULL THEN coalesce(
            (SELECT max(expires_at) FROM approvals WHERE turn_id = turns.id AND state = 0), 0) ELSE 0 END
         WHERE id = ?",
    );
    script.bind(bytes(lease.turn.0));
    transaction.finish(script).await.map(drop)
}

/// All of `writes` but messages.
async fn state(
    transaction: &mut Transaction,
    script: &mut Script,
    lease: &TurnLease,
    held: &Held,
    writes: &mut Writes,
) -> Result<(), StoreError> {
    let under = Under { turn: lease.turn, held };
    apply::apply(transaction, script, Some(&under), writes).await?;
    if let Some(change) = writes.session.take() {
        apply::session(transaction, script, held, held.last_seq, change)?;
    }
    apply::record(script, lease.turn, writes.record.take());
    Ok(())
}

/// `Mailbox::draft`.
pub(crate) async fn draft(
    transaction: &mut Transaction,
    lease: TurnLease,
    draft: Draft,
) -> Result<(), StoreError> {
    fence::hold(transaction, &lease).await?;
    let mut script = Script::new(
        "INSERT INTO drafts (id, no, turn_id, platform_id, route) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET platform_id = excluded.platform_id, route = excluded.route",
    );
    script.bind(bytes(draft.id.0)).bind(transaction.no()?).bind(bytes(lease.turn.0));
    script.bind(draft.platform_id).bind(json(&draft.route)?);
    transaction.finish(script).await.map(drop)
}
