//! `MemoryIndex`: words in an FTS5 table beside what they were taken from.
//!
//! Messages are taken up behind their commit, in batches that move the cursor with them. A search asks the index for each
//! word by itself, newest first and bounded, so that a word that stands everywhere costs no more than a rare one; ranks
//! by how rare the words are; and reads only the best texts.

mod feed;
mod files;
mod marks;
mod range;
mod search;
mod vectors;

use async_trait::async_trait;
use session_api::{
    IndexProgress, MemoryFile, MemoryIndex, MemoryQuery, MemorySection, Recalled, Scope, SessionKey,
    StoreError,
};

use crate::{open::SqliteStore, writer::Grade};

pub(crate) use feed::forget_messages;
pub(crate) use vectors::scrub;

#[async_trait]
impl MemoryIndex for SqliteStore {
    async fn index_messages(&self, limit: usize) -> Result<IndexProgress, StoreError> {
        feed::index_messages(self, limit).await
    }

    async fn index_file(&self, file: MemoryFile) -> Result<(), StoreError> {
        self.write(Grade::QUIET, move |transaction| Box::pin(files::replace(transaction, file))).await
    }

    async fn indexed_files(&self) -> Result<Vec<(String, String)>, StoreError> {
        files::known(self).await
    }

    async fn notes(
        &self,
        scope: &Scope,
        path: &str,
        line: u32,
        limit: usize,
    ) -> Result<Vec<MemorySection>, StoreError> {
        files::notes(self, scope, path, line, limit).await
    }

    async fn forget_message(
        &self,
        scope: &Scope,
        session: &SessionKey,
        seq: u64,
    ) -> Result<bool, StoreError> {
        let (scope, session) = (scope.clone(), session.clone());
        let forgotten = self
            .write(Grade::DURABLE, move |transaction| {
                Box::pin(feed::forget_message(transaction, scope, session, seq))
            })
            .await?;
        scrub(self).await;
        Ok(forgotten)
    }

    async fn forget_index(&self) -> Result<(), StoreError> {
        self.write(Grade::QUIET, |transaction| Box::pin(feed::forget_all(transaction))).await
    }

    async fn recall(&self, scope: &Scope, query: &MemoryQuery) -> Result<Recalled, StoreError> {
        search::recall(self, scope, query).await
    }
}
