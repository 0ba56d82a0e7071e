//! Rows that nobody works on, and how much waits in all.

use std::collections::HashMap;

use session_api::{
    Backlog, InboundId, InboundRow, OutboxMessage, Outcome, StoreError, Timestamp, WorkerId, Writes,
};

use crate::{
    apply,
    encode::{Reading, bytes, limit, outcome},
    liveness,
    open::SqliteStore,
    queue::requeue,
    script::Script,
    transaction::Transaction,
};

/// Rows read at a time: those that a living worker keeps are found only when they are read.
const PAGE: usize = 256;

const OVERDUE: &str = "SELECT i.no, i.body, i.accepted_at, i.runner FROM inbox i
    JOIN sessions s ON s.id = i.session_id LEFT JOIN turns t ON t.id = s.open_turn
    WHERE i.state = 0 AND i.accepted_at < ? AND (i.accepted_at, i.no) > (?, ?)
        AND (t.id IS NULL OR t.state = 0 AND t.wake_at <= ?)
    ORDER BY i.accepted_at, i.no LIMIT ?";

/// `Mailbox::overdue`.
pub(crate) async fn list(
    store: &SqliteStore,
    before: Timestamp,
    most: usize,
) -> Result<Vec<InboundRow>, StoreError> {
    let (file, run) = (&store.shared.layout.database, &store.shared.layout.run);
    let mut living: HashMap<WorkerId, bool> = HashMap::from([(store.shared.worker, true)]);
    let mut found = Vec::new();
    let mut behind = (i64::MIN, 0);
    while found.len() < most {
        let mut script = Script::new(OVERDUE);
        script.bind(before.0).bind(behind.0).bind(behind.1);
        script.bind(store.shared.clock.now().0).bind(limit(PAGE));
        let rows = store.read(script).await?.take(0);
        for row in &rows {
            let row = Reading { file, row };
            behind = (row.int(2)?, row.int(0)?);
            let lives = |owner| *living.entry(owner).or_insert_with(|| liveness::lives(run, owner));
            let kept = row.maybe_id(3)?.map(WorkerId).is_some_and(lives);
            if !kept && found.len() < most {
                found.push(row.inbound(0)?);
            }
        }
        if rows.len() < PAGE {
            break;
        }
    }
    Ok(found)
}

const DUE: &str = "SELECT min(at) FROM (SELECT min(ready_at) AS at FROM sessions WHERE queue_no IS NOT NULL
    UNION ALL SELECT min(wake_at) FROM turns WHERE wake_at IS NOT NULL)";

/// `Mailbox::next_due`.
pub(crate) async fn next_due(store: &SqliteStore) -> Result<Option<Timestamp>, StoreError> {
    let found = store.read(Script::new(DUE)).await?.take(0);
    let Some(row) = found.first() else { return Ok(None) };
    let row = Reading { file: &store.shared.layout.database, row };
    Ok(row.maybe_int(0)?.map(Timestamp))
}

/// `Mailbox::give_up`.
pub(crate) async fn give_up(
    transaction: &mut Transaction,
    id: InboundId,
    ended: Outcome,
    mut writes: Writes,
) -> Result<bool, StoreError> {
    apply::stands_alone(&writes)?;
    // A session has a place in the queue while rows wait in it and no turn is open.
    let mut script = Script::new(
        "UPDATE inbox SET state = 2, outcome = ?, turn_id = NULL WHERE id = ? AND state = 0
         RETURNING session_id, (SELECT queue_no FROM sessions WHERE id = session_id)",
    );
    script.bind(outcome(ended)).bind(bytes(id.0));
    let Some(row) = transaction.run(script).await?.first(0) else { return Ok(false) };
    let row = Reading { file: &transaction.shared.layout.database, row: &row };
    let (session, place) = (row.int(0)?, row.maybe_int(1)?);
    let (no, now) = (transaction.no()?, transaction.now());
    let mut script = Script::default();
    match place {
        Some(place) => {
            requeue(&mut script, session, no, now);
            // Those behind the row have waited as long as before.
            script.add("UPDATE sessions SET queue_no = ? WHERE id = ? AND queue_no IS NOT NULL");
            script.bind(place).bind(session);
        }
        None => {
            script.add("UPDATE sessions SET changed = ?, updated_at = ? WHERE id = ?");
            script.bind(no).bind(now.0).bind(session);
        }
    }
    apply::apply(transaction, &mut script, None, &mut writes).await?;
    transaction.finish(script).await?;
    Ok(true)
}

/// `Mailbox::backlog`.
pub(crate) async fn backlog(store: &SqliteStore) -> Result<Backlog, StoreError> {
    let mut script = Script::new("SELECT count(*), min(accepted_at) FROM inbox WHERE state = 0");
    script.add(
        "SELECT count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 1) FROM turns
         WHERE wake_at IS NOT NULL",
    );
    script.add("SELECT count(*) FROM inbox WHERE state = 3");
    script.add(
        "SELECT unsent, body FROM (SELECT count(*) AS unsent, min(no) AS first FROM outbox WHERE state < 2)
         LEFT JOIN outbox ON no = first",
    );
    let mut found = store.snapshot(script).await?;
    let mut backlog = Backlog::default();
    let file = &store.shared.layout.database;
    if let Some(row) = found.first(0) {
        let row = Reading { file, row: &row };
        backlog.pending = row.uint(0)?;
        backlog.oldest_pending = row.maybe_int(1)?.map(Timestamp);
    }
    if let Some(row) = found.first(1) {
        let row = Reading { file, row: &row };
        (backlog.running, backlog.suspended) = (row.uint(0)?, row.uint(1)?);
    }
    if let Some(row) = found.first(2) {
        backlog.dead = Reading { file, row: &row }.uint(0)?;
    }
    if let Some(row) = found.first(3) {
        let row = Reading { file, row: &row };
        backlog.unsent = row.uint(0)?;
        if row.maybe_text(1)?.is_some() {
            backlog.oldest_unsent = Some(row.json::<OutboxMessage>(1)?.at);
        }
    }
    Ok(backlog)
}
