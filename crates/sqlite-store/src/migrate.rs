//! The schema, version by version.

use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection};

use crate::{
    connect::{APPLICATION_ID, open_error},
    error::OpenError,
    layout::{Layout, sync_dir, unusable},
    script::{Script, column},
};

/// One step of the schema. Append-only: what has shipped is never changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    /// `PRAGMA user_version` after it.
    pub(crate) version: i64,
    /// Its statements.
    pub(crate) sql: &'static str,
    /// Whether it changes rows: then a snapshot is made before it.
    pub(crate) changes_data: bool,
}

/// All of them, oldest first.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, sql: include_str!("../migrations/0001_core.sql"), changes_data: false },
    Migration { version: 2, sql: include_str!("../migrations/0002_gateway.sql"), changes_data: true },
    Migration { version: 3, sql: include_str!("../migrations/0003_jobs.sql"), changes_data: false },
    Migration { version: 4, sql: include_str!("../migrations/0004_effort.sql"), changes_data: false },
    Migration { version: 5, sql: include_str!("../migrations/0005_memory.sql"), changes_data: false },
    Migration { version: 6, sql: include_str!("../migrations/0006_outside.sql"), changes_data: false },
    Migration { version: 7, sql: include_str!("../migrations/0007_vectors.sql"), changes_data: false },
    Migration { version: 8, sql: include_str!("../migrations/0008_audit_heads.sql"), changes_data: false },
];

/// The tables of the newest version. A file that lacks one is damaged, whatever its version says.
pub(crate) const TABLES: &[&str] = &[
    "approvals",
    "audit",
    "audit_heads",
    "checkpoints",
    "cursors",
    "drafts",
    "inbox",
    "job_runs",
    "jobs",
    "joined",
    "journal",
    "kv",
    "memory_files",
    "memory_forgotten",
    "memory_notes",
    "memory_state",
    "memory_vector_state",
    "memory_vectors",
    "memory_vectors_gone",
    "memory_words",
    "memory_words_config",
    "memory_words_data",
    "memory_words_docsize",
    "memory_words_idx",
    "messages",
    "outbox",
    "parts",
    "reservations",
    "seen",
    "sessions",
    "sources",
    "spent",
    "store_clock",
    "turns",
    "usage",
];

/// Checks that the file is ours, brings its schema up to date and reads its pragmas back.
pub(crate) async fn make_ours(
    connection: &mut SqliteConnection,
    layout: &Layout,
    migrations: &[Migration],
) -> Result<(), OpenError> {
    let file = &layout.database;
    let database = |error| open_error(file, error);
    let known = migrations.last().map_or(0, |migration| migration.version);
    let (application_id, mut version, tables) = identity(connection).await.map_err(database)?;
    match application_id {
        APPLICATION_ID => {}
        // Nobody's: an empty file, or one whose first migration was cut off.
        0 if version == 0 && tables.is_empty() => {}
        _ => return Err(OpenError::Foreign { path: file.clone(), application_id }),
    }
    if version > known {
        let backup = layout.backup(version);
        return Err(OpenError::Newer { path: file.clone(), found: version, known, backup });
    }
    let mode = one(connection, "PRAGMA journal_mode = WAL").await.map_err(database)?;
    check(layout, "journal_mode", "wal", &mode)?;
    if version < known {
        upgrade(connection, layout, migrations).await?;
        version = known;
    } else if let Some(missing) = TABLES.iter().find(|table| !tables.iter().any(|name| name == *table)) {
        return Err(OpenError::Corrupt {
            path: file.clone(),
            what: format!("the table `{missing}` is missing"),
        });
    }
    for (pragma, sql, wanted) in [
        ("foreign_keys", "PRAGMA foreign_keys", "1"),
        ("synchronous", "PRAGMA synchronous", "1"),
        ("application_id", "PRAGMA application_id", &APPLICATION_ID.to_string()),
        ("user_version", "PRAGMA user_version", &version.to_string()),
    ] {
        let got = one(connection, sql).await.map_err(database)?;
        check(layout, pragma, wanted, &got)?;
    }
    Ok(())
}

fn check(layout: &Layout, pragma: &'static str, wanted: &str, got: &str) -> Result<(), OpenError> {
    if wanted == got {
        return Ok(());
    }
    let path = layout.database.clone();
    Err(OpenError::Pragma { path, pragma, wanted: wanted.to_owned(), got: got.to_owned() })
}

async fn identity(connection: &mut SqliteConnection) -> Result<(i64, i64, Vec<String>), sqlx::Error> {
    let mut script = Script::new("PRAGMA application_id");
    script.add("PRAGMA user_version").add("SELECT name FROM sqlite_master WHERE type = 'table'");
    let mut answers = script.run(connection).await?;
    let number = |row: Option<sqlx::sqlite::SqliteRow>| row.map_or(Ok(0), |row| column::<i64>(&row, 0));
    let application_id = number(answers.first(0))?;
    let version = number(answers.first(1))?;
    let tables: Result<Vec<String>, _> = answers.take(2).iter().map(|row| column(row, 0)).collect();
    Ok((application_id, version, tables?))
}

