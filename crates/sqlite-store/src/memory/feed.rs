//! Taking messages up, and letting them go.

use session_api::{
    BlobStore as _, IndexProgress, MemoryKind, Message, PrincipalId, Role, Scope, SessionKey, StoreError,
    index_words,
};

use super::marks;
use crate::{
    apply::SEQ_BITS,
    encode::{Reading, int, json, limit},
    history::{IN_SCOPE, bind_scope},
    open::SqliteStore,
    script::Script,
    transaction::Transaction,
    writer::Grade,
};

/// Whether there is anything to take up.
const BEHIND: &str =
    "SELECT 1 FROM messages WHERE no > (SELECT upto FROM memory_state WHERE id = 1) ORDER BY no LIMIT 1";

const NEXT: &str =
    "SELECT m.no, m.body, s.key, s.principal, s.shared, (SELECT upto FROM memory_state WHERE id = 1)
    FROM messages m JOIN sessions s ON s.id = m.pk >> 32
    WHERE m.no > (SELECT upto FROM memory_state WHERE id = 1) ORDER BY m.no LIMIT ?";

/// Moves the cursor, unless somebody else did meanwhile.
const MOVE: &str =
    "UPDATE memory_state SET upto = ?, texts = texts + ? WHERE id = 1 AND upto = ? RETURNING 1";

/// Adds what was taken apart. A message that was taken away meanwhile stays away.
const ADD: &str = "INSERT INTO memory_words (rowid, words)
    SELECT taken.value ->> 0, taken.value ->> 1 FROM json_each(?) AS taken
    WHERE EXISTS (SELECT 1 FROM messages WHERE no = taken.value ->> 0
        AND pk NOT IN (SELECT pk FROM memory_forgotten))";

const FORGET: &str = "DELETE FROM memory_words WHERE rowid IN (SELECT no FROM messages
    WHERE pk > ? AND pk < ? AND no <= (SELECT upto FROM memory_state WHERE id = 1))";

const FORGET_VECTORS: &str =
    "DELETE FROM memory_vectors WHERE no IN (SELECT no FROM messages WHERE pk > ? AND pk < ?)";

/// `MemoryIndex::index_messages`. Texts are read and taken apart outside the transaction: others want to write.
pub(super) async fn index_messages(store: &SqliteStore, most: usize) -> Result<IndexProgress, StoreError> {
    if store.read(Script::new(BEHIND)).await?.first(0).is_none() {
        return Ok(IndexProgress::default());
    }
    let mut script = Script::new(NEXT);
    // One more tells whether that is all.
    script.bind(limit(most.max(1).saturating_add(1)));
    let mut rows = store.read(script).await?.take(0);
    let left = rows.len() > most.max(1);
    rows.truncate(most.max(1));
    let file = &store.shared.layout.database;
    let (mut words, mut from, mut upto) = (Vec::with_capacity(rows.len()), 0, 0);
    for row in &rows {
        let row = Reading { file, row };
        (upto, from) = (row.int(0)?, row.int(5)?);
        // A damaged message holds no words.
        let Ok(message) = row.json::<Message>(1) else { continue };
        let owner = PrincipalId(row.text(3)?);
        let owner = (!row.bool(4)?).then_some(&owner);
        words.push((upto, taken_apart(store, &message, &row.text(2)?, owner).await?));
    }
    let taken = words.len();
    let moved = store
        .write(Grade::QUIET, move |transaction| {
            Box::pin(async move {
                let mut script = Script::new(MOVE);
                script.bind(upto).bind(limit(words.len())).bind(from);
                if transaction.run(script).await?.first(0).is_none() {
                    return Ok(false);
                }
                let mut script = Script::new(ADD);
                script.bind(json(&words)?);
                transaction.finish(script).await.map(|_| true)
            })
        })
        .await?;
    // Where another process was quicker, what is left is found by the next look.
    Ok(if moved { IndexProgress { taken, left } } else { IndexProgress { taken: 0, left: true } })
}

async fn taken_apart(
    store: &SqliteStore,
    message: &Message,
    session: &str,
    owner: Option<&PrincipalId>,
) -> Result<String, StoreError> {
    let kind = if message.role == Role::Tool { MemoryKind::Result } else { MemoryKind::Message };
    let mut text = message.readable();
    for whole in message.tool_results().filter_map(|result| result.whole.as_ref()) {
        // A blob that is gone or cannot be read leaves what the message itself holds.
        if let Ok(Some(bytes)) = store.get_blob(whole).await {
            text.push('\n');
            text.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
    let marks = marks::of_text(owner, Some(session), kind, message.at);
    Ok(format!("{} {marks}", index_words(&text)))
}

/// Lets the messages of this range of keys go, as the next statement, before they are deleted.
pub(crate) fn forget_messages(script: &mut Script, after: i64, before: i64) {
    script.add(FORGET).bind(after).bind(before);
    script.add(FORGET_VECTORS).bind(after).bind(before);
    script.add("DELETE FROM memory_forgotten WHERE pk > ? AND pk < ?").bind(after).bind(before);
}

/// `MemoryIndex::forget_message`.
pub(super) async fn forget_message(
    transaction: &mut Transaction,
    scope: Scope,
    session: SessionKey,
    seq: u64,
) -> Result<bool, StoreError> {
    let mut script = Script::default();
    script.add_where(
        "INSERT OR REPLACE INTO memory_forgotten (pk) SELECT m.pk FROM sessions s
         JOIN messages m ON m.pk = (s.id << 32) | ? WHERE s.key = ? AND {scope} RETURNING pk",
        IN_SCOPE,
    );
    script.bind(int(seq).min((1 << SEQ_BITS) - 1)).bind(session.to_string());
    bind_scope(&mut script, &scope);
    let Some(row) = transaction.run(script).await?.first(0) else { return Ok(false) };
    let pk = Reading { file: &transaction.shared.layout.database, row: &row }.int(0)?;
    let mut script = Script::default();
    script.add(FORGET).bind(pk - 1).bind(pk + 1);
    script.add(FORGET_VECTORS).bind(pk - 1).bind(pk + 1);
    transaction.finish(script).await.map(|_| true)
}

/// `MemoryIndex::forget_index`. The vectors of messages stay: they are right as long as their texts are.
pub(super) async fn forget_all(transaction: &mut Transaction) -> Result<(), StoreError> {
    let mut script = Script::new("INSERT INTO memory_words (memory_words) VALUES ('delete-all')");
    script.add("DELETE FROM memory_vectors WHERE no IN (SELECT no FROM memory_notes)");
    script.add("DELETE FROM memory_files");
    script.add("UPDATE memory_state SET upto = 0, texts = 0 WHERE id = 1");
    transaction.finish(script).await.map(drop)
}
