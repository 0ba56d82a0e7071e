//! `KvStore`.

use async_trait::async_trait;

use super::{InMemoryStore, state::State};
use crate::{KvEntry, KvStore, KvWrite, PrincipalId, StoreError};

impl State {
    /// The living values of an owner, by name.
    fn values(&self, owner: &PrincipalId) -> impl Iterator<Item = &KvEntry> {
        let from = (owner.clone(), String::new());
        let of_owner = self.kv.range(from..).take_while(move |((of, _), _)| of == owner);
        of_owner.map(|(_, entry)| entry).filter(|entry| self.is_living(entry))
    }

    fn is_living(&self, entry: &KvEntry) -> bool {
        entry.expires_at.is_none_or(|at| self.now < at)
    }

    pub(super) fn write_value(&mut self, write: KvWrite) {
        match write {
            KvWrite::Set { owner, key, value, expires_at } => {
                let now = self.now;
                // Whoever sets values that end pays for the removal of those that have ended.
                if expires_at.is_some() {
                    self.kv.retain(|_, entry| entry.expires_at.is_none_or(|at| now < at));
                }
                let entry = KvEntry { key: key.clone(), value, updated_at: now, expires_at };
                self.kv.insert((owner, key), entry);
            }
            KvWrite::Delete { owner, key } => {
                self.kv.remove(&(owner, key));
            }
        }
    }
}

#[async_trait]
impl KvStore for InMemoryStore {
    async fn kv_get(&self, owner: &PrincipalId, key: &str) -> Result<Option<KvEntry>, StoreError> {
        let name = (owner.clone(), key.to_owned());
        Ok(self.with(|state| state.kv.get(&name).filter(|entry| state.is_living(entry)).cloned()))
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
