//! On whose behalf a turn runs.

use std::sync::Arc;

use session_api::{InboundRow, Principal, StoreError};

use super::{child::Child, messages, run::Run};
use crate::{Company, context};

/// On whose behalf a turn runs, and what the model is told because of it. A message that joins can only lower the rank.
pub(super) struct Behalf {
    pub(super) principal: Principal,
    /// Who else is there.
    pub(super) company: Company,
    pub(super) system: Arc<str>,
    /// The tokens of `system`.
    pub(super) tokens: u64,
    /// The room that is kept for the reply.
    pub(super) reply: u64,
    /// The room of the history.
    pub(super) history: u64,
}

impl Run<'_> {
    /// Whoever joins must not get the rights of those who spoke before.
    pub(super) async fn act_for_all(&self, joined: &[InboundRow]) -> Result<(), StoreError> {
        let before = self.behalf.load_full();
        let lower = messages::principal(joined.iter()).filter(|joined| joined.rank < before.principal.rank);
        let principal = lower.unwrap_or(&before.principal);
        let joined = messages::company(&before.principal, joined.iter());
        let company = Company {
            speaks: before.company.speaks || joined.speaks,
            reads: before.company.reads || joined.reads,
        };
        if lower.is_some() || company != before.company {
            self.act_for(principal.clone(), company).await?;
        }
        Ok(())
    }

    /// Runs on behalf of `principal` from here on: its rights, and the instructions that are for its eyes.
    pub(super) async fn act_for(&self, principal: Principal, company: Company) -> Result<(), StoreError> {
        let mut sections =
            context::sections(self.ports, &self.core, &principal, company, &self.info.session).await?;
        sections.extend(self.child.as_ref().map(Child::section));
        let prompt = self.frame.prompt(&sections);
        let (reply, history) = (prompt.allocation.reply, prompt.allocation.history);
        let system = prompt.system.into();
        let behalf = Behalf { principal, company, system, tokens: prompt.tokens, reply, history };
        self.behalf.store(Arc::new(behalf));
        Ok(())
    }
}
