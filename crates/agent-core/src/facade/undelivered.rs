//! What was said and did not arrive, and how much waits.

use session_api::{Backlog, InboundRow, OutPart, OutboxId, Scope, Timestamp, Undelivered};

use super::Factotum;
use crate::AgentError;

impl Factotum {
    /// Outgoing messages that did not reach their reader, oldest first.
    pub async fn undelivered(&self, limit: usize) -> Result<Vec<Undelivered>, AgentError> {
        Ok(self.ports.stores.mailbox.undelivered(&Scope::All, limit).await?)
    }

    /// Makes an undelivered message pending again; a gateway sends it. `false` when there is none with this id.
    pub async fn resend(&self, id: OutboxId) -> Result<bool, AgentError> {
        Ok(self.ports.stores.mailbox.resend(id).await?)
    }

    /// Gives an undelivered message up; `false` when there is none with this id.
    pub async fn drop_undelivered(&self, id: OutboxId) -> Result<bool, AgentError> {
        Ok(self.ports.stores.mailbox.drop_undelivered(id).await?)
    }

    /// The parts of an outgoing message, in order; none while it was not split for its platform.
    pub async fn parts(&self, id: OutboxId) -> Result<Vec<OutPart>, AgentError> {
        Ok(self.ports.stores.mailbox.parts(id).await?)
    }

    /// How much waits.
    pub async fn backlog(&self) -> Result<Backlog, AgentError> {
        Ok(self.ports.stores.mailbox.backlog().await?)
    }

    /// Accepted messages from before `before` on which nobody works, oldest first.
    pub async fn overdue(&self, before: Timestamp, limit: usize) -> Result<Vec<InboundRow>, AgentError> {
        Ok(self.ports.stores.mailbox.overdue(before, limit).await?)
    }
}
