//! Writes that must not be lost for want of a moment's patience.

use std::time::Duration;

use session_api::{FailOutcome, Outcome, Step, StoreError, Timestamp, Writes};

use super::run::Run;

/// The first pause; it doubles up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);

/// What a turn that waited for its commit has to say is not thrown away because the disk was full for a while: the write
/// is tried again as long as the lease certainly holds. Every one of these writes is refused when the lease is lost, and
/// none of them does anything twice.
impl Run<'_> {
    pub(super) async fn commit(&self, outcome: Outcome, writes: Writes) -> Result<(), StoreError> {
        crate::failpoint("commit.before");
        let mailbox = &self.ports.stores.mailbox;
        self.patiently(|| mailbox.commit(&self.turn.lease, outcome, writes.clone())).await?;
        crate::failpoint("commit.after");
        Ok(())
    }

    pub(super) async fn journal(&self, step: Step, writes: Writes) -> Result<(), StoreError> {
        crate::failpoint("journal.before");
        let mailbox = &self.ports.stores.mailbox;
        self.patiently(|| mailbox.journal(&self.turn.lease, step.clone(), writes.clone())).await?;
        crate::failpoint("journal.after");
        Ok(())
    }

    pub(super) async fn suspend_turn(&self, writes: Writes) -> Result<(), StoreError> {
        let mailbox = &self.ports.stores.mailbox;
        self.patiently(|| mailbox.suspend(&self.turn.lease, writes.clone())).await
    }

    pub(super) async fn fail(
        &self,
        error: &str,
        retry_at: Option<Timestamp>,
        writes: Writes,
    ) -> Result<FailOutcome, StoreError> {
        let mailbox = &self.ports.stores.mailbox;
        self.patiently(|| mailbox.fail(&self.turn.lease, error, retry_at, writes.clone())).await
    }

    async fn patiently<T, F>(&self, write: impl Fn() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut pause = FIRST;
        loop {
            match write().await {
                Err(error) if error.retry_helps() && self.lease_holds() => {
                    tracing::warn!(%error, "a turn could not be written; trying again");
                    self.ports.clock.sleep(pause).await;
                    pause = (pause * 2).min(LONGEST);
                }
                done => return done,
            }
        }
    }
}
