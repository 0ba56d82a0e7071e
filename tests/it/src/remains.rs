//! What a gateway left in its database.

use std::collections::{BTreeMap, BTreeSet};

use servers::TempHome;
use sqlx::{Connection as _, Row as _, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::talk::{canaries, marks};

type Failure = Box<dyn std::error::Error>;

/// What was being sent when the process died: for that alone something may come twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InFlight {
    /// Parts of the outbox.
    pub parts: usize,
    /// Drafts that were sent, or about to be, and of which nobody knows where they stand.
    pub drafts: usize,
    /// The marks in them, each with the number of kills that it was in flight at.
    pub marks: BTreeMap<String, usize>,
}

impl InFlight {
    /// Adds another kill's.
    pub fn add(&mut self, other: Self) {
        self.parts += other.parts;
        self.drafts += other.drafts;
        for (mark, kills) in other.marks {
            *self.marks.entry(mark).or_default() += kills;
        }
    }

    /// Reads it from a copy: the original stays as the kill left it.
    ///
    /// # Panics
    /// When the database cannot be read.
    #[must_use]
    #[expect(clippy::panic, reason = "a test that cannot see what was left has nothing to say")]
    pub fn of(home: &TempHome) -> Self {
        match on_copy(home, async |db| in_flight(db).await) {
            Ok(found) => found.unwrap_or_default(),
            Err(error) => panic!("what was in flight cannot be read: {error}"),
        }
    }
}

/// What the database says when everything is over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remains {
    /// What `PRAGMA integrity_check` and `PRAGMA foreign_key_check` found; empty when all is well.
    pub damage: Vec<String>,
    /// Canaries that stand in the history of a conversation beside another one, or in two conversations.
    pub foreign: Vec<String>,
    /// The marks of messages whose turn was given up, as far as a notice of that turn was sent.
    pub given_up: BTreeSet<String>,
}

impl Remains {
    /// Reads them from a copy.
    ///
    /// # Panics
    /// When the database cannot be read at all, or is not there.
    #[must_use]
    #[expect(clippy::panic, reason = "a database that cannot be read is the worst that there is")]
    pub fn of(home: &TempHome) -> Self {
        match on_copy(home, async |db| remains(db).await) {
            Ok(Some(found)) => found,
            Ok(None) => panic!("there is no database"),
            Err(error) => panic!("the database cannot be read: {error}"),
        }
    }
}

/// Whether nothing waits or runs in the database of a gateway that is at work.
///
/// # Panics
/// When it cannot be read.
#[must_use]
#[expect(clippy::panic, reason = "a database that cannot be read is the worst that there is")]
pub(crate) fn idle(home: &TempHome) -> bool {
    let options = SqliteConnectOptions::new().filename(home.path().join("factotum.db")).read_only(true);
    let open =
        "SELECT (SELECT count(*) FROM inbox WHERE state < 2) + (SELECT count(*) FROM outbox WHERE state < 2)
                + (SELECT count(*) FROM turns WHERE state < 2)";
    let found = runtime().and_then(|runtime| {
        runtime.block_on(async {
            let mut db = SqliteConnection::connect_with(&options).await?;
            let open: i64 = sqlx::query_scalar(open).fetch_one(&mut db).await?;
            db.close().await?;
            Ok(open == 0)
        })
    });
    match found {
        Ok(idle) => idle,
        Err(error) => panic!("the database cannot be read: {error}"),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// Does this with a copy of the database; `None` where there is none.
fn on_copy<T>(
    home: &TempHome,
    look: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    let copy = tempfile::tempdir()?;
    for name in ["factotum.db", "factotum.db-wal"] {
        let from = home.path().join(name);
        if from.exists() {
            std::fs::copy(&from, copy.path().join(name))?;
        } else if name == "factotum.db" {
            return Ok(None);
        }
    }
    let options = SqliteConnectOptions::new().filename(copy.path().join("factotum.db"));
    runtime()?.block_on(async {
        let mut db = SqliteConnection::connect_with(&options).await?;
        let found = look(&mut db).await?;
        db.close().await?;
        Ok(Some(found))
    })
}

async fn in_flight(db: &mut SqliteConnection) -> Result<InFlight, Failure> {
    let tables: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM sqlite_schema WHERE name IN ('parts', 'outbox', 'drafts', 'inbox')",
    )
    .fetch_one(&mut *db)
    .await?;
    if tables < 4 {
        return Ok(InFlight::default());
    }
    let mut found = InFlight::default();
    let mut flying = BTreeSet::new();
    let sending = "SELECT coalesce(p.body, '') || ' ' || o.body FROM parts p JOIN outbox o ON o.no = p.outbox_no \
                   WHERE p.state = 1";
    for row in sqlx::query(sending).fetch_all(&mut *db).await? {
        found.parts += 1;
        flying.extend(marks(&row.try_get::<String, _>(0)?));
    }
    // A draft's text is not kept; it answers what its turn took.
    let drafts = "SELECT (SELECT group_concat(i.body, ' ') FROM inbox i WHERE i.turn_id = d.turn_id) FROM drafts d \
                  WHERE d.platform_id IS NULL AND d.taken = 0";
    for row in sqlx::query(drafts).fetch_all(&mut *db).await? {
        found.drafts += 1;
        flying.extend(marks(&row.try_get::<Option<String>, _>(0)?.unwrap_or_default()));
    }
    found.marks = flying.into_iter().map(|mark| (mark, 1)).collect();
    Ok(found)
}

async fn remains(db: &mut SqliteConnection) -> Result<Remains, Failure> {
    let mut found = Remains::default();
    for row in sqlx::query("PRAGMA integrity_check").fetch_all(&mut *db).await? {
        let said: String = row.try_get(0)?;
        if said != "ok" {
            found.damage.push(said);
        }
    }
    for row in sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut *db).await? {
        found.damage.push(format!("a row of {} points nowhere", row.try_get::<String, _>(0)?));
    }
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    // A message's key begins with its session's.
    let said = "SELECT s.key, m.body FROM messages m JOIN sessions s ON s.id = m.pk >> 32";
    for row in sqlx::query(said).fetch_all(&mut *db).await? {
        let (session, body): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        for canary in canaries(&body) {
            seen.entry(canary).or_default().insert(session.clone());
        }
    }
    let mut owners: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (canary, sessions) in &seen {
        if sessions.len() > 1 {
            found.foreign.push(format!("{canary} in {sessions:?}"));
        }
        for session in sessions {
            owners.entry(session.clone()).or_default().push(canary);
        }
    }
    let mixed = owners.into_iter().filter(|(_, canaries)| canaries.len() > 1);
    found.foreign.extend(mixed.map(|(session, canaries)| format!("{canaries:?} in {session}")));
    let failed = "SELECT i.body FROM inbox i WHERE i.state = 2 AND i.outcome = 2 AND EXISTS (SELECT 1 FROM outbox o \
                  JOIN parts p ON p.outbox_no = o.no WHERE o.turn_id = i.turn_id AND p.state = 2)";
    for row in sqlx::query(failed).fetch_all(&mut *db).await? {
        found.given_up.extend(marks(&row.try_get::<String, _>(0)?));
    }
    if seen.is_empty() {
        return Err("no message of any chat is in the database".into());
    }
    Ok(found)
}
