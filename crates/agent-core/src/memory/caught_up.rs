//! An index that is never behind when it is asked.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use session_api::{
    IndexProgress, MemoryFile, MemoryIndex, MemoryQuery, MemorySection, Recalled, Scope, SessionKey,
    StoreError,
};

use super::notes::{NoteFiles, sections};

/// Messages that are taken up at once.
const BATCH: usize = 250;
/// Batches before a search: half a second or so. What is left then is told.
const BATCHES: usize = 40;

/// Takes up what is new, in sessions and files, before it searches. It knows the files that are brought to it and no others:
/// one that was given by [`index_file`](MemoryIndex::index_file) alone is let go at the next look.
pub struct CaughtUp {
    index: Arc<dyn MemoryIndex>,
    files: Arc<dyn NoteFiles>,
}

impl CaughtUp {
    /// Over `index`, with the notes in `files`.
    #[must_use]
    pub fn new(index: Arc<dyn MemoryIndex>, files: Arc<dyn NoteFiles>) -> Self {
        Self { index, files }
    }

    /// Takes up files that are new or changed, and lets those go that are gone. Says how many there were.
    async fn look_at_files(&self) -> Result<usize, StoreError> {
        let mut known: HashMap<String, String> = self.index.indexed_files().await?.into_iter().collect();
        let mut changed = 0;
        for file in self.files.list().await {
            if known.remove(&file.path).is_some_and(|stamp| stamp == file.stamp) {
                continue;
            }
            // One that went away in the meantime is found missing by the next look.
            let Some(text) = self.files.read(&file.path).await else { continue };
            let mut sections = sections(&text);
            if sections.is_empty() {
                // Known with nothing in it: else it would be read at each look.
                sections.push(MemorySection { line: 1, text: String::new() });
            }
            let (path, person, stamp, at) = (file.path, file.person, file.stamp, file.at);
            self.index.index_file(MemoryFile { path, person, stamp, at, sections }).await?;
            changed += 1;
        }
        for (path, stamp) in known {
            self.index.index_file(gone(path, stamp)).await?;
            changed += 1;
        }
        Ok(changed)
    }
}

/// A file without sections is forgotten.
fn gone(path: String, stamp: String) -> MemoryFile {
    let person = session_api::PrincipalId::installation();
    MemoryFile { path, person, stamp, at: session_api::Timestamp::default(), sections: Vec::new() }
}

#[async_trait]
impl MemoryIndex for CaughtUp {
    /// Files first, which are few.
    async fn index_messages(&self, limit: usize) -> Result<IndexProgress, StoreError> {
        self.look_at_files().await?;
        self.index.index_messages(limit).await
    }

    async fn index_file(&self, file: MemoryFile) -> Result<(), StoreError> {
        self.index.index_file(file).await
    }

    async fn indexed_files(&self) -> Result<Vec<(String, String)>, StoreError> {
        self.index.indexed_files().await
    }

    async fn notes(
        &self,
        scope: &Scope,
        path: &str,
        line: u32,
        limit: usize,
    ) -> Result<Vec<MemorySection>, StoreError> {
        self.look_at_files().await?;
        self.index.notes(scope, path, line, limit).await
    }

    async fn forget_message(
        &self,
        scope: &Scope,
        session: &SessionKey,
        seq: u64,
    ) -> Result<bool, StoreError> {
        self.index.forget_message(scope, session, seq).await
    }

    async fn forget_index(&self) -> Result<(), StoreError> {
        self.index.forget_index().await
    }

    async fn recall(&self, scope: &Scope, query: &MemoryQuery) -> Result<Recalled, StoreError> {
        self.look_at_files().await?;
        let mut behind = true;
        for _ in 0..BATCHES {
            behind = self.index.index_messages(BATCH).await?.left;
            if !behind {
                break;
            }
        }
        let mut recalled = self.index.recall(scope, query).await?;
        if behind {
            recalled
                .told
                .push("the newest messages are still being taken up: search again in a while".into());
        }
        Ok(recalled)
    }
}

