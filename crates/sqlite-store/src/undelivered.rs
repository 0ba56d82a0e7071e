//! What did not reach its reader.

use session_api::{OutPart, OutboxId, OutboxMessage, Scope, StoreError, Undelivered};

use crate::{
    encode::{Reading, bytes, each, limit},
    history::bind_scope,
    open::SqliteStore,
    script::Script,
    transaction::Transaction,
};

/// `Mailbox::parts`.
pub(crate) async fn parts(store: &SqliteStore, message: OutboxId) -> Result<Vec<OutPart>, StoreError> {
    let mut script = Script::new(
        "SELECT p.id, p.idx, p.body, p.platform_id, p.attempts, p.doubted, p.state
         FROM outbox o JOIN parts p ON p.outbox_no = o.no WHERE o.id = ? ORDER BY p.idx",
    );
    script.bind(bytes(message.0));
    let rows = store.read(script).await?.take(0);
    each(&store.shared.layout.database, &rows, |row| row.part(0, message))
}

/// `Mailbox::undelivered`.
pub(crate) async fn list(
    store: &SqliteStore,
    scope: &Scope,
    most: usize,
) -> Result<Vec<Undelivered>, StoreError> {
    let mut script = Script::default();
    // A message to somebody who was never let in belongs to no session that is here.
    script.add_where(
        "SELECT p.id, p.idx, p.body, p.platform_id, p.attempts, p.doubted, p.state,
            coalesce(p.error, ''), p.failed_at, o.body
         FROM parts p JOIN outbox o ON o.no = p.outbox_no LEFT JOIN sessions s ON s.key = o.session
         WHERE p.failed_at IS NOT NULL AND p.idx = (
            SELECT min(idx) FROM parts WHERE outbox_no = p.outbox_no AND failed_at IS NOT NULL)
            AND {scope} ORDER BY p.outbox_no LIMIT ?",
        "(? = 0 OR (? = 1 AND s.principal = ? AND NOT s.shared) OR (? = 2 AND o.session = ?))",
    );
    bind_scope(&mut script, scope);
    script.bind(limit(most));
    let rows = store.read(script).await?.take(0);
    each(&store.shared.layout.database, &rows, |row| {
        let message: OutboxMessage = row.json(9)?;
        Ok(Undelivered { part: row.part(0, message.id)?, error: row.text(7)?, at: row.time(8)?, message })
    })
}

/// `Mailbox::resend`.
pub(crate) async fn resend(transaction: &mut Transaction, message: OutboxId) -> Result<bool, StoreError> {
    let mut script = Script::new(
        "SELECT no FROM outbox WHERE id = ?
            AND EXISTS (SELECT 1 FROM parts WHERE outbox_no = outbox.no AND failed_at IS NOT NULL)",
    );
    script.bind(bytes(message.0));
    let Some(row) = transaction.run(script).await?.first(0) else { return Ok(false) };
    let no = Reading { file: &transaction.shared.layout.database, row: &row }.int(0)?;
    let mut script = Script::new(
        "UPDATE parts SET state = 0, attempts = 0, doubted = 0, error = NULL, failed_at = NULL
         WHERE outbox_no = ? AND state > 2",
    );
    script.bind(no);
    script.add("UPDATE outbox SET state = 1 WHERE no = ?").bind(no);
    transaction.finish(script).await?;
    Ok(true)
}

/// `Mailbox::drop_undelivered`.
pub(crate) async fn forget(transaction: &mut Transaction, message: OutboxId) -> Result<bool, StoreError> {
    let mut script = Script::new(
        "UPDATE parts SET failed_at = NULL
         WHERE outbox_no = (SELECT no FROM outbox WHERE id = ?) AND failed_at IS NOT NULL RETURNING 1",
    );
    script.bind(bytes(message.0));
    Ok(transaction.finish(script).await?.first(0).is_some())
}
