//! Vectors of what was said and noted: who makes them, and what a search does with them.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use session_api::{
    Clock, IndexProgress, MOST_HITS, MemoryFile, MemoryIndex, MemoryQuery, MemorySection, Nearest, Recalled,
    Scope, SessionKey, StoreError, VectorIndex, fused,
};

use crate::{Embedder, ModelError, ModelErrorKind};

/// Most characters of a text that become a vector: what most models take. A shorter beginning is tried where that is too much.
const LONGEST: [usize; 2] = [2_000, 400];

/// How vectors are made and asked.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorsConfig {
    /// The name of the model, with all that makes its vectors differ from another's: with another name all are made anew.
    pub model: String,
    /// Most texts that are sent at once; at least one.
    pub batch: usize,
    /// What is farther from a question than this cosine is not found by its meaning.
    pub least: f32,
    /// How long a search waits for the vector of its question.
    pub patience: Duration,
}

/// Why texts got no vectors.
#[derive(Debug, thiserror::Error)]
pub enum VectorsError {
    /// The model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes vectors with an embedder, keeps them in a store, and asks them.
pub struct Vectors {
    index: Arc<dyn VectorIndex>,
    embedder: Arc<dyn Embedder>,
    clock: Arc<dyn Clock>,
    config: VectorsConfig,
}

impl fmt::Debug for Vectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vectors").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Vectors {
    /// Over `index`, with vectors of `embedder`.
    #[must_use]
    pub fn new(
        index: Arc<dyn VectorIndex>,
        embedder: Arc<dyn Embedder>,
        clock: Arc<dyn Clock>,
        config: VectorsConfig,
    ) -> Self {
        Self { index, embedder, clock, config }
    }

    /// Gives the next texts their vectors, at most a batch of them. A text that the model refuses by itself gets none and is
    /// not tried again; any other failure leaves all as it was.
    pub async fn feed(&self) -> Result<IndexProgress, VectorsError> {
        let without = self.index.texts_without_vector(&self.config.model, self.config.batch.max(1)).await?;
        let taken = without.texts.len();
        let (numbers, texts): (Vec<u64>, Vec<String>) = without.texts.into_iter().unzip();
        let vectors = self.vectors_of(&texts).await?;
        self.index.keep_vectors(without.mark, numbers.into_iter().zip(vectors).collect()).await?;
        Ok(IndexProgress { taken, left: without.left })
    }

