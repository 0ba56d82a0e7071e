//! What the tests of this crate share: a workspace that goes away, a store in memory, and short ways to call a tool.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use session_api::{BlobId, BlobStore, KvEntry, KvStore, KvWrite, Part, PrincipalId, StoreError, Timestamp};
use tool_api::{Tool, ToolError, ToolOutput, Typed, TypedTool, contract};

use crate::Workspace;

/// A workspace in a temporary directory, with room beside it.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("ws")).unwrap();
        Self(directory)
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.0.path().join("ws")
    }

    pub(crate) fn workspace(&self) -> Workspace {
        Workspace::open(&self.root()).unwrap()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root().join(path)).unwrap()
    }

    pub(crate) fn tool<T: TypedTool + 'static>(&self, tool: T) -> Arc<dyn Tool> {
        Arc::new(Typed::new(tool))
    }
}

/// Calls `tool` and returns its text.
pub(crate) async fn call(tool: &Arc<dyn Tool>, arguments: &str) -> Result<String, ToolError> {
    tool.call(&contract::context(), arguments).await.map(|output| text(&output))
}

/// The key of a call.
pub(crate) async fn key(tool: &Arc<dyn Tool>, arguments: &str) -> Result<Option<String>, ToolError> {
    tool.key(&contract::context(), arguments).await
}

/// The text of a result.
pub(crate) fn text(output: &ToolOutput) -> String {
    output.content.iter().filter_map(Part::as_text).collect()
}

/// A store of values and blobs whose changes a test applies by hand.
#[derive(Default)]
pub(crate) struct Store {
    values: std::sync::Mutex<BTreeMap<(PrincipalId, String), KvEntry>>,
    blobs: std::sync::Mutex<BTreeMap<BlobId, Bytes>>,
}

impl Store {
    /// What the turn does with the writes of a result.
    pub(crate) fn apply(&self, writes: &[KvWrite]) {
        let mut values = self.values.lock().unwrap();
        for write in writes.iter().cloned() {
            match write {
                KvWrite::Set { owner, key, value, expires_at } => {
                    let entry = KvEntry { key: key.clone(), value, updated_at: Timestamp(0), expires_at };
                    values.insert((owner, key), entry);
                }
                KvWrite::Delete { owner, key } => {
                    values.remove(&(owner, key));
                }
            }
        }
    }

    fn of(&self, owner: &PrincipalId, keep: impl Fn(&KvEntry) -> bool, limit: usize) -> Vec<KvEntry> {
        let values = self.values.lock().unwrap();
        let own = values.iter().filter(|((of, _), entry)| of == owner && keep(entry));
        own.map(|(_, entry)| entry.clone()).take(limit).collect()
    }
}

#[async_trait]
impl KvStore for Store {
    async fn kv_get(&self, owner: &PrincipalId, key: &str) -> Result<Option<KvEntry>, StoreError> {
        Ok(self.of(owner, |entry| entry.key == key, 1).pop())
    }

    async fn kv_list(
        &self,
        owner: &PrincipalId,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<KvEntry>, StoreError> {
        Ok(self.of(owner, |entry| entry.key.starts_with(prefix), limit))
    }

    async fn kv_search(
        &self,
        owner: &PrincipalId,
        text: &str,
        limit: usize,
    ) -> Result<Vec<KvEntry>, StoreError> {
        Ok(self.of(owner, |entry| entry.key.contains(text) || entry.value.contains(text), limit))
    }
}

#[async_trait]
impl BlobStore for Store {
    async fn put_blob(&self, bytes: Bytes) -> Result<BlobId, StoreError> {
        let id = BlobId::of(&bytes);
        self.blobs.lock().unwrap().insert(id.clone(), bytes);
        Ok(id)
    }

    async fn get_blob(&self, id: &BlobId) -> Result<Option<Bytes>, StoreError> {
        Ok(self.blobs.lock().unwrap().get(id).cloned())
    }
}

/// A message of this person comes into a session.
pub(crate) async fn speak(
    store: &session_api::InMemoryStore,
    key: &session_api::SessionKey,
    person: &PrincipalId,
) {
    use session_api::{Mailbox as _, Principal, Rank, contract::fixture};
    let principal = Principal { id: person.clone(), rank: Rank::Member };
    let row = session_api::Inbound { principal, ..fixture::inbound_to(key, "hello") };
    store.accept(None, vec![row].into(), None).await.unwrap();
}
