//! Handing messages in without running them, and following what others make of them: what a gateway's own doors use.

use std::sync::Arc;

use bytes::Bytes;
use session_api::{BlobId, InboundId, InboundView, OutboxMessage, SessionKey};
use tokio::sync::mpsc;

use super::Factotum;
use crate::{Admission, AgentError, Inlet, InletPolicy, InletSetup, RunEvent};

impl Factotum {
    /// A way in for one account of one channel. What it accepts may be run by any worker; nothing here leases it.
    #[must_use]
    pub fn inlet(
        &self,
        channel: impl Into<String>,
        account: impl Into<String>,
        admission: Arc<dyn Admission>,
        policy: InletPolicy,
    ) -> Inlet {
        Inlet::new(InletSetup {
            stores: self.ports.stores.clone(),
            clock: self.ports.clock.clone(),
            ids: self.ports.ids.clone(),
            worker: self.ports.worker,
            admission,
            channel: channel.into(),
            account: account.into(),
            policy,
        })
    }

    /// Listens to what happens in `session` from now on, in this process. Best effort; dropping the receiver ends it.
    #[must_use]
    pub fn events(&self, session: &SessionKey) -> mpsc::Receiver<RunEvent> {
        self.ports.bus.subscribe(session)
    }

    /// Waits until something was committed since `since` (a value that this returned before; 0 at first), here or in
    /// another process, and returns a newer value. It may return early.
    pub async fn changed(&self, since: u64) -> Result<u64, AgentError> {
        Ok(self.ports.stores.mailbox.changed(since).await?)
    }

    /// An accepted message and where it stands; `None` when it is not kept (any more).
    pub async fn standing(&self, id: InboundId) -> Result<Option<InboundView>, AgentError> {
        Ok(self.ports.stores.mailbox.inbound(id).await?)
    }

    /// What the turns of `session` said, newest first, at most `limit` messages.
    pub async fn said(&self, session: &SessionKey, limit: usize) -> Result<Vec<OutboxMessage>, AgentError> {
        Ok(self.ports.stores.mailbox.outbox(session, limit).await?)
    }

    /// The bytes of a file that a message names.
    pub async fn file(&self, id: &BlobId) -> Result<Option<Bytes>, AgentError> {
        Ok(self.ports.stores.blobs.get_blob(id).await?)
    }
}
