//! Taking histories away, adding to them from outside, and summaries.

use session_api::{
    Checkpoint, InboundId, Message, MessageId, PrincipalId, Scope, SessionKey, StoreError, WorkerId, Writes,
};

use crate::{
    accept::new_session,
    answers::STOP,
    apply::{self, pk},
    audit,
    encode::{Reading, bytes, int, json},
    history::{IN_SCOPE, bind_scope},
    memory,
    script::Script,
    transaction::Transaction,
};

/// Every table, and what becomes of its rows when a session is deleted. A test holds it against the schema.
#[cfg(test)]
pub(crate) const FATES: &[(&str, Fate)] = &[
    ("approvals", Fate::Goes),
    ("audit", Fate::Stays("the log outlives what it tells of; its payloads go")),
    ("audit_heads", Fate::Stays("hashes only")),
    ("checkpoints", Fate::Goes),
    ("cursors", Fate::Stays("belongs to a platform account")),
    ("drafts", Fate::Goes),
    ("inbox", Fate::Goes),
    ("job_runs", Fate::Stays("belongs to a job")),
    ("jobs", Fate::Stays("belongs to a person")),
    ("joined", Fate::Stays("belongs to a person")),
    ("journal", Fate::Goes),
    ("kv", Fate::Stays("belongs to a person; what belongs to the session goes")),
    ("memory_files", Fate::Stays("belongs to a file")),
    ("memory_forgotten", Fate::Goes),
    ("memory_notes", Fate::Stays("belongs to a file")),
    ("memory_state", Fate::Stays("belongs to the index")),
    ("memory_vector_state", Fate::Stays("belongs to the index")),
    ("memory_vectors", Fate::Goes),
    ("memory_vectors_gone", Fate::Stays("numbers only, until what went is out of the file too")),
    ("memory_words", Fate::Goes),
    ("memory_words_config", Fate::Stays("part of memory_words")),
    ("memory_words_data", Fate::Goes),
    ("memory_words_docsize", Fate::Goes),
    ("memory_words_idx", Fate::Goes),
    ("messages", Fate::Goes),
    ("outbox", Fate::Goes),
    ("parts", Fate::Goes),
    ("reservations", Fate::Goes),
    ("seen", Fate::Stays("hashes only: nothing is accepted twice")),
    ("sessions", Fate::Goes),
    ("sources", Fate::Stays("belongs to a platform account")),
    ("spent", Fate::Stays("sums only; the triggers subtract what goes")),
    ("store_clock", Fate::Stays("belongs to the store")),
    ("turns", Fate::Goes),
    ("usage", Fate::Goes),
];

/// What becomes of a table's rows.
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// They go.
    Goes,
    /// They stay, for this reason.
    Stays(&'static str),
}

/// How an attempt to take something away ended. `Busy` is an answer and not an error here: the stop that it leaves
/// behind must be committed.
pub(crate) enum Taken {
    /// Nothing is there, for this asker.
    Nothing,
    /// There were so many messages.
    Messages(u64),
    /// A living worker holds the turn.
    Busy(String),
}

/// A session in scope whose turn nobody holds any more.
struct Free {
    id: i64,
    messages: u64,
}

