//! Rows and turns for readers, and dead letters.

use session_api::{
    DeadLetter, InboundId, InboundRow, InboundState, InboundView, Outcome, Scope, SessionKey, Settled,
    StoreError, TurnId, TurnRecord, TurnState, TurnView,
};
use uuid::Uuid;

use crate::{
    encode::{Reading, bytes, each, limit, outcome, outcome_of},
    history::{IN_SCOPE, bind_scope},
    open::SqliteStore,
    outbox,
    queue::requeue,
    script::Script,
    transaction::Transaction,
};

/// `Mailbox::inbound`.
pub(crate) async fn inbound(store: &SqliteStore, id: InboundId) -> Result<Option<InboundView>, StoreError> {
    let mut script = Script::new(
        "SELECT i.no, i.body, i.accepted_at, i.state, i.turn_id, i.outcome, coalesce(i.error, ''), t.state
         FROM inbox i LEFT JOIN turns t ON t.id = i.turn_id WHERE i.id = ?",
    );
    script.bind(bytes(id.0));
    script.add(
        "SELECT count(*) FROM inbox o JOIN inbox i ON i.id = ?
         WHERE o.session_id = i.session_id AND o.state < 2 AND o.no < i.no",
    );
    script.bind(bytes(id.0));
    script.add(
        "SELECT body FROM outbox WHERE turn_id = (SELECT turn_id FROM inbox WHERE id = ?) AND turn_id IS NOT NULL
         ORDER BY no",
    );
    script.bind(bytes(id.0));
    let mut found = store.snapshot(script).await?;
    let file = &store.shared.layout.database;
    let Some(row) = found.first(0) else { return Ok(None) };
    let reading = Reading { file, row: &row };
    let view = reading.inbound(0)?;
    let turn = reading.maybe_id(4)?.map(TurnId);
    let state = match (reading.int(3)?, turn) {
        (0, _) | (1, None) => {
            let ahead = found.first(1);
            let ahead = ahead.map_or(Ok(0), |row| Reading { file, row: &row }.uint(0))?;
            InboundState::Pending { ahead }
        }
        (1, Some(turn)) if reading.maybe_int(7)? == Some(1) => InboundState::Suspended(turn),
        (1, Some(turn)) => InboundState::Running(turn),
        (2, turn) => InboundState::Settled(Settled {
            turn,
            outcome: outcome_of(reading.int(5)?),
            replies: outbox::said_to(store, &found.take(2), &view.inbound.reply)?,
        }),
        _ => InboundState::Dead { error: reading.text(6)? },
    };
    Ok(Some(InboundView { row: view, state }))
}

/// `Mailbox::pending`.
pub(crate) async fn pending(
    store: &SqliteStore,
    session: &SessionKey,
    most: usize,
) -> Result<Vec<InboundRow>, StoreError> {
    let mut script = Script::new(
        "SELECT no, body, accepted_at FROM inbox WHERE session_id = (SELECT id FROM sessions WHERE key = ?)
         AND state < 2 AND state = 0 ORDER BY no LIMIT ?",
    );
    script.bind(session.to_string()).bind(limit(most));
    let rows = store.read(script).await?.take(0);
    each(&store.shared.layout.database, &rows, |row| row.inbound(0))
}

/// `Mailbox::turn`.
pub(crate) async fn turn(store: &SqliteStore, id: TurnId) -> Result<Option<TurnView>, StoreError> {
    let mut script = Script::new(
        "SELECT s.key, t.state, t.founders, t.record_version, t.record_body, t.started_at
         FROM turns t JOIN sessions s ON s.id = t.session_id WHERE t.id = ?",
    );
    script.bind(bytes(id.0));
    script.add("SELECT no, at, body FROM journal WHERE turn_id = ? ORDER BY no").bind(bytes(id.0));
    let mut found = store.snapshot(script).await?;
    let file = &store.shared.layout.database;
    let Some(row) = found.first(0) else { return Ok(None) };
    let row = Reading { file, row: &row };
    let version = row.maybe_int(3)?.and_then(|version| u32::try_from(version).ok());
    let founders = row.blob(2)?;
    Ok(Some(TurnView {
        id,
        session: row.parsed(0)?,
        state: match row.int(1)? {
            0 => TurnState::Running,
            1 => TurnState::Suspended,
            2 => TurnState::Done,
            _ => TurnState::Failed,
        },
        founders: founders
            .chunks_exact(16)
            .filter_map(|id| Uuid::from_slice(id).ok().map(InboundId))
            .collect(),
        journal: each(file, &found.take(1), |row| row.journal(0))?,
        record: version.zip(row.maybe_text(4)?).map(|(version, body)| TurnRecord { version, body }),
        started_at: row.time(5)?,
    }))
}

/// `Mailbox::dead_letters`.
pub(crate) async fn dead_letters(
    store: &SqliteStore,
    scope: &Scope,
    most: usize,
) -> Result<Vec<DeadLetter>, StoreError> {
    let mut script = Script::default();
    script.add_where(
        "SELECT i.no, i.body, i.accepted_at, coalesce(i.error, ''), coalesce(i.died_at, 0)
         FROM inbox i JOIN sessions s ON s.id = i.session_id WHERE i.state = 3 AND {scope} ORDER BY i.no LIMIT ?",
        IN_SCOPE,
    );
    bind_scope(&mut script, scope);
    script.bind(limit(most));
    let rows = store.read(script).await?.take(0);
    each(&store.shared.layout.database, &rows, |row| {
        Ok(DeadLetter { row: row.inbound(0)?, error: row.text(3)?, at: row.time(4)? })
    })
}

/// `Mailbox::redrive`.
pub(crate) async fn redrive(transaction: &mut Transaction, id: InboundId) -> Result<bool, StoreError> {
    let mut script = Script::new(
        "UPDATE inbox SET state = 0, attempts = 0, hold_until = 0, turn_id = NULL, founder = 0, error = NULL,
            died_at = NULL WHERE id = ? AND state = 3
         RETURNING session_id, (SELECT open_turn IS NULL FROM sessions WHERE id = session_id)",
    );
    script.bind(bytes(id.0));
    let Some(row) = transaction.run(script).await?.first(0) else { return Ok(false) };
    let row = Reading { file: &transaction.shared.layout.database, row: &row };
    let (session, free) = (row.int(0)?, row.bool(1)?);
    if free {
        let mut script = Script::default();
        requeue(&mut script, session, transaction.no()?, transaction.now());
        transaction.run(script).await?;
    }
    Ok(true)
}

/// `Mailbox::drop_dead_letter`.
pub(crate) async fn drop_dead_letter(
    transaction: &mut Transaction,
    id: InboundId,
) -> Result<bool, StoreError> {
    let mut script =
        Script::new("UPDATE inbox SET state = 2, outcome = ? WHERE id = ? AND state = 3 RETURNING 1");
    script.bind(outcome(Outcome::Refused)).bind(bytes(id.0));
    Ok(transaction.finish(script).await?.first(0).is_some())
}
