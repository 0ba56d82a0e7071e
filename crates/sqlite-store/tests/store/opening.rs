//! Opening what is new, old, foreign, damaged or gone. Nothing is ever reset.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::support::{RandomIds, TestClock, options, start};
use session_api::{ManualClock, Scope, SessionKey, SessionStore, StoreError};
use sqlite_store::{OpenError, OpenOptions, SqliteStore};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

async fn open(dir: &Path) -> Result<(), OpenError> {
    try_open(options(dir, 9)).await
}

async fn try_open(options: OpenOptions) -> Result<(), OpenError> {
    let clock = Arc::new(TestClock(ManualClock::default()));
    SqliteStore::open(options, clock, Arc::new(RandomIds)).await.map(drop)
}

fn file(dir: &TempDir) -> PathBuf {
    dir.path().join("factotum.db")
}

/// A directory with a store of one session, closed and checkpointed.
async fn used() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let running = start(options(dir.path(), 1), ManualClock::default()).await;
    let owner = session_api::PrincipalId("owner".into());
    let key = SessionKey::new("test", "bot", "chat");
    let message = session_api::Message {
        id: session_api::MessageId::new(&RandomIds),
        role: session_api::Role::User,
        principal: None,
        turn: session_api::TurnId::new(&RandomIds),
        at: session_api::Timestamp(1),
        parts: vec![session_api::Part::text("hello")],
    };
    running.store.import_session(&key, &owner, vec![message]).await.unwrap();
    drop(running.store);
    running.writer.await.unwrap().unwrap();
    // Folds the log into the file, so that damage to the file is damage to what is in it.
    sql(&file(&dir), "PRAGMA wal_checkpoint(TRUNCATE)").await;
    dir
}

async fn connect(file: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(file).create_if_missing(true).connect().await.unwrap()
}

async fn sql(file: &Path, text: &str) {
    let mut connection = connect(file).await;
    sqlx::raw_sql(AssertSqlSafe(text.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn the_bundled_sqlite_has_the_wal_fix() {
    let mut connection = connect(&tempfile::tempdir().unwrap().path().join("any.db")).await;
    let version: String =
        sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut connection).await.unwrap();
    let parts: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
    assert!(parts >= vec![3, 51, 3], "SQLite {version}");
}

/// The newest version of the schema: the greatest number of a file of migrations.
fn newest() -> i64 {
    let files = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).unwrap();
    let number = |file: std::io::Result<fs::DirEntry>| {
        let name = file.unwrap().file_name().into_string().unwrap();
        name.split('_').next().unwrap().parse::<i64>().unwrap()
    };
    files.map(number).max().unwrap()
}

#[tokio::test]
async fn a_store_opens_again_and_is_sound() {
    let dir = used().await;
    let running = start(options(dir.path(), 2), ManualClock::default()).await;
    assert_eq!(running.store.sessions(&Scope::All, 10).await.unwrap().len(), 1);
    let health = running.store.integrity().await.unwrap();
    assert!(health.is_sound(), "{health:?}");
    assert_eq!(health.schema, newest());
}

#[tokio::test]
async fn a_foreign_database_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    sql(&file(&dir), "PRAGMA application_id = 77; CREATE TABLE theirs (a); PRAGMA user_version = 1").await;
    let before = fs::read(file(&dir)).unwrap();
    let error = open(dir.path()).await.unwrap_err();
    assert!(matches!(error, OpenError::Foreign { application_id: 77, .. }), "{error}");
    assert_eq!(fs::read(file(&dir)).unwrap(), before);
}

#[tokio::test]
async fn a_newer_database_names_both_versions_and_the_backup() {
    let dir = used().await;
    sql(&file(&dir), "PRAGMA user_version = 1000").await;
    let before = fs::read(file(&dir)).unwrap();
    let error = open(dir.path()).await.unwrap_err().to_string();
    for part in ["factotum.db", "1000", &format!("knows {}", newest()), "backup-before-1000.db"] {
        assert!(error.contains(part), "{part} in: {error}");
    }
    assert_eq!(fs::read(file(&dir)).unwrap(), before);
}

#[tokio::test]
async fn a_missing_or_empty_database_is_refused_where_a_store_was() {
    for empty in [false, true] {
        let dir = used().await;
        if empty {
            fs::write(file(&dir), "").unwrap();
        } else {
            fs::remove_file(file(&dir)).unwrap();
        }
        let error = open(dir.path()).await.unwrap_err();
        assert!(matches!(error, OpenError::Vanished { .. }), "{error}");
        assert!(error.to_string().contains("store.created"), "{error}");
    }
}

#[tokio::test]
async fn an_empty_file_in_a_new_directory_is_a_beginning() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(file(&dir), "").unwrap();
    open(dir.path()).await.unwrap();
}

#[tokio::test]
async fn a_log_or_blobs_without_their_database_are_refused() {
    for left in ["factotum.db-wal", "blobs/ab"] {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("blobs")).unwrap();
        fs::write(dir.path().join(left), "something").unwrap();
        let error = open(dir.path()).await.unwrap_err();
        assert!(matches!(error, OpenError::Vanished { .. }), "{left}: {error}");
    }
}

#[tokio::test]
async fn a_directory_in_place_of_the_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(file(&dir)).unwrap();
    assert!(open(dir.path()).await.unwrap_err().to_string().contains("is a directory"));
}

