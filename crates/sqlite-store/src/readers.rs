//! Connections that read.

use std::{path::PathBuf, sync::Arc};

use parking_lot::Mutex;
use session_api::StoreError;
use sqlx::SqliteConnection;
use tokio::sync::Semaphore;

use crate::{
    connect,
    error::from_sqlx,
    script::{Answers, Script},
};

/// A few connections, opened when first needed and kept.
#[derive(Clone)]
pub(crate) struct Readers(Arc<Shared>);

struct Shared {
    file: PathBuf,
    idle: Mutex<Vec<SqliteConnection>>,
    permits: Semaphore,
}

impl Readers {
    pub(crate) fn new(file: PathBuf, count: usize) -> Self {
        Self(Arc::new(Shared { file, idle: Mutex::default(), permits: Semaphore::new(count.max(1)) }))
    }

    /// Runs a script on one of them. Several statements see one state of the store.
    ///
    /// In a task of its own: a caller that begins a read and is then not polled for a while, as one branch of a loop that
    /// is busy in another, must not keep a connection, or all callers could wait for one another for ever.
    pub(crate) async fn read(&self, script: Script) -> Result<Answers, StoreError> {
        let shared = self.0.clone();
        #[expect(clippy::disallowed_methods, reason = "awaited here; left alone, it ends with its statement")]
        let task = tokio::spawn(async move { shared.read(script).await });
        task.await.map_err(|error| StoreError::Unavailable {
            what: "the read was ended".into(),
            source: Some(Box::new(error)),
        })?
    }

    /// As [`read`](Self::read), for scripts of more than one statement.
    pub(crate) async fn snapshot(&self, mut script: Script) -> Result<Answers, StoreError> {
        script.prepend("BEGIN");
        script.add("COMMIT");
        let mut answers = self.read(script).await?;
        answers.skip(1);
        Ok(answers)
    }
}

impl Shared {
    async fn read(&self, script: Script) -> Result<Answers, StoreError> {
        let _permit = self.permits.acquire().await.map_err(|error| StoreError::Unavailable {
            what: "the readers are closed".into(),
            source: Some(Box::new(error)),
        })?;
        let idle = self.idle.lock().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => connect::reader(&self.file).await.map_err(|error| from_sqlx(&self.file, error))?,
        };
        // A connection that failed is not put back: it may stand in the middle of something.
        let answers = script.run(&mut connection).await.map_err(|error| from_sqlx(&self.file, error))?;
        self.idle.lock().push(connection);
        Ok(answers)
    }
}