/// Marks the open turn as stopped; says whether anybody still works on it.
async fn stop(
    transaction: &mut Transaction,
    scope: &Scope,
    key: &SessionKey,
) -> Result<Result<Free, Taken>, StoreError> {
    let mut script = Script::default();
    script.add_where(
        "SELECT s.id, s.messages, t.id, CASE WHEN t.state = 0 AND t.wake_at > ? THEN t.worker END
         FROM sessions s LEFT JOIN turns t ON t.id = s.open_turn WHERE s.key = ? AND {scope}",
        IN_SCOPE,
    );
    script.bind(transaction.now().0).bind(key.to_string());
    bind_scope(&mut script, scope);
    let Some(row) = transaction.run(script).await?.first(0) else { return Ok(Err(Taken::Nothing)) };
    let row = Reading { file: &transaction.shared.layout.database, row: &row };
    let free = Free { id: row.int(0)?, messages: row.uint(1)? };
    let holder = row.maybe_id(3)?.map(WorkerId);
    if let Some(turn) = row.maybe_id(2)? {
        let by = InboundId::new(transaction.ids());
        let mut script = Script::new(STOP);
        script.bind(bytes(by.0)).bind(bytes(turn));
        transaction.run(script).await?;
    }
    if let Some(holder) = holder.filter(|holder| transaction.lives(*holder)) {
        return Ok(Err(Taken::Busy(format!("worker {holder} runs a turn of {key}; it was asked to stop"))));
    }
    Ok(Ok(free))
}

fn forget_history(script: &mut Script, session: i64, key: &SessionKey) {
    script.add("DELETE FROM kv WHERE owner IN (?, ?)");
    script.bind(PrincipalId::of_session(key).0).bind(PrincipalId::of_session_state(key).0);
    memory::forget_messages(script, pk(session, 0), pk(session + 1, 0));
    script.add("DELETE FROM messages WHERE pk > ? AND pk < ?").bind(pk(session, 0)).bind(pk(session + 1, 0));
    script.add("DELETE FROM checkpoints WHERE session_id = ?").bind(session);
}

/// Takes messages up to a place away, under the lease of the session's own turn, whose epoch is raised with the session's.
/// A summary would tell what was taken away: only fresh starts are kept.
pub(crate) fn trim(script: &mut Script, session: i64, upto: i64, epoch: i64) {
    memory::forget_messages(script, pk(session, 0), pk(session, upto + 1));
    script.add(
        "UPDATE sessions SET epoch = ?, messages = messages -
            (SELECT count(*) FROM messages WHERE pk > ? AND pk < ?) WHERE id = ?",
    );
    script.bind(epoch).bind(pk(session, 0)).bind(pk(session, upto + 1)).bind(session);
    script.add("DELETE FROM messages WHERE pk > ? AND pk < ?");
    script.bind(pk(session, 0)).bind(pk(session, upto + 1));
    script.add("DELETE FROM checkpoints WHERE session_id = ? AND summary <> ''").bind(session);
    script.add("UPDATE turns SET epoch = ? WHERE id = (SELECT open_turn FROM sessions WHERE id = ?)");
    script.bind(epoch).bind(session);
}

/// `SessionStore::clear_session`. An open turn stays, marked as stopped: whoever leases it next tells its sender.
pub(crate) async fn clear(
    transaction: &mut Transaction,
    scope: Scope,
    key: SessionKey,
) -> Result<Taken, StoreError> {
    let Free { id, messages } = match stop(transaction, &scope, &key).await? {
        Ok(free) => free,
        Err(taken) => return Ok(taken),
    };
    let mut script = Script::default();
    forget_history(&mut script, id, &key);
    let no = transaction.no()?;
    script.add(
        "UPDATE sessions SET epoch = ?, last_seq = 0, messages = 0, changed = ?, updated_at = ? WHERE id = ?",
    );
    script.bind(no).bind(no).bind(transaction.now().0).bind(id);
    transaction.run(script).await?;
    Ok(Taken::Messages(messages))
}

/// `SessionStore::delete_session`.
pub(crate) async fn delete(
    transaction: &mut Transaction,
    scope: Scope,
    key: SessionKey,
) -> Result<Taken, StoreError> {
    let Free { id, messages } = match stop(transaction, &scope, &key).await? {
        Ok(free) => free,
        Err(taken) => return Ok(taken),
    };
    let mut script = Script::default();
    forget_history(&mut script, id, &key);
    // Journals, questions and drafts go with their turns, parts with their messages, by foreign keys.
    for sql in [
        "DELETE FROM approvals WHERE session_id = ?",
        "DELETE FROM reservations WHERE session_id = ?",
        "DELETE FROM usage WHERE session_id = ?",
        "DELETE FROM inbox WHERE session_id = ?",
        "DELETE FROM turns WHERE session_id = ?",
        "DELETE FROM sessions WHERE id = ?",
    ] {
        script.add(sql).bind(id);
    }
    script.add("DELETE FROM outbox WHERE session = ?").bind(key.to_string());
    transaction.run(script).await?;
    audit::erase(transaction, key).await?;
    Ok(Taken::Messages(messages))
}

