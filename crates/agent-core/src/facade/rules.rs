//! Standing rules, for whoever looks after them.

use session_api::{Batch, KvWrite, PrincipalId, StoreError, Writes};

use super::Factotum;
use crate::{AgentError, Experience, LearntRule, RuleBook};

/// The rules that were learnt.
#[derive(Debug, Clone, Copy)]
pub struct StandingRules<'a>(&'a Factotum);

impl Factotum {
    /// The rules that were learnt.
    #[must_use]
    pub fn rules(&self) -> StandingRules<'_> {
        StandingRules(self)
    }

    /// What tools came to lately.
    ///
    /// # Errors
    /// The store's.
    pub async fn experience(&self) -> Result<Experience, AgentError> {
        Ok(Experience::read(&self.ports.stores.kv).await?)
    }
}

impl StandingRules<'_> {
    fn book(&self) -> RuleBook {
        RuleBook::new(self.0.ports.stores.kv.clone())
    }

    /// The rules that hold for a person.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(&self, person: &PrincipalId) -> Result<Vec<LearntRule>, AgentError> {
        Ok(self.book().rules(person, None).await?)
    }

    /// Takes a rule away, found by the beginning of its id. Returns it.
    ///
    /// # Errors
    /// `Context` where none is meant; the store's.
    pub async fn remove(&self, person: &PrincipalId, id: &str) -> Result<LearntRule, AgentError> {
        let rule = self.book().find(person, id).await?.map_err(AgentError::Context)?;
        self.write(RuleBook::removal(&rule, person)).await?;
        Ok(rule)
    }

    /// Gives a rule other words. Returns it as it was.
    ///
    /// # Errors
    /// `Context` where none is meant or the words do not do; the store's.
    pub async fn edit(&self, person: &PrincipalId, id: &str, text: &str) -> Result<LearntRule, AgentError> {
        let rule = self.book().find(person, id).await?.map_err(AgentError::Context)?;
        let write = RuleBook::wording(&rule, text, self.0.ports.clock.now(), person);
        self.write(write.map_err(AgentError::Context)?).await?;
        Ok(rule)
    }

    async fn write(&self, write: KvWrite) -> Result<(), StoreError> {
        let writes = Writes { kv: vec![write], ..Writes::default() };
        drop(self.0.ports.stores.mailbox.accept(None, Batch { writes, ..Batch::default() }, None).await?);
        Ok(())
    }
}
