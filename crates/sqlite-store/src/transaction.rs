//! What an operation works on: the writer's connection inside a group's transaction.

use session_api::{IdSource, StoreError, Timestamp, WorkerId};
use sqlx::{SqliteConnection, sqlite::SqliteRow};
use std::sync::Arc;

use crate::{
    error::{IOERR, again, code, from_sqlx},
    liveness,
    open::Shared,
    script::{Answers, Script, column},
};

/// Numbers that one group can give out.
const PER_GROUP: i64 = 1 << 20;

/// What a group begins with, sent together with its first operation's first script.
const BEGIN: [&str; 3] = [
    "BEGIN IMMEDIATE",
    "PRAGMA data_version",
    "UPDATE store_clock SET tick = tick + 1 WHERE id = 1 RETURNING tick",
];

/// How far a group has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// `BEGIN` was not sent yet.
    Asked,
    /// The transaction is open.
    Open,
    /// It was committed together with its last operation.
    Committed,
}

/// The writer's connection, and what operations need besides.
pub(crate) struct Transaction {
    pub(crate) connection: SqliteConnection,
    pub(crate) shared: Arc<Shared>,
    next: i64,
    last: i64,
    savepoint: bool,
    stage: Stage,
    /// Nothing waits behind the operation: it may commit the group when it finishes.
    pub(crate) alone: bool,
    /// What `PRAGMA data_version` read when the group began.
    pub(crate) data_version: i64,
    /// The database error that the running operation met first.
    cause: Option<StoreError>,
    /// An error after which nothing that this process writes can be trusted to reach the disk.
    pub(crate) fatal: Option<String>,
}

impl Transaction {
    pub(crate) fn new(connection: SqliteConnection, shared: Arc<Shared>) -> Self {
        Self {
            connection,
            shared,
            next: 0,
            last: 0,
            savepoint: false,
            stage: Stage::Committed,
            alone: false,
            data_version: -1,
            cause: None,
            fatal: None,
        }
    }

    /// A group begins: the first script of its first operation opens the transaction.
    pub(crate) fn begin(&mut self) {
        (self.next, self.last) = (0, 0);
        self.savepoint = false;
        self.stage = Stage::Asked;
    }

    /// Commits the group, where its last operation did not.
    pub(crate) async fn commit(&mut self) -> Result<(), StoreError> {
        if self.stage == Stage::Open {
            self.send(Script::new("COMMIT")).await?;
        }
        self.stage = Stage::Committed;
        Ok(())
    }

    /// The next place in the store's order: greater than every one that was ever given out.
    pub(crate) fn no(&mut self) -> Result<i64, StoreError> {
        if self.next >= self.last {
            // Also before the group's first script, which no operation does: it has nothing to write by then.
            return Err(crate::error::invalid("more than a million rows in one call"));
        }
        self.next += 1;
        Ok(self.next)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    pub(crate) fn ids(&self) -> &dyn IdSource {
        self.shared.ids.as_ref()
    }

    /// Whether `worker` lives. This process does; it would not be here otherwise.
    pub(crate) fn lives(&self, worker: WorkerId) -> bool {
        worker == self.shared.worker || liveness::lives(&self.shared.layout.run, worker)
    }

    /// Opens the operation where nothing has run in it yet, so that it can have numbers.
    pub(crate) async fn enter(&mut self) -> Result<(), StoreError> {
        if self.stage == Stage::Asked {
            self.send_inside(Script::new("SELECT 1")).await?;
        }
        Ok(())
    }

    /// Runs a script inside the operation's savepoint, which its first script opens.
    pub(crate) async fn run(&mut self, script: Script) -> Result<Answers, StoreError> {
        if script.is_empty() {
            return Ok(Answers::default());
        }
        self.send_inside(script).await
    }

    /// As [`run`](Self::run), for the last script of an operation that succeeds with it: saves the trips to end the
    /// savepoint and, when nothing waits behind it, the group.
    pub(crate) async fn finish(&mut self, mut script: Script) -> Result<Answers, StoreError> {
        script.add("RELEASE operation");
        if self.alone {
            script.add("COMMIT");
        }
        let answers = self.send_inside(script).await?;
        self.savepoint = false;
        if self.alone {
            self.stage = Stage::Committed;
        }
        Ok(answers)
    }

    async fn send_inside(&mut self, mut script: Script) -> Result<Answers, StoreError> {
        let mut before = 0;
        if !self.savepoint {
            script.prepend("SAVEPOINT operation");
            self.savepoint = true;
            before += 1;
        }
        let begins = self.stage == Stage::Asked;
        if begins {
            BEGIN.iter().rev().for_each(|sql| script.prepend(sql));
            before += BEGIN.len();
        }
        let mut answers = self.send(script).await?;
        if begins {
            let number = |row: Option<SqliteRow>| {
                row.ok_or(sqlx::Error::RowNotFound).and_then(|row| column::<i64>(&row, 0))
            };
            let read = number(answers.first(1)).and_then(|version| Ok((version, number(answers.first(2))?)));
            let (version, tick) = read.map_err(|error| self.database_error(error))?;
            self.data_version = version;
            self.next = tick.saturating_mul(PER_GROUP);
            self.last = self.next + PER_GROUP - 1;
            self.stage = Stage::Open;
        }
        answers.skip(before);
        Ok(answers)
    }

    /// Ends the savepoint of an operation that is over. An error means that the whole group is lost.
    pub(crate) async fn settle(&mut self, kept: bool) -> Result<(), StoreError> {
        let cause = self.cause.take();
        if !std::mem::take(&mut self.savepoint) {
            return Ok(());
        }
        if self.stage == Stage::Asked {
            // The first script failed, perhaps before its savepoint: the group begins anew with the next operation.
            let outcome = self.send(Script::new("ROLLBACK")).await;
            return if self.fatal.is_some() { outcome.map(drop) } else { Ok(()) };
        }
        let mut script = Script::default();
        if !kept {
            script.add("ROLLBACK TO operation");
        }
        script.add("RELEASE operation");
        // Where `SQLite` has rolled everything back by itself (a full disk, an I/O error), there is no savepoint any
        // more; what it rolled back for is the error to tell.
        let ended = self.send(script).await;
        ended.map(drop).map_err(|error| cause.unwrap_or(error))
    }

    async fn send(&mut self, script: Script) -> Result<Answers, StoreError> {
        match script.run(&mut self.connection).await {
            Ok(answers) => Ok(answers),
            Err(error) => Err(self.database_error(error)),
        }
    }

    /// The store error for a database error, remembering whether the writer may go on after it.
    pub(crate) fn database_error(&mut self, error: sqlx::Error) -> StoreError {
        let lost_thread = matches!(error, sqlx::Error::WorkerCrashed | sqlx::Error::Io(_));
        if lost_thread || code(&error) == Some(IOERR) {
            self.fatal.get_or_insert_with(|| error.to_string());
        }
        let error = from_sqlx(&self.shared.layout.database, error);
        self.cause.get_or_insert_with(|| again(&error));
        error
    }
}
