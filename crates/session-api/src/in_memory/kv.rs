//! `KvStore`.

use async_trait::async_trait;

use super::{InMemoryStore, state::State};
use crate::{KvEntry, KvStore, PrincipalId, StoreError};

impl State {
    /// The living values of an owner, by name.
    fn values(&self, owner: &PrincipalId) -> impl Iterator<Item = &KvEntry> {
        let from = (owner.clone(), String::new());
        let of_owner = self.kv.range(from..).take_while(move |((of, _), _)| of == owner);
        of_owner.map(|(_, entry)| entry).filter(|entry| entry.expires_at.is_none_or(|at| self.now < at))
    }
}

#[async_trait]
impl KvStore for InMemoryStore {
    async fn kv_get(&self, owner: &PrincipalId, key: &str) -> Result<Option<KvEntry>, StoreError> {
        Ok(self.with(|state| state.values(owner).find(|entry| entry.key == key).cloned()))
    }

    async fn kv_list(
        &self,
        owner: &PrincipalId,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<KvEntry>, StoreError> {
        Ok(self.with(|state| {
            let found = state.values(owner).filter(|entry| entry.key.starts_with(prefix));
            found.take(limit).cloned().collect()
        }))
    }

    async fn kv_search(
        &self,
        owner: &PrincipalId,
        text: &str,
        limit: usize,
    ) -> Result<Vec<KvEntry>, StoreError> {
        let wanted = text.to_lowercase();
        let holds = |text: &str| text.to_lowercase().contains(&wanted);
        Ok(self.with(|state| {
            let found = state.values(owner).filter(|entry| holds(&entry.key) || holds(&entry.value));
            found.take(limit).cloned().collect()
        }))
    }
}
