//! `MemoryIndex`: everything is read at each search, so that nothing has to be taken up.

use std::collections::HashMap;

use async_trait::async_trait;

use super::{InMemoryStore, state::State};
use crate::{
    IndexProgress, MOST_HITS, MemoryFile, MemoryHit, MemoryIndex, MemoryKind, MemoryPlace, MemoryQuery,
    MemorySection, PrincipalId, RANKED, Ranking, Recalled, Role, Scope, SessionKey, StoreError, Timestamp,
    index_words, query_words,
};

/// A candidate with its place in the order of time.
pub(super) struct Found {
    pub(super) no: u64,
    pub(super) hit: MemoryHit,
}

impl MemoryQuery {
    fn covers(&self, kind: MemoryKind, at: Timestamp) -> bool {
        self.kind.is_none_or(|wanted| wanted == kind)
            && self.since.is_none_or(|since| at >= since)
            && self.until.is_none_or(|until| at < until)
    }
}

impl State {
    fn is_whose(&self, file: &MemoryFile, scope: &Scope) -> bool {
        match scope {
            Scope::All => true,
            Scope::Of(person) => self.joined_to(&file.person) == person,
            Scope::Session(_) => false,
        }
    }

    pub(super) fn messages_in(&self, scope: &Scope, query: &MemoryQuery) -> Vec<Found> {
        let mut found = Vec::new();
        let seen = self.sessions.iter().filter(|(key, session)| {
            let own = |person: &PrincipalId| !session.shared && session.principal == *person;
            self.sees(scope, key)
                && query.session.as_ref().is_none_or(|wanted| wanted == *key)
                && query.person.as_ref().is_none_or(own)
        });
        for (key, session) in seen {
            for kept in session.messages.iter().filter(|kept| !kept.forgotten) {
                let message = &kept.stored.message;
                let kind = if message.role == Role::Tool { MemoryKind::Result } else { MemoryKind::Message };
                if query.covers(kind, message.at) {
                    let place = MemoryPlace::Message { session: key.clone(), seq: kept.stored.seq };
                    let (role, at, text) = (Some(message.role), message.at, message.readable());
                    found.push(Found { no: kept.no, hit: MemoryHit { place, kind, role, at, text } });
                }
            }
        }
        found
    }

    pub(super) fn notes_in(&self, scope: &Scope, query: &MemoryQuery) -> Vec<Found> {
        let mut found = Vec::new();
        if query.session.is_some() {
            return found;
        }
        for file in self.files.values().filter(|file| {
            self.is_whose(file, scope)
                && query.person.as_ref().is_none_or(|person| self.joined_to(&file.person) == person)
                && query.covers(MemoryKind::Note, file.at)
        }) {
            found.extend(file.sections.iter().map(|section| Found {
                no: 0,
                hit: MemoryHit {
                    place: MemoryPlace::File { path: file.path.clone(), line: section.line },
                    kind: MemoryKind::Note,
                    role: None,
                    at: file.at,
                    text: section.text.clone(),
                },
            }));
        }
        found
    }

    fn recall(&self, scope: &Scope, query: &MemoryQuery) -> Recalled {
        let words = query_words(&query.text);
        let mut all = self.messages_in(scope, query);
        all.extend(self.notes_in(scope, query));
        all.sort_by_key(|found| std::cmp::Reverse(found.no));
        let total = all.len() as u64;
        let mut counts: HashMap<&str, u64> = HashMap::new();
        all.retain(|found| {
            let text = index_words(&found.hit.text);
            let mut holds = false;
            for word in words.iter().filter(|word| text.split(' ').any(|own| own == word.as_str())) {
                *counts.entry(word).or_default() += 1;
                holds = true;
            }
            holds
        });
        let counted = |word: &String| (word.clone(), counts.get(word.as_str()).copied().unwrap_or(0));
        let ranking = Ranking::new(words.iter().map(counted).collect(), total, self.now);
        let mut more = all.len() > RANKED;
        all.truncate(RANKED);
        let mut scored: Vec<(f32, MemoryHit)> =
            all.into_iter().map(|found| (ranking.score(&found.hit.text, found.hit.at), found.hit)).collect();
        scored.sort_by(|one, other| other.0.total_cmp(&one.0));
        let limit = query.limit.min(MOST_HITS);
        more |= scored.len() > limit;
        Recalled {
            hits: scored.into_iter().take(limit).map(|(_, hit)| hit).collect(),
            more,
            told: Vec::new(),
        }
    }
}

#[async_trait]
impl MemoryIndex for InMemoryStore {
    async fn index_messages(&self, _limit: usize) -> Result<IndexProgress, StoreError> {
        Ok(IndexProgress::default())
    }

    async fn index_file(&self, file: MemoryFile) -> Result<(), StoreError> {
        self.with(|state| match file.sections.is_empty() {
            true => drop(state.files.remove(&file.path)),
            false => drop(state.files.insert(file.path.clone(), file)),
        });
        Ok(())
    }

    async fn indexed_files(&self) -> Result<Vec<(String, String)>, StoreError> {
        Ok(self
            .with(|state| state.files.values().map(|file| (file.path.clone(), file.stamp.clone())).collect()))
    }

    async fn notes(
        &self,
        scope: &Scope,
        path: &str,
        line: u32,
        limit: usize,
    ) -> Result<Vec<MemorySection>, StoreError> {
        Ok(self.with(|state| {
            let file = state.files.get(path).filter(|file| state.is_whose(file, scope));
            let sections = file.map_or(&[][..], |file| &file.sections).iter();
            sections.filter(|section| section.line >= line).take(limit).cloned().collect()
        }))
    }

    async fn forget_message(
        &self,
        scope: &Scope,
        session: &SessionKey,
        seq: u64,
    ) -> Result<bool, StoreError> {
        Ok(self.with(|state| {
            let visible = state.sees(scope, session);
            let session = state.sessions.get_mut(session).filter(|_| visible);
            let kept =
                session.and_then(|session| session.messages.iter_mut().find(|kept| kept.stored.seq == seq));
            kept.is_some_and(|kept| {
                kept.forgotten = true;
                true
            })
        }))
    }

    async fn forget_index(&self) -> Result<(), StoreError> {
        self.with(|state| state.files.clear());
        Ok(())
    }

    async fn recall(&self, scope: &Scope, query: &MemoryQuery) -> Result<Recalled, StoreError> {
        Ok(self.with(|state| state.recall(scope, query)))
    }
}
