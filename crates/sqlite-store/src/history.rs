//! Reads histories.

use session_api::{
    Checkpoint, Effort, MessageId, Outside, Page, Scope, SearchHit, SessionInfo, SessionKey, StoreError,
    StoredMessage, TurnId, Window, WindowBudget,
};

use crate::{
    apply::{SEQ_BITS, pk},
    encode::{Reading, each, int, limit, uint},
    open::SqliteStore,
    script::Script,
};

/// Whether the session `s` lies in a scope. Takes five arguments, from [`bind_scope`].
pub(crate) const IN_SCOPE: &str =
    "(? = 0 OR (? = 1 AND s.principal = ? AND NOT s.shared) OR (? = 2 AND s.key = ?))";

/// The arguments of [`IN_SCOPE`].
pub(crate) fn bind_scope(script: &mut Script, scope: &Scope) {
    let (kind, value) = match scope {
        Scope::All => (0, String::new()),
        Scope::Of(principal) => (1, principal.0.clone()),
        Scope::Session(key) => (2, key.to_string()),
    };
    script.bind(kind).bind(kind).bind(value.clone()).bind(kind).bind(value);
}

/// Messages of a window that are read at first; most windows are no longer.
const FIRST_PAGE: usize = 64;

/// A session's number, when it is in scope.
const FIND: &str = "SELECT s.id FROM sessions s WHERE s.key = ? AND {scope}";

const INFO: &str = "SELECT s.key, s.principal, s.shared, s.title, s.model, s.parent, s.epoch, s.messages,
        (SELECT count(*) FROM inbox i WHERE i.session_id = s.id AND i.state < 2 AND i.state = 0),
        s.open_turn, s.created_at, s.updated_at, s.effort, s.last_seq FROM sessions s WHERE {scope}";

/// The session and its newest checkpoint in one row, found by two index look-ups.
const WINDOW: &str =
    "SELECT s.id, s.epoch, s.model, s.last_seq, c.id, c.upto, c.summary, c.at, s.effort, c.outside, s.shared FROM sessions s
    LEFT JOIN checkpoints c ON c.session_id = s.id
        AND c.no = (SELECT max(no) FROM checkpoints WHERE session_id = s.id)
    WHERE s.key = ? AND {scope}";

/// The newest messages behind the newest checkpoint: one range of the clustered key, read backwards. They come as one
/// value, each as its key, its length and itself, because every row is a message between two threads. All that are
/// asked for where they are no longer than so many bytes together, which their headers tell; else the first page.
const NEWEST: &str = "WITH range (low, high) AS (SELECT (s.id << 32) | coalesce((SELECT upto FROM checkpoints
            WHERE session_id = s.id ORDER BY no DESC LIMIT 1), 0), (s.id + 1) << 32 FROM sessions s WHERE s.key = ?)
    SELECT count(*), group_concat(pk || ' ' || octet_length(body) || ' ' || body, '') FROM (
        SELECT pk, body FROM messages WHERE pk > (SELECT low FROM range) AND pk < (SELECT high FROM range)
        ORDER BY pk DESC LIMIT CASE WHEN (
            SELECT total(size) FROM (SELECT octet_length(body) AS size FROM messages
                WHERE pk > (SELECT low FROM range) AND pk < (SELECT high FROM range) ORDER BY pk DESC LIMIT ?
            ) AS newest) <= ? THEN ? ELSE ? END) AS newest";

/// `SessionStore::window`.
pub(crate) async fn window(
    store: &SqliteStore,
    scope: &Scope,
    key: &SessionKey,
    budget: WindowBudget,
) -> Result<Window, StoreError> {
    // One more than fits tells whether something was left out.
    let most = budget.messages.max(1).saturating_add(1);
    let mut page = most.min(FIRST_PAGE);
    loop {
        let (window, all) = read_window(store, scope, key, budget, page, most).await?;
        if all || page >= most {
            return Ok(window);
        }
        page = most.min(page.saturating_mul(4));
    }
}

