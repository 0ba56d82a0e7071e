//! Lists questions.

use session_api::{Approval, Scope, StoreError};

use crate::{
    encode::each,
    history::{IN_SCOPE, bind_scope},
    open::SqliteStore,
    script::Script,
};

/// `Mailbox::approvals`.
pub(crate) async fn list(
    store: &SqliteStore,
    scope: &Scope,
    open_only: bool,
) -> Result<Vec<Approval>, StoreError> {
    const OPEN: &str = "SELECT a.state, a.body FROM approvals a JOIN sessions s ON s.id = a.session_id
        WHERE a.state = 0 AND a.expires_at > ? AND {scope} ORDER BY a.no";
    const ALL: &str = "SELECT a.state, a.body FROM approvals a JOIN sessions s ON s.id = a.session_id
        WHERE ? IS NOT NULL AND {scope} ORDER BY a.no";
    let now = store.now();
    let mut script = Script::default();
    script.add_where(if open_only { OPEN } else { ALL }, IN_SCOPE).bind(now.0);
    bind_scope(&mut script, scope);
    let rows = store.read(script).await?.take(0);
    each(&store.shared.layout.database, &rows, |row| row.approval(0, now))
}
