//! `VectorIndex`: vectors in a table, which is the truth, and rounded in a file that searches read.

mod feed;
mod file;
mod search;
mod sync;

use async_trait::async_trait;
use session_api::{MemoryQuery, Nearest, Scope, StoreError, VectorIndex, VectorMark, WithoutVector};

use crate::{encode::Reading, open::SqliteStore, script::Script};
use file::Described;

pub(crate) use sync::scrub;

const STATE: &str = "SELECT model, length, generation, upto, newest, stamp,
    EXISTS (SELECT 1 FROM memory_vectors_gone) FROM memory_vector_state WHERE id = 1";

/// What the database says of the vectors as a whole.
struct State {
    model: String,
    /// Parts of a vector; 0 where there was none yet.
    length: usize,
    generation: u64,
    upto: i64,
    newest: i64,
    stamp: [u8; 16],
    /// Whether some went that may still stand in the file.
    gone: bool,
}

impl State {
    async fn of(store: &SqliteStore) -> Result<Self, StoreError> {
        let row = store.read(Script::new(STATE)).await?.first(0);
        let file = &store.shared.layout.database;
        let missing =
            || crate::error::damaged(&file.display().to_string(), "the state of vectors is missing");
        let row = row.ok_or_else(missing)?;
        let row = Reading { file, row: &row };
        Ok(Self {
            model: row.text(0)?,
            length: usize::try_from(row.int(1)?).unwrap_or(0),
            generation: row.uint(2)?,
            upto: row.int(3)?,
            newest: row.int(4)?,
            stamp: row
                .blob(5)?
                .try_into()
                .map_err(|_| row.damaged("the stamp of vectors has not 16 bytes"))?,
            gone: row.bool(6)?,
        })
    }

    fn described(&self) -> Described {
        Described { stamp: self.stamp, length: self.length }
    }
}

#[async_trait]
impl VectorIndex for SqliteStore {
    async fn texts_without_vector(&self, model: &str, limit: usize) -> Result<WithoutVector, StoreError> {
        feed::without_vector(self, model, limit).await
    }

    async fn keep_vectors(
        &self,
        mark: VectorMark,
        vectors: Vec<(u64, Option<Vec<f32>>)>,
    ) -> Result<(), StoreError> {
        feed::keep(self, mark, vectors).await
    }

    async fn nearest(
        &self,
        scope: &Scope,
        query: &MemoryQuery,
        vector: &[f32],
        least: f32,
    ) -> Result<Nearest, StoreError> {
        search::nearest(self, scope, query, vector, least).await
    }
}