#[tokio::test]
async fn a_killed_first_start_leaves_no_trace_that_stops_the_next() {
    let text = include_str!("../../migrations/0001_core.sql");
    let statements: Vec<&str> = text.split_inclusive(";\n").collect();
    for killed_after in 0..statements.len() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("run")).unwrap();
        let mut connection = connect(&file(&dir)).await;
        let begun =
            format!("PRAGMA journal_mode = WAL; BEGIN IMMEDIATE;{}", statements[..killed_after].concat());
        // Cut inside the body of a trigger it is not whole: then nothing of that statement ran, as after a kill.
        let _ = sqlx::raw_sql(AssertSqlSafe(begun)).execute(&mut connection).await;
        drop(connection);
        open(dir.path()).await.unwrap_or_else(|error| panic!("after {killed_after} statements: {error}"));
    }
}

#[tokio::test]
async fn a_full_disk_is_said_to_be_full_and_harms_nothing() {
    let dir = used().await;
    let running = start(options(dir.path(), 3), ManualClock::default()).await;
    let key = SessionKey::new("test", "bot", "full");
    let huge = session_api::Message {
        id: session_api::MessageId::new(&RandomIds),
        role: session_api::Role::User,
        principal: None,
        turn: session_api::TurnId::new(&RandomIds),
        at: session_api::Timestamp(1),
        parts: vec![session_api::Part::text("x".repeat(1 << 20))],
    };
    running.store.limit_pages(100).await.unwrap();
    let owner = session_api::PrincipalId("owner".into());
    let refused = running.store.import_session(&key, &owner, vec![huge.clone()]).await;
    assert!(matches!(refused, Err(StoreError::Full { .. })), "{refused:?}");
    running.store.limit_pages(100_000).await.unwrap();
    assert_eq!(running.store.import_session(&key, &owner, vec![huge]).await.unwrap(), 1);
}

/// The corpus that the project shares, where it is at hand.
fn corpus() -> Option<serde_json::Value> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = here
        .ancestors()
        .map(|dir| dir.join("shared/corpora/security/malformed_db.json"))
        .find(|p| p.exists());
    let text = path.and_then(|path| fs::read_to_string(path).ok());
    text.map(|text| serde_json::from_str(&text).unwrap())
}

/// Does to the directory what the corpus says; whether it is something that happens to the database alone.
async fn damage(dir: &TempDir, op: &serde_json::Value) -> bool {
    let path = dir.path().join(op["file"].as_str().unwrap());
    let bytes = || fs::read(&path).unwrap_or_default();
    match op["op"].as_str().unwrap() {
        "truncate" => {
            let size = bytes().len();
            let to = match &op["to"] {
                serde_json::Value::String(_) => size * 8 / 10,
                number => usize::try_from(number.as_u64().unwrap()).unwrap(),
            };
            fs::write(&path, &bytes()[..to.min(size)]).unwrap();
        }
        "overwrite" => {
            let mut all = bytes();
            let hex = op["hex"].as_str().unwrap();
            let at = usize::try_from(op["at"].as_u64().unwrap()).unwrap();
            all[at..at + hex.len() / 2].fill(0xff);
            fs::write(&path, all).unwrap();
        }
        "flip_bits" => {
            let mut all = bytes();
            for n in 0..8usize {
                let place = (n * 7919 + 4099) % all.len();
                all[place] ^= 1 << n;
            }
            fs::write(&path, all).unwrap();
        }
        "replace_text" => fs::write(&path, op["text"].as_str().unwrap()).unwrap(),
        "zero_page" => {
            let mut all = bytes();
            all[..4096].fill(0);
            fs::write(&path, all).unwrap();
        }
        "sql" => {
            let text =
                op["sql"].as_str().unwrap().replace("{OUTBOX}", "parts").replace("{MESSAGES}", "messages");
            sql(&path, &text.replace("{JSON}", "body")).await;
        }
        "delete" => drop(fs::remove_file(&path)),
        "replace_with_symlink" => {
            fs::remove_file(&path).unwrap();
            std::os::unix::fs::symlink("nowhere", &path).unwrap();
        }
        _ => return false,
    }
    true
}

#[tokio::test]
async fn damaged_stores_are_refused_or_read_and_never_replaced() {
    let Some(corpus) = corpus() else {
        eprintln!("SKIPPED: no shared/corpora/security/malformed_db.json above this crate");
        return;
    };
    for entry in corpus["entries"].as_array().unwrap() {
        let (id, expected) = (entry["id"].as_str().unwrap(), entry["expect"]["outcome"].as_str().unwrap());
        let dir = used().await;
        let mut ours = true;
        for op in entry["input"]["ops"].as_array().unwrap() {
            ours &= damage(&dir, op).await;
        }
        if !ours {
            eprintln!("SKIPPED: {id} is about more than the database");
            continue;
        }
        match open(dir.path()).await {
            Err(error) => {
                assert!(expected.contains("refuse"), "{id} was refused: {error}");
                assert!(error.to_string().contains("factotum.db"), "{id}: {error}");
            }
            Ok(()) => {
                assert!(expected.contains("open"), "{id} was opened");
                let running = start(options(dir.path(), 5), ManualClock::default()).await;
                let key = SessionKey::new("test", "bot", "chat");
                let budget = session_api::WindowBudget { messages: 10, bytes: 1000 };
                // Damaged rows may be refused, but what opened must not be empty.
                match running.store.window(&Scope::All, &key, budget).await {
                    Ok(_) | Err(StoreError::Corrupt { .. }) => {}
                    Err(error) => panic!("{id}: {error}"),
                }
                if let Ok(sessions) = running.store.sessions(&Scope::All, 10).await {
                    assert!(!sessions.is_empty(), "{id} was reset");
                }
            }
        }
    }
}
