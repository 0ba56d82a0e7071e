//! Brings the file up to what the database says.

use std::{fs::File, io, path::PathBuf};

use session_api::{MemoryKind, StoreError};
use tokio::task::spawn_blocking;

use super::{
    State,
    file::{Head, Rounded, VectorFile, record},
};
use crate::{
    encode::{Reading, json, limit},
    open::SqliteStore,
    script::Script,
    turnstile::{open_lock, try_lock},
    writer::Grade,
};

/// Vectors that are written at once: about a megabyte of them is read for that.
const PAGE: usize = 512;
/// Vectors that went and are taken out at once.
const TAKEN_OUT: usize = 10_000;

/// Vectors behind a place, each with what a search needs to know of its text.
const NEXT: &str = "SELECT v.id, v.no, v.vector, coalesce(m.pk >> 32, 0), coalesce(m.body ->> '$.at', 0),
        CASE WHEN m.pk IS NULL THEN 2 WHEN m.body ->> '$.role' = 'tool' THEN 1 ELSE 0 END
    FROM memory_vectors v LEFT JOIN messages m ON m.no = v.no
    WHERE v.id > ? AND v.vector IS NOT NULL ORDER BY v.id LIMIT ?";

const GONE: &str = "SELECT id FROM memory_vectors_gone ORDER BY id LIMIT ?";

/// Runs `work` on files off the async threads.
pub(super) async fn off_thread<T: Send + 'static>(
    store: &SqliteStore,
    work: impl FnOnce(PathBuf) -> io::Result<T> + Send + 'static,
) -> Result<io::Result<T>, StoreError> {
    let path = store.shared.layout.vectors();
    spawn_blocking(move || work(path)).await.map_err(|error| StoreError::Unavailable {
        what: "the thread that works on the file of vectors ended".into(),
        source: Some(Box::new(error)),
    })
}

fn failed(store: &SqliteStore, error: io::Error) -> StoreError {
    let what = format!("{}: {error}", store.shared.layout.vectors().display());
    if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        return StoreError::Full { what };
    }
    StoreError::Unavailable { what, source: Some(Box::new(error)) }
}

/// The file, and whether it holds all that the database holds: another process may be at work on it. `None` where there
/// are no vectors.
pub(super) async fn synced(store: &SqliteStore) -> Result<Option<(VectorFile, bool)>, StoreError> {
    let state = State::of(store).await?;
    if state.length == 0 {
        return Ok(None);
    }
    let described = state.described();
    let look = {
        let described = described.clone();
        move |path: PathBuf| {
            let file = VectorFile::open(&path, &described, false)?;
            file.map(|file| file.last().map(|last| (file, last))).transpose()
        }
    };
    match off_thread(store, look).await? {
        Ok(Some((file, last))) if last == state.newest && !state.gone => return Ok(Some((file, true))),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {}
        Err(error) => return Err(failed(store, error)),
    }
    let Some(_lock) = lock(store).await? else {
        let opened = off_thread(store, move |path| VectorFile::open(&path, &described, false)).await?;
        return Ok(opened.map_err(|error| failed(store, error))?.map(|file| (file, false)));
    };
    let file = written(store).await?;
    Ok(file.map(|file| (file, true)))
}

/// The right to write to the file; `None` while another one has it.
async fn lock(store: &SqliteStore) -> Result<Option<File>, StoreError> {
    let path = store.shared.layout.run.join("vectors.lock");
    let locked = off_thread(store, move |_| {
        let file = open_lock(&path)?;
        Ok(try_lock(&file)?.then_some(file))
    });
    locked.await?.map_err(|error| failed(store, error))
}

