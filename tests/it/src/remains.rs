//! What a killed gateway left in its database.

use std::collections::BTreeSet;

use servers::TempHome;
use sqlx::{Connection as _, Row as _, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::talk::marks;

/// What was being sent when the process died: for that alone something may come twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InFlight {
    /// Parts of the outbox.
    pub parts: usize,
    /// Marks in their texts.
    pub marks: BTreeSet<String>,
    /// Drafts that were sent, or about to be, and of which nobody knows where they stand.
    pub drafts: usize,
}

impl InFlight {
    /// Adds another kill's.
    pub fn add(&mut self, other: Self) {
        self.parts += other.parts;
        self.drafts += other.drafts;
        self.marks.extend(other.marks);
    }

    /// Reads it from a copy: the original stays as the kill left it.
    ///
    /// # Panics
    /// When the database cannot be read.
    #[must_use]
    #[expect(clippy::panic, reason = "a test that cannot see what was left has nothing to say")]
    pub fn of(home: &TempHome) -> Self {
        match read(home) {
            Ok(found) => found,
            Err(error) => panic!("what was in flight cannot be read: {error}"),
        }
    }
}

fn read(home: &TempHome) -> Result<InFlight, Box<dyn std::error::Error>> {
    let copy = tempfile::tempdir()?;
    for name in ["factotum.db", "factotum.db-wal"] {
        let from = home.path().join(name);
        if from.exists() {
            std::fs::copy(&from, copy.path().join(name))?;
        } else if name == "factotum.db" {
            return Ok(InFlight::default());
        }
    }
    let options = SqliteConnectOptions::new().filename(copy.path().join("factotum.db"));
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut db = SqliteConnection::connect_with(&options).await?;
        let tables: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM sqlite_schema WHERE name IN ('parts', 'outbox', 'drafts')",
        )
        .fetch_one(&mut db)
        .await?;
        if tables < 3 {
            return Ok(InFlight::default());
        }
        let sending = "SELECT coalesce(p.body, '') || ' ' || o.body FROM parts p JOIN outbox o ON o.no = p.outbox_no \
                       WHERE p.state = 1";
        let mut found = InFlight::default();
        for row in sqlx::query(sending).fetch_all(&mut db).await? {
            found.parts += 1;
            found.marks.extend(marks(&row.try_get::<String, _>(0)?));
        }
        let drafts = "SELECT count(*) FROM drafts WHERE platform_id IS NULL AND taken = 0";
        let drafts: i64 = sqlx::query_scalar(drafts).fetch_one(&mut db).await?;
        found.drafts = usize::try_from(drafts).unwrap_or_default();
        Ok(found)
    })
}
