//! Which of several gateways on the same data works.

use std::time::Duration;

use session_api::{SourceLease, StoreError};
use tokio_util::sync::CancellationToken;

use super::{Role, Shared};

/// The role is a source that only one process at a time may have.
const NAME: (&str, &str) = ("gateway", "primary");
/// How long it holds unless it is renewed. A process that dies loses it at once.
const TTL: Duration = Duration::from_secs(20);

/// The role, as long as it is ours.
pub(super) struct Tenure(SourceLease);

/// Waits until no other gateway works. `None` when `stop` was cancelled.
pub(super) async fn take(shared: &Shared, stop: &CancellationToken) -> Option<Tenure> {
    let clock = &shared.ports.clock;
    let mut told = false;
    loop {
        match claim(shared).await {
            Ok(Some(lease)) => return Some(Tenure(lease)),
            Ok(None) if !told => {
                told = true;
                tracing::warn!(
                    role = "standby",
                    "another gateway works on this data; this one takes over when it ends"
                );
                shared.health.role(Role::Standby, false, clock.now());
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "the role could not be asked for"),
        }
        tokio::select! {
            () = stop.cancelled() => return None,
            () = clock.sleep(super::LOOK_AGAIN) => {}
        }
    }
}

async fn claim(shared: &Shared) -> Result<Option<SourceLease>, StoreError> {
    let (channel, account) = NAME;
    shared.ports.stores.mailbox.claim_source(shared.ports.worker, channel, account, TTL).await
}

impl Tenure {
    /// Renews the role and returns when it is lost.
    pub(super) async fn hold(&mut self, shared: &Shared) {
        loop {
            shared.ports.clock.sleep(TTL / 4).await;
            match claim(shared).await {
                // Another token: somebody had it in between and ended since.
                Ok(Some(lease)) if lease.token == self.0.token => {}
                Ok(_) => return,
                // It may still hold; every write is fenced by itself.
                Err(error) => tracing::warn!(%error, "the role could not be renewed"),
            }
        }
    }
}