impl std::fmt::Debug for CaughtUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CaughtUp")
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;
    use session_api::{
        InMemoryStore, LeasePolicy, ManualClock, PrincipalId, SequentialIds, Stores, Timestamp, WorkerId,
        contract::{StoreHarness, memory},
    };

    use super::*;
    use crate::memory::{NoNotes, NoteFile};

    /// What the contract's cases open: in memory, and taken up by nobody but the wrapper.
    struct Wrapped {
        store: InMemoryStore,
        clock: ManualClock,
    }

    #[async_trait]
    impl StoreHarness for Wrapped {
        async fn open(&self, _worker: WorkerId) -> Stores {
            let stores = Stores::of(Arc::new(self.store.clone()));
            Stores { memory: Arc::new(CaughtUp::new(stores.memory.clone(), Arc::new(NoNotes))), ..stores }
        }

        async fn kill(&self, worker: WorkerId) {
            self.store.kill(worker);
        }

        fn clock(&self) -> ManualClock {
            self.clock.clone()
        }
    }

    #[tokio::test]
    async fn it_keeps_the_contract_of_messages() {
        let harness = || {
            let clock = ManualClock::at(Timestamp(1_790_000_000_000));
            let ids = Arc::new(SequentialIds::default());
            Wrapped { store: InMemoryStore::new(Arc::new(clock.clone()), ids, LeasePolicy::default()), clock }
        };
        memory::what_was_said_is_found_by_its_words(&harness()).await;
        memory::any_text_is_a_query(&harness()).await;
        memory::a_message_is_taken_up_once(&harness()).await;
        memory::a_shared_session_belongs_to_nobody_alone(&harness()).await;
        memory::what_is_taken_away_is_not_found(&harness()).await;
        memory::a_tool_result_is_found(&harness()).await;
        memory::a_forgotten_message_is_never_found_again(&harness()).await;
        memory::more_than_is_ranked_is_said(&harness()).await;
    }

    #[derive(Default)]
    struct Files(Mutex<Vec<(&'static str, &'static str)>>);

    #[async_trait]
    impl NoteFiles for Files {
        async fn list(&self) -> Vec<NoteFile> {
            let all = self.0.lock();
            let file = |(path, text): &(&str, &str)| NoteFile {
                path: (*path).into(),
                person: PrincipalId("owner".into()),
                stamp: (*text).into(),
                at: Timestamp(1),
            };
            all.iter().map(file).collect()
        }

        async fn read(&self, path: &str) -> Option<String> {
            let all = self.0.lock();
            all.iter().find(|(known, _)| *known == path).map(|(_, text)| (*text).to_owned())
        }
    }

    #[tokio::test]
    async fn a_search_knows_the_files_as_they_are_at_that_moment() {
        let (clock, ids) = (Arc::new(ManualClock::default()), Arc::new(SequentialIds::default()));
        let store = Arc::new(InMemoryStore::new(clock, ids, LeasePolicy::default()));
        let files = Arc::new(Files::default());
        let index = CaughtUp::new(store.clone(), files.clone());
        for (present, expected) in [
            (vec![], vec![]),
            (vec![("memory/a.md", "# Tea\ngreen")], vec!["# Tea\ngreen"]),
            (vec![("memory/a.md", "tea is black"), ("memory/b.md", "")], vec!["tea is black"]),
            (vec![("memory/b.md", "")], vec![]),
        ] {
            *files.0.lock() = present.clone();
            let query = MemoryQuery { text: "tea".into(), limit: 9, ..MemoryQuery::default() };
            let hits = index.recall(&Scope::All, &query).await.unwrap().hits;
            assert_eq!(hits.iter().map(|hit| hit.text.as_str()).collect::<Vec<_>>(), expected);
            assert_eq!(store.indexed_files().await.unwrap().len(), present.len());
        }
    }
}