/// The window as far as `page` rows tell, or `most` where they are short, and whether more rows could not change it.
async fn read_window(
    store: &SqliteStore,
    scope: &Scope,
    key: &SessionKey,
    budget: WindowBudget,
    page: usize,
    most: usize,
) -> Result<(Window, bool), StoreError> {
    let name = key.to_string();
    let mut script = Script::default();
    script.add_where(WINDOW, IN_SCOPE).bind(name.as_str());
    bind_scope(&mut script, scope);
    script.add(NEWEST).bind(name.as_str()).bind(limit(most)).bind(limit(budget.bytes.saturating_mul(2)));
    script.bind(limit(most)).bind(limit(page));
    let mut found = store.snapshot(script).await?;
    let file = &store.shared.layout.database;
    let mut window = Window {
        checkpoint: None,
        messages: Vec::new(),
        truncated: false,
        epoch: 0,
        model: None,
        effort: None,
        shared: false,
    };
    let Some(row) = found.first(0) else { return Ok((window, true)) };
    let session = Reading { file, row: &row };
    window.epoch = session.uint(1)?;
    window.model = session.maybe_text(2)?;
    window.effort = effort(&session, 8)?;
    window.shared = session.bool(10)?;
    if let Some(id) = session.maybe_id(4)? {
        let (upto, summary, at) = (session.uint(5)?, session.text(6)?, session.time(7)?);
        let outside = if session.text(9)?.is_empty() { Outside::default() } else { session.json(9)? };
        window.checkpoint = Some(Checkpoint { id: MessageId(id), upto, summary, at, outside });
    }
    let Some(row) = found.first(1) else { return Ok((window, true)) };
    let row = Reading { file, row: &row };
    let (rows, packed) = (row.uint(0)?, row.raw(1)?);
    let mut bytes = 0usize;
    for (pk, body) in unpacked(packed) {
        let fits =
            bytes.saturating_add(body.len()) <= budget.bytes && window.messages.len() < budget.messages;
        let newest = bytes == 0 && budget.messages > 0;
        if !fits && !newest {
            window.truncated = true;
            break;
        }
        bytes = bytes.saturating_add(body.len().max(1));
        let seq = uint(pk & ((1 << SEQ_BITS) - 1));
        match serde_json::from_slice(body) {
            Ok(message) => window.messages.push(StoredMessage { seq, message }),
            // A damaged message must not make its session mute; `messages` and the doctor name it.
            Err(error) => {
                tracing::warn!(session = %key, seq, %error, "a damaged message was left out of a window");
                window.truncated = true;
            }
        }
    }
    window.messages.reverse();
    let all = window.truncated || rows < page as u64 || rows >= most as u64;
    Ok((window, all))
}

/// The keys and bodies that [`NEWEST`] packed.
fn unpacked(mut packed: &[u8]) -> impl Iterator<Item = (i64, &[u8])> {
    fn number(packed: &mut &[u8]) -> Option<i64> {
        let end = packed.iter().position(|byte| *byte == b' ')?;
        let (digits, rest) = packed.split_at_checked(end)?;
        *packed = rest.get(1..)?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }
    std::iter::from_fn(move || {
        let pk = number(&mut packed)?;
        let length = usize::try_from(number(&mut packed)?).ok()?;
        let (body, rest) = packed.split_at_checked(length)?;
        packed = rest;
        Some((pk, body))
    })
}

fn message(row: &Reading<'_>) -> Result<StoredMessage, StoreError> {
    let seq = uint(row.int(0)? & ((1 << SEQ_BITS) - 1));
    match row.json(1) {
        Ok(message) => Ok(StoredMessage { seq, message }),
        Err(_) => Err(row.damaged(&format!(
            "message {} of session number {} cannot be read",
            seq,
            row.int(0)? >> SEQ_BITS
        ))),
    }
}

async fn find(store: &SqliteStore, scope: &Scope, key: &SessionKey) -> Result<Option<i64>, StoreError> {
    let mut script = Script::default();
    script.add_where(FIND, IN_SCOPE).bind(key.to_string());
    bind_scope(&mut script, scope);
    let row = store.read(script).await?.first(0);
    row.map(|row| Reading { file: &store.shared.layout.database, row: &row }.int(0)).transpose()
}

/// `SessionStore::messages`.
pub(crate) async fn messages(
    store: &SqliteStore,
    scope: &Scope,
    key: &SessionKey,
    page: Page,
) -> Result<Vec<StoredMessage>, StoreError> {
    let Some(session) = find(store, scope, key).await? else { return Ok(Vec::new()) };
    let mut script = Script::new("SELECT pk, body FROM messages WHERE pk > ? AND pk < ? ORDER BY pk LIMIT ?");
    let after = int(page.after).min((1 << SEQ_BITS) - 1);
    script.bind(pk(session, after)).bind(pk(session + 1, 0)).bind(limit(page.limit));
    let rows = store.read(script).await?.take(0);
    each(&store.shared.layout.database, &rows, message)
}

fn info(row: &Reading<'_>) -> Result<SessionInfo, StoreError> {
    Ok(SessionInfo {
        key: row.parsed(0)?,
        principal: session_api::PrincipalId(row.text(1)?),
        shared: row.bool(2)?,
        title: row.maybe_text(3)?,
        model: row.maybe_text(4)?,
        parent: row.maybe_text(5)?.is_some().then(|| row.parsed(5)).transpose()?,
        epoch: row.uint(6)?,
        messages: row.uint(7)?,
        last_seq: row.uint(13)?,
        pending: row.uint(8)?,
        open_turn: row.maybe_id(9)?.map(TurnId),
        created_at: row.time(10)?,
        updated_at: row.time(11)?,
        effort: effort(row, 12)?,
    })
}

/// How hard the session's model is to think.
fn effort(row: &Reading<'_>, column: usize) -> Result<Option<Effort>, StoreError> {
    row.maybe_text(column)?.is_some().then(|| row.parsed(column)).transpose()
}

