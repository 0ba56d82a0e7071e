//! What an operation works on: the writer's connection inside a group's transaction.

use session_api::{IdSource, StoreError, Timestamp, WorkerId};
use sqlx::SqliteConnection;
use std::sync::Arc;

use crate::{
    error::{IOERR, code, from_sqlx},
    liveness,
    open::Shared,
    script::{Answers, Script},
};

/// Numbers that one group can give out.
const PER_GROUP: i64 = 1 << 20;

/// The writer's connection, and what operations need besides.
pub(crate) struct Transaction {
    pub(crate) connection: SqliteConnection,
    pub(crate) shared: Arc<Shared>,
    next: i64,
    last: i64,
    savepoint: bool,
    /// An error after which nothing that this process writes can be trusted to reach the disk.
    pub(crate) fatal: Option<String>,
}

impl Transaction {
    pub(crate) fn new(connection: SqliteConnection, shared: Arc<Shared>) -> Self {
        Self { connection, shared, next: 0, last: 0, savepoint: false, fatal: None }
    }

    /// A group begins, with the store's clock at `tick`.
    pub(crate) fn begin(&mut self, tick: i64) {
        self.next = tick.saturating_mul(PER_GROUP);
        self.last = self.next + PER_GROUP - 1;
        self.savepoint = false;
    }

    /// The next place in the store's order: greater than every one that was ever given out.
    pub(crate) fn no(&mut self) -> Result<i64, StoreError> {
        if self.next >= self.last {
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

    /// Runs a script inside the operation's savepoint, which its first script opens.
    pub(crate) async fn run(&mut self, mut script: Script) -> Result<Answers, StoreError> {
        if script.is_empty() {
            return Ok(Answers::default());
        }
        let first = !self.savepoint;
        if first {
            script.prepend("SAVEPOINT operation");
            self.savepoint = true;
        }
        let mut answers = self.send(script).await?;
        if first {
            answers.skip(1);
        }
        Ok(answers)
    }

    /// As [`run`](Self::run), for the last script of an operation that succeeds with it: saves the trip to end the
    /// savepoint.
    pub(crate) async fn finish(&mut self, mut script: Script) -> Result<Answers, StoreError> {
        if !self.savepoint {
            // Without a savepoint before it, one script is an operation of its own and needs one for its errors.
            script.prepend("SAVEPOINT operation");
            script.add("RELEASE operation");
            self.savepoint = true;
            let mut answers = self.send(script).await?;
            self.savepoint = false;
            answers.skip(1);
            return Ok(answers);
        }
        script.add("RELEASE operation");
        let answers = self.send(script).await?;
        self.savepoint = false;
        Ok(answers)
    }

    /// Ends the savepoint of an operation that is over. An error means that the whole group is lost.
    pub(crate) async fn settle(&mut self, kept: bool) -> Result<(), StoreError> {
        if !std::mem::take(&mut self.savepoint) {
            return Ok(());
        }
        let mut script = Script::default();
        if !kept {
            script.add("ROLLBACK TO operation");
        }
        script.add("RELEASE operation");
        self.send(script).await.map(drop)
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
        from_sqlx(&self.shared.layout.database, error)
    }
}
