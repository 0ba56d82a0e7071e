//! Small named values of a person.

use async_trait::async_trait;
use session_api::{KvEntry, KvStore, PrincipalId, StoreError};

use crate::{
    encode::{Reading, each, limit},
    open::SqliteStore,
    script::Script,
};

fn entry(row: &Reading<'_>) -> Result<KvEntry, StoreError> {
    Ok(KvEntry {
        key: row.text(0)?,
        value: row.text(1)?,
        updated_at: row.time(2)?,
        expires_at: row.maybe_int(3)?.map(session_api::Timestamp),
    })
}

impl SqliteStore {
    async fn entries(&self, script: Script) -> Result<Vec<KvEntry>, StoreError> {
        let rows = self.read(script).await?.take(0);
        each(&self.shared.layout.database, &rows, entry)
    }
}

#[async_trait]
impl KvStore for SqliteStore {
    async fn kv_get(&self, owner: &PrincipalId, key: &str) -> Result<Option<KvEntry>, StoreError> {
        let mut script = Script::new(
            "SELECT key, value, updated_at, expires_at FROM kv
             WHERE owner = ? AND key = ? AND (expires_at IS NULL OR expires_at > ?)",
        );
        script.bind(owner.0.as_str()).bind(key).bind(self.now().0);
        Ok(self.entries(script).await?.into_iter().next())
    }

    async fn kv_list(
        &self,
        owner: &PrincipalId,
        prefix: &str,
        most: usize,
    ) -> Result<Vec<KvEntry>, StoreError> {
        let mut script = Script::new(
            "SELECT key, value, updated_at, expires_at FROM kv
             WHERE owner = ? AND key >= ? AND substr(key, 1, length(?)) = ?
                AND (expires_at IS NULL OR expires_at > ?) ORDER BY key LIMIT ?",
        );
        script.bind(owner.0.as_str()).bind(prefix).bind(prefix).bind(prefix).bind(self.now().0);
        script.bind(limit(most));
        self.entries(script).await
    }

    async fn kv_search(
        &self,
        owner: &PrincipalId,
        text: &str,
        most: usize,
    ) -> Result<Vec<KvEntry>, StoreError> {
        let text = text.to_ascii_lowercase();
        let mut script = Script::new(
            "SELECT key, value, updated_at, expires_at FROM kv
             WHERE owner = ? AND (instr(lower(key), ?) OR instr(lower(value), ?))
                AND (expires_at IS NULL OR expires_at > ?) ORDER BY key LIMIT ?",
        );
        script.bind(owner.0.as_str()).bind(text.as_str()).bind(text.as_str()).bind(self.now().0);
        script.bind(limit(most));
        self.entries(script).await
    }
}
