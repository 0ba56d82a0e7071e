//! What a doctor asks.

use std::{fs, path::PathBuf};

use session_api::StoreError;
use sqlx::{AssertSqlSafe, Executor};

use crate::{
    encode::{Reading, each},
    open::SqliteStore,
    script::Script,
    transaction::Transaction,
    writer::Grade,
};

/// The health of an open store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integrity {
    /// The database file.
    pub file: PathBuf,
    /// What `SQLite`'s check of the file found; empty when it is sound.
    pub problems: Vec<String>,
    /// Rows that point at rows which are not there.
    pub dangling_rows: u64,
    /// Messages whose text cannot be read as a message.
    pub unreadable_messages: u64,
    /// Version of the schema.
    pub schema: i64,
    /// Version of `SQLite`.
    pub sqlite: String,
    /// Size of the database file, in bytes.
    pub database_bytes: u64,
    /// Size of the write-ahead log, in bytes.
    pub wal_bytes: u64,
}

impl Integrity {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty() && self.dangling_rows == 0 && self.unreadable_messages == 0
    }
}

impl SqliteStore {
    /// Checks the whole file. Takes as long as it takes to read it once.
    ///
    /// # Errors
    /// When the file cannot be read at all.
    pub async fn integrity(&self) -> Result<Integrity, StoreError> {
        let file = self.shared.layout.database.clone();
        let mut script = Script::new("PRAGMA quick_check(20)");
        script.add("SELECT count(*) FROM pragma_foreign_key_check");
        script.add("SELECT count(*) FROM messages WHERE NOT json_valid(body)");
        script.add("PRAGMA user_version");
        script.add("SELECT sqlite_version()");
        let mut found = self.read(script).await?;
        let mut problems = each(&file, &found.take(0), |row| row.text(0))?;
        problems.retain(|line| line != "ok");
        let mut number = |index: usize| {
            let row = found.first(index);
            row.map_or(Ok(0), |row| Reading { file: &file, row: &row }.int(0))
        };
        let (dangling, unreadable, schema) = (number(1)?, number(2)?, number(3)?);
        let version = found.first(4);
        let sqlite = version.map_or(Ok(String::new()), |row| Reading { file: &file, row: &row }.text(0))?;
        let size = |path: &std::path::Path| fs::metadata(path).map_or(0, |meta| meta.len());
        Ok(Integrity {
            problems,
            dangling_rows: crate::encode::uint(dangling),
            unreadable_messages: crate::encode::uint(unreadable),
            schema,
            sqlite,
            database_bytes: size(&file),
            wal_bytes: size(&self.shared.layout.log()),
            file,
        })
    }

    /// Lets the database grow to `pages` pages of 4 KiB and no further, until it is opened again: a quota. Beyond it
    /// writes are refused as [`StoreError::Full`].
    ///
    /// # Errors
    /// As for every write.
    pub async fn limit_pages(&self, pages: u32) -> Result<(), StoreError> {
        self.write(Grade::QUIET, move |tx| Box::pin(limit_pages(tx, pages))).await
    }
}

async fn limit_pages(transaction: &mut Transaction, pages: u32) -> Result<(), StoreError> {
    // Acts while it is compiled, and takes no argument: it cannot be a cached statement.
    let pragma = sqlx::raw_sql(AssertSqlSafe(format!("PRAGMA max_page_count = {pages}")));
    let set = transaction.connection.execute(pragma).await;
    set.map(drop).map_err(|error| transaction.database_error(error))
}
