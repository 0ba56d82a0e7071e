//! Which texts have no vector yet, and keeping those that come.

use session_api::{Message, StoreError, VectorMark, WithoutVector, of_unit_length};

use super::{State, sync};
use crate::{
    encode::{Reading, int, limit, uint},
    open::SqliteStore,
    script::Script,
    transaction::Transaction,
    writer::Grade,
};

/// Messages behind the cursor, but for those that shall not be found.
const MESSAGES: &str = "SELECT m.no, m.body FROM messages m
    WHERE m.no > ? AND m.pk NOT IN (SELECT pk FROM memory_forgotten) ORDER BY m.no LIMIT ?";

/// Sections without a vector. They have no cursor: files change.
const NOTES: &str = "SELECT n.no, n.text FROM memory_notes n WHERE n.text <> ''
    AND NOT EXISTS (SELECT 1 FROM memory_vectors v WHERE v.no = n.no) ORDER BY n.no LIMIT ?";

/// Whether there is anything of either kind.
pub(super) const BEHIND: &str = "SELECT EXISTS (SELECT 1 FROM messages m
        WHERE m.no > (SELECT upto FROM memory_vector_state WHERE id = 1)
        AND m.pk NOT IN (SELECT pk FROM memory_forgotten) ORDER BY m.no)
    OR EXISTS (SELECT 1 FROM memory_notes n WHERE n.text <> ''
        AND NOT EXISTS (SELECT 1 FROM memory_vectors v WHERE v.no = n.no))";

const BEGIN_ANEW: &str = "UPDATE memory_vector_state SET model = ?, length = 0, generation = generation + 1,
    upto = 0, newest = 0, stamp = randomblob(16) WHERE id = 1 AND model <> ?";

/// Sums up what is kept, unless all was forgotten meanwhile.
const MOVE: &str = "UPDATE memory_vector_state SET upto = max(upto, ?),
    length = CASE length WHEN 0 THEN ? ELSE length END WHERE id = 1 AND generation = ? RETURNING length";

/// A text that went away meanwhile stays away.
const KEEP: &str = "INSERT OR IGNORE INTO memory_vectors (id, no, vector) SELECT new.id, new.no, new.vector
    FROM (SELECT ? AS id, ? AS no, ? AS vector) AS new
    WHERE EXISTS (SELECT 1 FROM messages m WHERE m.no = new.no AND m.pk NOT IN (SELECT pk FROM memory_forgotten))
    OR EXISTS (SELECT 1 FROM memory_notes n WHERE n.no = new.no)";

/// `VectorIndex::texts_without_vector`.
pub(super) async fn without_vector(
    store: &SqliteStore,
    model: &str,
    most: usize,
) -> Result<WithoutVector, StoreError> {
    let mut state = State::of(store).await?;
    if state.model != model {
        let name = model.to_owned();
        store.write(Grade::QUIET, move |transaction| Box::pin(begin_anew(transaction, name))).await?;
        state = State::of(store).await?;
    }
    // One more tells whether that is all.
    let some = limit(most.saturating_add(1));
    let mut script = Script::new(MESSAGES);
    script.bind(state.upto).bind(some);
    script.add(NOTES).bind(some);
    let mut found = store.snapshot(script).await?;
    let file = &store.shared.layout.database;
    let (mut texts, mut upto, mut left) = (Vec::new(), state.upto, false);
    for (at, row) in found.take(0).iter().enumerate() {
        if at >= most {
            left = true;
            break;
        }
        let row = Reading { file, row };
        upto = row.int(0)?;
        // A damaged message means nothing.
        let text = row.json::<Message>(1).map(|message| message.readable()).unwrap_or_default();
        if !text.trim().is_empty() {
            texts.push((uint(upto), text));
        }
    }
    for row in &found.take(1) {
        if texts.len() >= most {
            left = true;
            break;
        }
        let row = Reading { file, row };
        texts.push((row.uint(0)?, row.text(1)?));
    }
    Ok(WithoutVector { mark: VectorMark { generation: state.generation, upto: uint(upto) }, texts, left })
}

/// The file is another one from here on, by its stamp: what went need not be taken out of it.
async fn begin_anew(transaction: &mut Transaction, model: String) -> Result<(), StoreError> {
    let mut script = Script::new(BEGIN_ANEW);
    script.bind(model.as_str()).bind(model.as_str());
    script.add("DELETE FROM memory_vectors");
    script.add("DELETE FROM memory_vectors_gone");
    transaction.finish(script).await.map(drop)
}

/// `VectorIndex::keep_vectors`.
pub(super) async fn keep(
    store: &SqliteStore,
    mark: VectorMark,
    vectors: Vec<(u64, Option<Vec<f32>>)>,
) -> Result<(), StoreError> {
    let state = State::of(store).await?;
    if state.generation != mark.generation || (vectors.is_empty() && int(mark.upto) <= state.upto) {
        return Ok(());
    }
    let vectors: Vec<(u64, Option<Vec<f32>>)> =
        vectors.into_iter().map(|(no, vector)| (no, vector.and_then(of_unit_length))).collect();
    store.write(Grade::QUIET, move |transaction| Box::pin(insert(transaction, mark, vectors))).await?;
    sync::synced(store).await.map(drop)
}

async fn insert(
    transaction: &mut Transaction,
    mark: VectorMark,
    vectors: Vec<(u64, Option<Vec<f32>>)>,
) -> Result<(), StoreError> {
    let length = vectors.iter().find_map(|(_, vector)| vector.as_ref()).map_or(0, Vec::len);
    let mut script = Script::new(MOVE);
    script.bind(int(mark.upto)).bind(limit(length)).bind(int(mark.generation));
    let Some(row) = transaction.run(script).await?.first(0) else { return Ok(()) };
    let stands = Reading { file: &transaction.shared.layout.database, row: &row }.uint(0)?;
    let mut script = Script::default();
    let mut newest = 0;
    for (no, vector) in vectors {
        newest = transaction.no()?;
        let bytes = vector
            .filter(|vector| vector.len() as u64 == stands)
            .map(|vector| vector.iter().flat_map(|part| part.to_le_bytes()).collect::<Vec<u8>>());
        script.add(KEEP).bind(newest).bind(int(no)).bind(bytes);
    }
    script.add("UPDATE memory_vector_state SET newest = max(newest, ?) WHERE id = 1").bind(newest);
    transaction.finish(script).await.map(drop)
}