    async fn vectors_of(&self, texts: &[String]) -> Result<Vec<Option<Vec<f32>>>, ModelError> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let beginnings: Vec<String> = texts.iter().map(|text| beginning(text, LONGEST[0])).collect();
        match self.embedder.embed(&beginnings).await {
            Ok(embedded) if embedded.vectors.len() == texts.len() => {
                return Ok(embedded.vectors.into_iter().map(Some).collect());
            }
            Ok(_) => {
                let what = "the embeddings server sent another number of vectors than of texts";
                return Err(ModelError::new(ModelErrorKind::BadReply, what));
            }
            Err(error) if is_about_a_text(&error) => {}
            Err(error) => return Err(error),
        }
        // One of them is to blame: the others must not wait for it.
        let mut vectors = Vec::with_capacity(texts.len());
        for text in texts {
            vectors.push(self.vector_of(text).await?);
        }
        Ok(vectors)
    }

    /// `None` for a text that the model refuses.
    async fn vector_of(&self, text: &str) -> Result<Option<Vec<f32>>, ModelError> {
        for most in LONGEST {
            match self.embedder.embed(&[beginning(text, most)]).await {
                Ok(embedded) => return Ok(embedded.vectors.into_iter().next()),
                Err(error) if is_about_a_text(&error) => {
                    tracing::debug!(%error, "a text was refused by the embeddings server");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// What lies near the meaning of the query's text, after what is new had a moment to get vectors.
    async fn near(&self, scope: &Scope, query: &MemoryQuery) -> Result<Nearest, VectorsError> {
        let question = [beginning(&query.text, LONGEST[0])];
        let embedded = self.embedder.embed(&question).await?;
        // Nobody has to wait for what is still without: the answer says that there is some.
        let patience = self.clock.sleep(self.config.patience / 2);
        tokio::select! {
            biased;
            fed = self.feed() => if let Err(error) = fed {
                tracing::debug!(%error, "what is new got no vectors before a search");
            },
            () = patience => {}
        }
        let vector = embedded.vectors.first().map_or(&[][..], Vec::as_slice);
        Ok(self.index.nearest(scope, query, vector, self.config.least).await?)
    }

    /// As [`near`](Self::near), within the time that a search has.
    async fn near_in_time(&self, scope: &Scope, query: &MemoryQuery) -> Result<Nearest, String> {
        tokio::select! {
            biased;
            near = self.near(scope, query) => near.map_err(|error| error.to_string()),
            () = self.clock.sleep(self.config.patience) => {
                Err(format!("there was no answer within {} seconds", self.config.patience.as_secs_f32()))
            }
        }
    }
}

fn beginning(text: &str, most: usize) -> String {
    text.trim().chars().take(most).collect()
}

/// Whether another text might have gone well.
fn is_about_a_text(error: &ModelError) -> bool {
    matches!(error.kind, ModelErrorKind::BadRequest | ModelErrorKind::ContextTooLong)
}

/// An index that finds by meaning as well as by words, and puts both lists into one. Where the meaning cannot be asked for, it
/// finds by words and says so.
pub struct WithVectors {
    words: Arc<dyn MemoryIndex>,
    vectors: Arc<Vectors>,
}

impl WithVectors {
    /// Adds `vectors` to `words`.
    #[must_use]
    pub fn new(words: Arc<dyn MemoryIndex>, vectors: Arc<Vectors>) -> Self {
        Self { words, vectors }
    }
}

impl fmt::Debug for WithVectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WithVectors").field(&self.vectors).finish()
    }
}

#[async_trait]
impl MemoryIndex for WithVectors {
    async fn index_messages(&self, limit: usize) -> Result<IndexProgress, StoreError> {
        self.words.index_messages(limit).await
    }

    async fn index_file(&self, file: MemoryFile) -> Result<(), StoreError> {
        self.words.index_file(file).await
    }

    async fn indexed_files(&self) -> Result<Vec<(String, String)>, StoreError> {
        self.words.indexed_files().await
    }

    async fn notes(
        &self,
        scope: &Scope,
        path: &str,
        line: u32,
        limit: usize,
    ) -> Result<Vec<MemorySection>, StoreError> {
        self.words.notes(scope, path, line, limit).await
    }

    async fn forget_message(
        &self,
        scope: &Scope,
        session: &SessionKey,
        seq: u64,
    ) -> Result<bool, StoreError> {
        self.words.forget_message(scope, session, seq).await
    }

    async fn forget_index(&self) -> Result<(), StoreError> {
        self.words.forget_index().await
    }

    async fn recall(&self, scope: &Scope, query: &MemoryQuery) -> Result<Recalled, StoreError> {
        if !query.text.chars().any(char::is_alphanumeric) {
            return self.words.recall(scope, query).await;
        }
        let words = self.words.recall(scope, query);
        let (found, near) = tokio::join!(words, self.vectors.near_in_time(scope, query));
        let Recalled { hits, mut more, mut told } = found?;
        let near = near.unwrap_or_else(|error| {
            told.push(format!("only the words themselves were looked for, not what they mean: {error}"));
            Nearest::default()
        });
        if near.behind {
            told.push("some of the newest texts are found by their words only so far".into());
        }
        let mut hits = fused(hits, near.hits);
        let limit = query.limit.min(MOST_HITS);
        more |= hits.len() > limit;
        hits.truncate(limit);
        Ok(Recalled { hits, more, told })
    }
}

#[cfg(test)]
#[path = "vectors_tests.rs"]
mod tests;
