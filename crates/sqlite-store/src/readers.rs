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
pub(crate) struct Readers {
    file: PathBuf,
    idle: Mutex<Vec<SqliteConnection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn new(file: PathBuf, count: usize) -> Self {
        Self { file, idle: Mutex::default(), permits: Arc::new(Semaphore::new(count.max(1))) }
    }

    /// Runs a script on one of them. Several statements see one state of the store.
    pub(crate) async fn read(&self, script: Script) -> Result<Answers, StoreError> {
        let _permit = self.permits.acquire().await.map_err(|error| StoreError::Unavailable {
            what: "the readers are closed".into(),
            source: Some(Box::new(error)),
        })?;
        let idle = self.idle.lock().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => connect::reader(&self.file).await.map_err(|error| from_sqlx(&self.file, error))?,
        };
        // A connection that failed, or whose caller went away meanwhile, is not put back: it may stand in the middle
        // of something.
        let answers = script.run(&mut connection).await.map_err(|error| from_sqlx(&self.file, error))?;
        self.idle.lock().push(connection);
        Ok(answers)
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