/// Under the lock: adds what is missing, takes out what went, and begins anew where the file is of no use.
async fn written(store: &SqliteStore) -> Result<Option<VectorFile>, StoreError> {
    let state = State::of(store).await?;
    if state.length == 0 {
        return Ok(None);
    }
    let (described, newest) = (state.described(), state.newest);
    let opened = off_thread(store, move |path| {
        let usable = match VectorFile::open(&path, &described, true)? {
            // A place that was never given out: the database is older than the file.
            Some(file) => file.last().ok().filter(|last| *last <= newest).map(|last| (file, last)),
            None => None,
        };
        usable.map_or_else(|| Ok((VectorFile::create(&path, &described)?, 0)), Ok)
    });
    let (mut file, mut last) = opened.await?.map_err(|error| failed(store, error))?;
    loop {
        let (page, upto) = next_page(store, last, state.length).await?;
        let full = upto.is_some();
        // Nothing but what went is left: the end is marked, so that nobody looks for more.
        let nothing = || record(&gone(newest), &Rounded::of(&vec![0.0; state.length]));
        let (bytes, reached) = match upto {
            Some(upto) => (page, upto),
            None if last < newest => (nothing(), newest),
            None => break,
        };
        let (back, added) = off_thread(store, move |_| {
            let added = file.append(&bytes);
            Ok((file, added))
        })
        .await?
        .map_err(|error| failed(store, error))?;
        added.map_err(|error| failed(store, error))?;
        (file, last) = (back, reached);
        if !full {
            break;
        }
    }
    take_out(store, file).await.map(Some)
}

fn gone(id: i64) -> Head {
    Head { id, no: 0, at: 0, session: 0, kind: MemoryKind::Message }
}

/// The records of the next vectors behind a place, and how far they reach.
async fn next_page(
    store: &SqliteStore,
    after: i64,
    length: usize,
) -> Result<(Vec<u8>, Option<i64>), StoreError> {
    let mut script = Script::new(NEXT);
    script.bind(after).bind(limit(PAGE));
    let rows = store.read(script).await?.take(0);
    let (mut bytes, mut upto) = (Vec::new(), None);
    for row in &rows {
        let row = Reading { file: &store.shared.layout.database, row };
        let id = row.int(0)?;
        let vector = floats(row.raw(2)?);
        let kind = match row.int(5)? {
            0 => MemoryKind::Message,
            1 => MemoryKind::Result,
            _ => MemoryKind::Note,
        };
        // One of another length is of no model that is known.
        let head = match vector.len() == length {
            true => Head { id, no: row.int(1)?, at: row.int(4)?, session: row.int(3)?, kind },
            false => gone(id),
        };
        let fits = if vector.len() == length { vector } else { vec![0.0; length] };
        bytes.extend(record(&head, &Rounded::of(&fits)));
        upto = Some(id);
    }
    Ok((bytes, upto))
}

/// The parts of a stored vector.
pub(super) fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
}

async fn take_out(store: &SqliteStore, mut file: VectorFile) -> Result<VectorFile, StoreError> {
    loop {
        let mut script = Script::new(GONE);
        script.bind(limit(TAKEN_OUT));
        let rows = store.read(script).await?.take(0);
        let ids = rows.iter().map(|row| Reading { file: &store.shared.layout.database, row }.int(0));
        let ids = ids.collect::<Result<Vec<i64>, _>>()?;
        if ids.is_empty() {
            return Ok(file);
        }
        let told = json(&ids)?;
        let (back, done) = off_thread(store, move |_| {
            let done = file.blank(&ids).and_then(|()| file.settle());
            Ok((file, done))
        })
        .await?
        .map_err(|error| failed(store, error))?;
        done.map_err(|error| failed(store, error))?;
        file = back;
        store
            .write(Grade::QUIET, move |transaction| {
                Box::pin(async move {
                    let mut script = Script::new(
                        "DELETE FROM memory_vectors_gone WHERE id IN (SELECT value FROM json_each(?))",
                    );
                    script.bind(told);
                    transaction.finish(script).await.map(drop)
                })
            })
            .await?;
    }
}

/// Takes vectors that went out of the file. What fails here is done by the next look: searches do not find them anyway.
pub(crate) async fn scrub(store: &SqliteStore) {
    let scrubbed =
        async { if State::of(store).await?.gone { synced(store).await.map(drop) } else { Ok(()) } };
    if let Err(error) = scrubbed.await {
        tracing::warn!(%error, "what went was not yet taken out of the file of vectors");
    }
}