/// `SessionStore::session`.
pub(crate) async fn session(
    store: &SqliteStore,
    scope: &Scope,
    key: &SessionKey,
) -> Result<Option<SessionInfo>, StoreError> {
    let Some(id) = find(store, scope, key).await? else { return Ok(None) };
    let mut script = Script::default();
    script.add_where(INFO, "s.id = ?").bind(id);
    let row = store.read(script).await?.first(0);
    row.map(|row| info(&Reading { file: &store.shared.layout.database, row: &row })).transpose()
}

/// `SessionStore::sessions`.
pub(crate) async fn sessions(
    store: &SqliteStore,
    scope: &Scope,
    most: usize,
) -> Result<Vec<SessionInfo>, StoreError> {
    let mut script = Script::default();
    script.add_where(
        INFO,
        concat!(
            "(? = 0 OR (? = 1 AND s.principal = ? AND NOT s.shared) OR (? = 2 AND s.key = ?))",
            " ORDER BY s.changed DESC LIMIT ?"
        ),
    );
    bind_scope(&mut script, scope);
    script.bind(limit(most));
    let rows = store.read(script).await?.take(0);
    each(&store.shared.layout.database, &rows, info)
}

/// `SessionStore::children`. Where something happens is known without a look at those where nothing does.
pub(crate) async fn children(
    store: &SqliteStore,
    parent: Option<&SessionKey>,
    active: bool,
    most: usize,
) -> Result<Vec<SessionInfo>, StoreError> {
    const OF: &str = "s.parent = ? AND s.parent IS NOT NULL ORDER BY s.changed DESC LIMIT ?";
    const ACTIVE_OF: &str =
        "s.parent = ? AND s.parent IS NOT NULL AND (s.open_turn IS NOT NULL OR s.queue_no IS NOT NULL)
        ORDER BY s.changed DESC LIMIT ?";
    const ANY: &str = "s.parent IS NOT NULL ORDER BY s.changed DESC LIMIT ?";
    // Open turns have a time to wake at.
    const ACTIVE: &str =
        "s.parent IS NOT NULL AND s.id IN (SELECT id FROM sessions WHERE queue_no IS NOT NULL
        UNION SELECT session_id FROM turns WHERE wake_at IS NOT NULL) ORDER BY s.changed DESC LIMIT ?";
    let mut script = Script::default();
    script.add_where(
        INFO,
        match (parent, active) {
            (Some(_), false) => OF,
            (Some(_), true) => ACTIVE_OF,
            (None, false) => ANY,
            (None, true) => ACTIVE,
        },
    );
    if let Some(parent) = parent {
        script.bind(parent.to_string());
    }
    script.bind(limit(most));
    let rows = store.read(script).await?.take(0);
    each(&store.shared.layout.database, &rows, info)
}

/// `SessionStore::search`. Reads every message in scope once: an index of words belongs to the memory store.
pub(crate) async fn search(
    store: &SqliteStore,
    scope: &Scope,
    text: &str,
    most: usize,
) -> Result<Vec<SearchHit>, StoreError> {
    const PAGE: i64 = 256;
    let needle = text.to_ascii_lowercase();
    let mut hits: Vec<(i64, SearchHit)> = Vec::new();
    let mut behind = 0;
    let file = &store.shared.layout.database;
    loop {
        // By pages, so that the writer's checkpoints are not held up by one long read.
        let mut script = Script::default();
        script.add_where(
            "SELECT m.pk, m.body, m.no, s.key, {scope} FROM messages m
             JOIN sessions s ON s.id = m.pk >> 32 WHERE m.pk > ? ORDER BY m.pk LIMIT ?",
            IN_SCOPE,
        );
        bind_scope(&mut script, scope);
        script.bind(behind).bind(PAGE);
        let rows = store.read(script).await?.take(0);
        for row in &rows {
            let row = Reading { file, row };
            behind = row.int(0)?;
            if !row.bool(4)? {
                continue;
            }
            // A damaged message holds no text.
            let Ok(message) = message(&row) else { continue };
            if message.message.text().to_ascii_lowercase().contains(&needle) {
                hits.push((row.int(2)?, SearchHit { session: row.parsed(3)?, message }));
            }
        }
        if limit(rows.len()) < PAGE {
            break;
        }
    }
    hits.sort_by_key(|(no, _)| std::cmp::Reverse(*no));
    Ok(hits.into_iter().take(most).map(|(_, hit)| hit).collect())
}

#[cfg(test)]
mod tests {
    use super::unpacked;

    #[test]
    fn a_packed_history_is_read_whatever_its_bodies_hold() {
        let packed = "7 3 a b6 0 5 4 \u{fc}\n ";
        let found: Vec<(i64, &[u8])> = unpacked(packed.as_bytes()).collect();
        assert_eq!(found, [(7, "a b".as_bytes()), (6, b""), (5, "\u{fc}\n ".as_bytes())]);
        for cut in ["", "7", "7 ", "7 3", "7 9 ab", "x 1 a", "7 -1 a"] {
            assert_eq!(unpacked(cut.as_bytes()).count(), 0, "{cut:?}");
        }
    }
}