async fn one(connection: &mut SqliteConnection, sql: &'static str) -> Result<String, sqlx::Error> {
    let row = Script::new(sql).run(connection).await?.first(0).ok_or(sqlx::Error::RowNotFound)?;
    // Pragmas answer with numbers or words.
    column::<String>(&row, 0).or_else(|_| column::<i64>(&row, 0).map(|number| number.to_string()))
}

/// Applies what is missing, each migration in its own transaction together with its version: a process that is killed
/// at any statement leaves the old schema or the new one.
async fn upgrade(
    connection: &mut SqliteConnection,
    layout: &Layout,
    migrations: &[Migration],
) -> Result<(), OpenError> {
    let file = &layout.database;
    let database = |error| open_error(file, error);
    let before = current(connection).await.map_err(database)?;
    for migration in migrations {
        let version = migration.version;
        // Of a store that is made just now there is nothing to keep.
        if before > 0 && migration.changes_data && current(connection).await.map_err(database)? == version - 1
        {
            snapshot(connection, layout, version).await?;
        }
        connection.execute("BEGIN IMMEDIATE").await.map_err(database)?;
        // Read under the lock: another process may have done it while this one waited.
        let done = current(connection).await.map_err(database)? >= version;
        let sql = if done { String::new() } else { statements(migration) };
        let applied = connection.execute(sqlx::raw_sql(AssertSqlSafe(sql + "COMMIT;"))).await;
        if let Err(error) = applied {
            // The first error is the one to tell; the connection is dropped anyway.
            let _ = connection.execute("ROLLBACK").await;
            return Err(database(error));
        }
    }
    layout.leave_witness()
}

/// The text of `migration`, version included.
fn statements(migration: &Migration) -> String {
    let Migration { version, sql, .. } = migration;
    format!("{sql}\nPRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {version};\n")
}

async fn current(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let row = Script::new("PRAGMA user_version").run(connection).await?.first(0);
    row.map_or(Ok(0), |row| column(&row, 0))
}

/// A copy of the whole store, complete and on the disk before it gets its name.
async fn snapshot(connection: &mut SqliteConnection, layout: &Layout, version: i64) -> Result<(), OpenError> {
    let target = layout.backup(version);
    if target.exists() {
        return Ok(());
    }
    let draft = target.with_extension("db.tmp");
    let failed = |source| unusable(&draft, "the snapshot before an upgrade cannot be written", source);
    if draft.exists() {
        std::fs::remove_file(&draft).map_err(failed)?;
    }
    let mut script = Script::new("VACUUM INTO ?");
    script.bind(draft.to_string_lossy().into_owned());
    script.run(connection).await.map_err(|error| open_error(&draft, error))?;
    std::fs::File::open(&draft)
        .and_then(|copy| copy.sync_all())
        .and_then(|()| std::fs::rename(&draft, &target))
        .and_then(|()| sync_dir(&layout.dir))
        .map_err(failed)
}