/// `SessionStore::append_checkpoint`.
pub(crate) async fn checkpoint(
    transaction: &mut Transaction,
    key: SessionKey,
    epoch: u64,
    previous: Option<MessageId>,
    checkpoint: Checkpoint,
    mut writes: Writes,
) -> Result<(), StoreError> {
    apply::stands_alone(&writes)?;
    let mut script = Script::new(
        "SELECT id, epoch, (SELECT c.id FROM checkpoints c WHERE c.session_id = s.id ORDER BY c.no DESC LIMIT 1)
         FROM sessions s WHERE key = ?",
    );
    script.bind(key.to_string());
    let conflict = |what: String| StoreError::Conflict { what };
    let Some(row) = transaction.run(script).await?.first(0) else {
        return Err(conflict(format!("there is no session {key}")));
    };
    let row = Reading { file: &transaction.shared.layout.database, row: &row };
    let (session, stands) = (row.int(0)?, row.maybe_id(2)?.map(MessageId));
    if row.uint(1)? != epoch {
        return Err(conflict(format!("history was taken away from {key} meanwhile")));
    }
    if stands != previous {
        return Err(conflict(format!("another checkpoint of {key} came first")));
    }
    let mut script = Script::new(
        "INSERT INTO checkpoints (session_id, no, id, upto, summary, at, outside) VALUES (?, ?, ?, ?, ?, ?, ?)",
    );
    script.bind(session).bind(transaction.no()?).bind(bytes(checkpoint.id.0)).bind(int(checkpoint.upto));
    script.bind(checkpoint.summary).bind(checkpoint.at.0);
    let outside = &checkpoint.outside;
    script.bind(if outside.is_empty() { String::new() } else { json(outside)? });
    apply::apply(transaction, &mut script, None, &mut writes).await?;
    transaction.finish(script).await.map(drop)
}

/// `SessionStore::import_session`.
pub(crate) async fn import(
    transaction: &mut Transaction,
    key: SessionKey,
    owner: PrincipalId,
    messages: Vec<Message>,
) -> Result<u64, StoreError> {
    let name = key.to_string();
    let mut script = Script::new("SELECT id, last_seq, open_turn IS NOT NULL FROM sessions WHERE key = ?");
    script.bind(name.as_str());
    let found = transaction.run(script).await?.first(0);
    let (session, last_seq) = match found {
        Some(row) => {
            let row = Reading { file: &transaction.shared.layout.database, row: &row };
            if row.bool(2)? {
                return Err(StoreError::Busy { what: format!("a turn of {key} is open") });
            }
            (row.int(0)?, row.int(1)?)
        }
        None => (new_session(transaction, &name, &owner.0, None).await?.id, 0),
    };
    let mut added = 0;
    for chunk in messages.chunks(64) {
        let mut script = Script::default();
        apply::ask_standing(&mut script, chunk);
        let standing = transaction.run(script).await?.take(0);
        let mut script = Script::default();
        added += apply::messages(transaction, &mut script, session, last_seq + added, chunk, &standing)?;
        transaction.run(script).await?;
    }
    let mut script = Script::new(
        "UPDATE sessions SET last_seq = last_seq + ?, messages = messages + ?, changed = ?, updated_at = ?
         WHERE id = ?",
    );
    script.bind(added).bind(added).bind(transaction.no()?).bind(transaction.now().0).bind(session);
    transaction.finish(script).await?;
    Ok(crate::encode::uint(added))
}
