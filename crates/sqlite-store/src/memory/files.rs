//! Files of notes.

use std::collections::HashMap;

use session_api::{MemoryFile, MemoryKind, MemorySection, PrincipalId, Scope, StoreError, index_words};

use super::marks;
use crate::{
    encode::{each, json, limit},
    open::SqliteStore,
    script::Script,
    transaction::Transaction,
};

/// Copies vectors to other places and texts.
const KEEP_VECTORS: &str = "INSERT INTO memory_vectors (id, no, vector)
    SELECT stay.value ->> 0, stay.value ->> 1, v.vector FROM json_each(?) AS stay
    CROSS JOIN memory_vectors v ON v.no = stay.value ->> 2";

/// Says which place was given out last.
const NEWEST_VECTOR: &str = "UPDATE memory_vector_state
    SET newest = max(newest, coalesce((SELECT max(id) FROM memory_vectors), 0)) WHERE id = 1";

/// `MemoryIndex::index_file`.
pub(super) async fn replace(transaction: &mut Transaction, file: MemoryFile) -> Result<(), StoreError> {
    let MemoryFile { path, person, stamp, at, sections } = file;
    // The first script of an operation opens it, which numbers need.
    let mut script =
        Script::new("DELETE FROM memory_words WHERE rowid IN (SELECT no FROM memory_notes WHERE path = ?)");
    script.bind(path.as_str());
    script.add("SELECT no, text FROM memory_notes WHERE path = ?").bind(path.as_str());
    let rows = transaction.run(script).await?.take(1);
    let known = each(&transaction.shared.layout.database, &rows, |row| Ok((row.text(1)?, row.int(0)?)))?;
    // A section whose text stays keeps its vector. It gets a new place all the same: places follow time.
    let mut known: HashMap<String, i64> = known.into_iter().collect();
    let gone = sections.is_empty();
    let marks = marks::of_text(Some(&person), None, MemoryKind::Note, at);
    let (mut notes, mut stay) = (Vec::with_capacity(sections.len()), Vec::new());
    for section in sections {
        let words = format!("{} {marks}", index_words(&section.text));
        let no = transaction.no()?;
        if let Some(old) = known.remove(&section.text) {
            stay.push((transaction.no()?, no, old));
        }
        notes.push((no, words, section.line, section.text));
    }
    let (stay, notes) = (json(&stay)?, json(&notes)?);
    let mut script = Script::new(KEEP_VECTORS);
    script.bind(stay);
    script.add("DELETE FROM memory_vectors WHERE no IN (SELECT no FROM memory_notes WHERE path = ?)");
    script.bind(path.as_str());
    script.add(NEWEST_VECTOR);
    script.add("DELETE FROM memory_files WHERE path = ?").bind(path.as_str());
    if gone {
        return transaction.finish(script).await.map(drop);
    }
    script.add("INSERT INTO memory_files (path, person, stamp, at) VALUES (?, ?, ?, ?)");
    script.bind(path.as_str()).bind(person.0).bind(stamp).bind(at.0);
    script.add(
        "INSERT INTO memory_notes (no, path, line, text)
         SELECT note.value ->> 0, ?, note.value ->> 2, note.value ->> 3 FROM json_each(?) AS note",
    );
    script.bind(path).bind(notes.as_str());
    script.add(
        "INSERT INTO memory_words (rowid, words)
         SELECT note.value ->> 0, note.value ->> 1 FROM json_each(?) AS note",
    );
    script.bind(notes);
    transaction.finish(script).await.map(drop)
}

/// `MemoryIndex::notes`.
pub(super) async fn notes(
    store: &SqliteStore,
    scope: &Scope,
    path: &str,
    line: u32,
    most: usize,
) -> Result<Vec<MemorySection>, StoreError> {
    let mut script = Script::new(
        "SELECT coalesce((SELECT person FROM joined WHERE id = f.person AND NOT parted), f.person), n.line, n.text
         FROM memory_files f JOIN memory_notes n ON n.path = f.path
         WHERE f.path = ? AND n.line >= ? ORDER BY n.line LIMIT ?",
    );
    script.bind(path).bind(i64::from(line)).bind(limit(most));
    let rows = store.read(script).await?.take(0);
    let sections = each(&store.shared.layout.database, &rows, |row| {
        let section = MemorySection { line: u32::try_from(row.int(1)?).unwrap_or(1), text: row.text(2)? };
        Ok((PrincipalId(row.text(0)?), section))
    })?;
    let visible = |person: &PrincipalId| match scope {
        Scope::All => true,
        Scope::Of(reader) => reader == person,
        Scope::Session(_) => false,
    };
    Ok(sections.into_iter().filter(|(person, _)| visible(person)).map(|(_, section)| section).collect())
}

/// `MemoryIndex::indexed_files`.
pub(super) async fn known(store: &SqliteStore) -> Result<Vec<(String, String)>, StoreError> {
    let rows = store.read(Script::new("SELECT path, stamp FROM memory_files ORDER BY path")).await?.take(0);
    each(&store.shared.layout.database, &rows, |row| Ok((row.text(0)?, row.text(1)?)))
}
