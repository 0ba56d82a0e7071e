//! Connections and their pragmas.

use std::{path::Path, time::Duration};

use sqlx::{
    ConnectOptions, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};

use crate::{
    error::{DAMAGED, OpenError, code},
    open::Durability,
};

/// `b"FACT"`: marks a file as ours.
pub(crate) const APPLICATION_ID: i64 = 0x4641_4354;

/// Pages of WAL after which a commit also checkpoints: 16 MB, so that few commits pay for it.
const CHECKPOINT_PAGES: &str = "4000";

/// The writer's page cache, in KiB (negative for `SQLite`, which otherwise counts pages): 8 MB keep the upper levels and
/// the busy leaves of every tree.
const CACHE_KIB: &str = "-8000";

/// How long `SQLite` itself waits. Only programs that do not know our turnstile ever make it wait.
const BUSY: Duration = Duration::from_secs(10);

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        // Spilling sorters and statement journals to files costs more than they are worth at our sizes.
        .pragma("temp_store", "MEMORY")
        .disable_statement_logging()
}

/// The connection that writes. It changes nothing until [`make_ours`](crate::migrate) says that the file is ours.
pub(crate) async fn writer(file: &Path) -> Result<SqliteConnection, sqlx::Error> {
    options(file)
        .create_if_missing(true)
        .synchronous(SqliteSynchronous::Normal)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .pragma("cache_size", CACHE_KIB)
        .statement_cache_capacity(128)
        .connect()
        .await
}

/// A connection that reads.
pub(crate) async fn reader(file: &Path) -> Result<SqliteConnection, sqlx::Error> {
    options(file).pragma("query_only", "1").statement_cache_capacity(48).connect().await
}

/// What `PRAGMA synchronous` must read for a group.
pub(crate) fn synchronous(durability: Durability, durable: bool) -> i64 {
    match (durability, durable) {
        (Durability::Power, true) => 2,
        (Durability::Power, false) | (Durability::Process, _) => 1,
    }
}

/// The open error for a database error on `file`.
pub(crate) fn open_error(file: &Path, error: sqlx::Error) -> OpenError {
    let path = file.to_owned();
    if code(&error).is_some_and(|code| DAMAGED.contains(&code)) {
        return OpenError::Corrupt { path, what: error.to_string() };
    }
    let what = match code(&error) {
        Some(8 | 14) => "the directory or the file is read-only or not ours; check its owner and mode",
        Some(5 | 6) => "another program holds a lock on it; end that program, then try again",
        Some(crate::error::FULL) => "its disk is full; free some space, then try again",
        Some(crate::error::IOERR) => "its disk is full or fails; make room or mend it, then try again",
        _ => "try again, and look at its owner, its mode and the room on its disk if that does not help",
    };
    OpenError::Unavailable { path, what: what.into(), source: Box::new(error) }
}