/// Closes a connection and waits for it.
pub(crate) async fn close(connection: SqliteConnection) {
    // Nothing is at stake: what was committed is committed.
    let _ = connection.close().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect;

    /// The newest version that there is.
    fn newest() -> i64 {
        MIGRATIONS.last().unwrap().version
    }

    /// One that may come later: it changes rows.
    fn next() -> Migration {
        let sql = "ALTER TABLE kv ADD COLUMN note TEXT;\nUPDATE kv SET note = value;\nDELETE FROM kv WHERE key = 'b';\n";
        Migration { version: newest() + 1, sql, changes_data: true }
    }

    /// All that there are and that one.
    fn later() -> Vec<Migration> {
        [MIGRATIONS, &[next()]].concat()
    }

    /// A directory with a store of two values, made by these migrations.
    async fn old_store(migrations: &[Migration]) -> (tempfile::TempDir, Layout) {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::of(dir.path());
        layout.prepare().unwrap();
        let mut connection = connect::writer(&layout.database).await.unwrap();
        make_ours(&mut connection, &layout, migrations).await.unwrap();
        for key in ["a", "b"] {
            let mut script =
                Script::new("INSERT INTO kv (owner, key, value, updated_at) VALUES ('owner', ?, 'value', 1)");
            script.bind(key);
            script.run(&mut connection).await.unwrap();
        }
        close(connection).await;
        (dir, layout)
    }

    async fn keys(connection: &mut SqliteConnection) -> Vec<String> {
        let rows = Script::new("SELECT key FROM kv ORDER BY key").run(connection).await.unwrap().take(0);
        rows.iter().map(|row| column(row, 0).unwrap()).collect()
    }

    /// What is left when this text is carried out in a transaction that nobody commits, as by a kill.
    async fn killed(layout: &Layout, text: String) {
        let mut dying = connect::writer(&layout.database).await.unwrap();
        dying.execute(sqlx::raw_sql(AssertSqlSafe(format!("BEGIN IMMEDIATE;{text}")))).await.unwrap();
        close(dying).await;
    }

    #[tokio::test]
    async fn a_new_store_keeps_no_copy_of_what_never_was() {
        let (_dir, layout) = old_store(&later()).await;
        assert!(!layout.backup(2).exists() && !layout.backup(newest() + 1).exists());
    }

    #[tokio::test]
    async fn an_upgrade_that_changes_rows_keeps_a_copy_of_the_old_ones() {
        let (_dir, layout) = old_store(MIGRATIONS).await;
        let mut connection = connect::writer(&layout.database).await.unwrap();
        make_ours(&mut connection, &layout, &later()).await.unwrap();
        assert_eq!(keys(&mut connection).await, ["a"]);
        let mut copy = connect::reader(&layout.backup(newest() + 1)).await.unwrap();
        assert_eq!(keys(&mut copy).await, ["a", "b"]);
        assert_eq!(current(&mut copy).await.unwrap(), newest());
    }

    #[tokio::test]
    async fn an_upgrade_killed_at_any_statement_leaves_the_old_schema_or_the_new_one() {
        let text = statements(&next());
        let all: Vec<&str> = text.lines().collect();
        for killed_after in 0..=all.len() {
            let (_dir, layout) = old_store(MIGRATIONS).await;
            killed(&layout, all[..killed_after].concat()).await;
            let mut connection = connect::writer(&layout.database).await.unwrap();
            assert_eq!(current(&mut connection).await.unwrap(), newest(), "after {killed_after}");
            assert_eq!(keys(&mut connection).await, ["a", "b"], "after {killed_after}");
            make_ours(&mut connection, &layout, &later()).await.unwrap();
            assert_eq!(current(&mut connection).await.unwrap(), newest() + 1, "after {killed_after}");
            assert_eq!(keys(&mut connection).await, ["a"], "after {killed_after}");
        }
    }

    /// What the first version wrote: a part that failed, one that was in doubt and is unknown, one that was sent, and
    /// audit rows of which one cannot be read.
    const FIRST: &str = r#"
        INSERT INTO outbox (no, id, session, state, channel, chat, body)
            VALUES (7, x'07', 's', 2, 'c', 'x', '{"at": 70}'), (8, x'08', 's', 2, 'c', 'x', 'broken');
        INSERT INTO parts (outbox_no, idx, id, state, doubted)
            VALUES (7, 0, x'70', 2, 0), (7, 1, x'71', 3, 0), (8, 0, x'80', 4, 1);
        INSERT INTO audit (no, session, place, hash, body)
            VALUES (1, 's', 1, 'h', '{"subject": "exec"}'), (2, 's', 2, 'h', 'broken');
    "#;

    #[tokio::test]
    async fn a_store_of_the_first_version_lists_what_it_did_not_deliver() {
        let statements = statements(&MIGRATIONS[1]);
        let all: Vec<&str> = statements.split_inclusive(";\n").collect();
        for killed_after in 0..=all.len() {
            let (_dir, layout) = old_store(&MIGRATIONS[..1]).await;
            let mut connection = connect::writer(&layout.database).await.unwrap();
            connection.execute(FIRST).await.unwrap();
            close(connection).await;
            killed(&layout, all[..killed_after].concat()).await;
            let mut connection = connect::writer(&layout.database).await.unwrap();
            make_ours(&mut connection, &layout, MIGRATIONS).await.unwrap();
            let mut script =
                Script::new("SELECT failed_at FROM parts WHERE failed_at IS NOT NULL ORDER BY outbox_no");
            script.add("SELECT no FROM audit WHERE subject = 'exec'");
            script.add("SELECT doubted FROM parts ORDER BY outbox_no, idx");
            let mut found = script.run(&mut connection).await.unwrap();
            let mut numbers = |index| {
                let rows = found.take(index);
                rows.iter().map(|row| column(row, 0).unwrap()).collect::<Vec<i64>>()
            };
            assert_eq!((numbers(0), numbers(1), numbers(2)), (vec![70, 0], vec![1], vec![0, 0, 1]));
            assert_eq!(keys(&mut connection).await, ["a", "b"]);
            let mut copy = connect::reader(&layout.backup(2)).await.unwrap();
            assert_eq!(current(&mut copy).await.unwrap(), 1);
        }
    }

    #[test]
    fn what_shipped_is_never_changed() {
        use sha2::{Digest, Sha256};
        // Before the first release these digests may be renewed; afterwards a change is a new migration.
        let digests: Vec<String> = MIGRATIONS
            .iter()
            .map(|migration| format!("{:x?}", &Sha256::digest(migration.sql.as_bytes())[..4]))
            .collect();
        assert_eq!(
            digests,
            [
                "[f8, 76, df, 78]",
                "[2c, ea, 2f, 7b]",
                "[7e, 30, 18, e2]",
                "[c0, f8, 56, 35]",
                "[c7, 6a, 22, 27]",
                "[ef, 32, 68, f1]",
                "[5b, 3a, 9f, fb]",
                "[a6, 65, df, 80]"
            ]
        );
    }
}
