//! Reads what went out.

use session_api::{OutboxMessage, Route, SessionKey, StoreError};
use sqlx::sqlite::SqliteRow;

use crate::{
    encode::{each, limit},
    open::SqliteStore,
    script::Script,
};

/// `Mailbox::outbox`.
pub(crate) async fn of_session(
    store: &SqliteStore,
    session: &SessionKey,
    most: usize,
) -> Result<Vec<OutboxMessage>, StoreError> {
    let mut script = Script::new("SELECT body FROM outbox WHERE session = ? ORDER BY no DESC LIMIT ?");
    script.bind(session.to_string()).bind(limit(most));
    let rows = store.read(script).await?.take(0);
    each(&store.shared.layout.database, &rows, |row| row.json(0))
}

/// What it said to `route`'s chat, in order.
pub(crate) fn said_to(
    store: &SqliteStore,
    rows: &[SqliteRow],
    route: &Route,
) -> Result<Vec<OutboxMessage>, StoreError> {
    let place = |route: &Route| {
        (route.channel.clone(), route.account.clone(), route.chat.clone(), route.thread.clone())
    };
    let mut said: Vec<OutboxMessage> = each(&store.shared.layout.database, rows, |row| row.json(0))?;
    said.retain(|message| place(&message.route) == place(route));
    Ok(said)
}
