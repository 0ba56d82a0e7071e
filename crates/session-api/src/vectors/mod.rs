//! Finding again what was said and noted by its meaning, as vectors tell it.

mod nearness;

use async_trait::async_trait;

use crate::{MemoryHit, MemoryQuery, Scope, StoreError};

pub use nearness::{fused, nearness, of_unit_length};

/// How far the vectors have come, as a store says it with the texts that have none. Opaque to everybody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VectorMark {
    /// Changes whenever all vectors are forgotten.
    pub generation: u64,
    /// The place up to which the texts reach.
    pub upto: u64,
}

/// Texts that have no vector yet, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WithoutVector {
    /// What [`VectorIndex::keep_vectors`] is told with their vectors, and also where `texts` is empty.
    pub mark: VectorMark,
    /// Each with the number under which its vector is kept.
    pub texts: Vec<(u64, String)>,
    /// Whether there are more than these.
    pub left: bool,
}

/// What lies near, the nearest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Nearest {
    /// The hits.
    pub hits: Vec<MemoryHit>,
    /// Whether there is something that was not compared, since it has no vector yet.
    pub behind: bool,
}

/// Keeps vectors of what was said and noted, and finds what lies near. What lies outside a scope does not exist, and is left out
/// before anything is ranked; scopes mean what they mean to [`MemoryIndex`](crate::MemoryIndex). A vector goes with its text:
/// what was taken away, forgotten or replaced is near nothing.
#[async_trait]
pub trait VectorIndex: Send + Sync {
    /// Texts without a vector of `model`, at most `limit`; blank ones and forgotten ones are none. Where the vectors that are
    /// kept are another model's, all of them are forgotten first.
    async fn texts_without_vector(&self, model: &str, limit: usize) -> Result<WithoutVector, StoreError>;

    /// Keeps the vectors of texts that were given out with `mark`. One that got none is not given out again. Vectors of another
    /// length than those that are kept, those of texts that are gone, and all of an older generation are dropped.
    async fn keep_vectors(
        &self,
        mark: VectorMark,
        vectors: Vec<(u64, Option<Vec<f32>>)>,
    ) -> Result<(), StoreError>;

    /// What is at least as near to `vector` as `least`, a cosine, of what the query asks for; its text means nothing here.
    /// Vectors of another length are near nothing.
    async fn nearest(
        &self,
        scope: &Scope,
        query: &MemoryQuery,
        vector: &[f32],
        least: f32,
    ) -> Result<Nearest, StoreError>;
}
