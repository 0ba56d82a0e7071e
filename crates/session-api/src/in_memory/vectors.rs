//! `VectorIndex`.

use std::collections::{BTreeMap, HashMap, HashSet};

use async_trait::async_trait;

use super::{InMemoryStore, memory::Found, state::State};
use crate::{
    MOST_HITS, MemoryPlace, MemoryQuery, Nearest, Scope, StoreError, VectorIndex, VectorMark, WithoutVector,
    nearness, of_unit_length,
};

/// Vectors by the number of their text.
#[derive(Default)]
pub(super) struct Vectors {
    model: String,
    generation: u64,
    known: HashMap<u64, Option<Vec<f32>>>,
    /// The numbers of sections: by file and text, so that one keeps its vector while the file around it changes.
    sections: BTreeMap<(String, String), u64>,
}

impl State {
    /// Every text in scope with its number, oldest first. Blank ones are none.
    fn numbered(&mut self, scope: &Scope, query: &MemoryQuery) -> Vec<Found> {
        let mut all = self.messages_in(scope, query);
        for mut found in self.notes_in(scope, query) {
            let MemoryPlace::File { path, .. } = &found.hit.place else { continue };
            let name = (path.clone(), found.hit.text.clone());
            found.no = match self.vectors.sections.get(&name) {
                Some(no) => *no,
                None => {
                    let no = self.next();
                    self.vectors.sections.insert(name, no);
                    no
                }
            };
            all.push(found);
        }
        all.retain(|found| !found.hit.text.trim().is_empty());
        all.sort_by_key(|found| found.no);
        all
    }

    /// Lets the vectors of texts go that are gone.
    fn sweep_vectors(&mut self) {
        let numbered = self.numbered(&Scope::All, &MemoryQuery::default());
        let there: HashSet<u64> = numbered.iter().map(|found| found.no).collect();
        self.vectors.known.retain(|no, _| there.contains(no));
        self.vectors.sections.retain(|_, no| there.contains(no));
    }

    fn without_vector(&mut self, model: &str, limit: usize) -> WithoutVector {
        if self.vectors.model != model {
            self.vectors.model = model.to_owned();
            self.vectors.generation += 1;
            self.vectors.known.clear();
        }
        self.sweep_vectors();
        let mut texts: Vec<(u64, String)> = Vec::new();
        for found in self.numbered(&Scope::All, &MemoryQuery::default()) {
            let taken = texts.iter().any(|(no, _)| *no == found.no);
            if !taken && !self.vectors.known.contains_key(&found.no) {
                texts.push((found.no, found.hit.text));
            }
        }
        let left = texts.len() > limit;
        texts.truncate(limit);
        let upto = texts.last().map_or(0, |(no, _)| *no);
        WithoutVector { mark: VectorMark { generation: self.vectors.generation, upto }, texts, left }
    }

    fn nearest(&mut self, scope: &Scope, query: &MemoryQuery, vector: &[f32], least: f32) -> Nearest {
        let Some(wanted) = of_unit_length(vector.to_vec()) else { return Nearest::default() };
        self.sweep_vectors();
        let mut behind = false;
        let mut near: Vec<(f32, Found)> = Vec::new();
        for found in self.numbered(scope, query) {
            match self.vectors.known.get(&found.no) {
                Some(Some(vector)) if vector.len() == wanted.len() => {
                    near.push((nearness(&wanted, vector), found));
                }
                Some(_) => {}
                None => behind = true,
            }
        }
        near.retain(|(nearness, _)| *nearness >= least);
        near.sort_by(|(near, found), (nearer, other)| nearer.total_cmp(near).then(other.no.cmp(&found.no)));
        let hits = near.into_iter().take(query.limit.min(MOST_HITS)).map(|(_, found)| found.hit).collect();
        Nearest { hits, behind }
    }
}

#[async_trait]
impl VectorIndex for InMemoryStore {
    async fn texts_without_vector(&self, model: &str, limit: usize) -> Result<WithoutVector, StoreError> {
        Ok(self.with(|state| state.without_vector(model, limit)))
    }

    async fn keep_vectors(
        &self,
        mark: VectorMark,
        vectors: Vec<(u64, Option<Vec<f32>>)>,
    ) -> Result<(), StoreError> {
        self.with(|state| {
            if mark.generation != state.vectors.generation {
                return;
            }
            for (no, vector) in vectors {
                let vector = vector.and_then(of_unit_length);
                let length = state.vectors.known.values().flatten().next().map(Vec::len);
                let fits =
                    vector.as_ref().is_none_or(|vector| length.is_none_or(|length| vector.len() == length));
                state.vectors.known.insert(no, vector.filter(|_| fits));
            }
        });
        Ok(())
    }

    async fn nearest(
        &self,
        scope: &Scope,
        query: &MemoryQuery,
        vector: &[f32],
        least: f32,
    ) -> Result<Nearest, StoreError> {
        Ok(self.with(|state| state.nearest(scope, query, vector, least)))
    }
}
