//! Keeps a lease alive and notices when somebody wants the turn to stop.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use session_api::{Control, StoreError, TurnLease};

use super::run::millis;
use crate::Ports;

/// How long a stop may go unnoticed, at most. It bounds what a busy store is asked: a short turn asks nothing.
const PACE: Duration = Duration::from_millis(100);

/// What the watch has to tell. It tells one thing and is over.
#[derive(Debug)]
pub(super) enum Noticed {
    /// Stop.
    Stop,
    /// The lease is gone.
    Lost,
}

/// Renews the lease at a third of its time and returns when the turn is to stop or the lease was lost. `until` is kept
/// at the monotonic millisecond up to which the lease certainly holds.
pub(super) async fn watch(ports: &Ports, lease: &TurnLease, until: &AtomicU64) -> Noticed {
    let renew_every = ports.lease_ttl / 3;
    let mut renewed = ports.clock.monotonic();
    let mut version = 0;
    loop {
        ports.clock.sleep(PACE).await;
        let left = (renewed + renew_every).saturating_sub(ports.clock.monotonic());
        let control = tokio::select! {
            changed = ports.stores.mailbox.changed(version) => match changed {
                Ok(now) => {
                    version = now;
                    ports.stores.mailbox.control(lease).await
                }
                Err(error) => Err(error),
            },
            () = ports.clock.sleep(left) => {
                // Taken before the call: the lease holds at least so long from the moment it was asked for.
                renewed = ports.clock.monotonic();
                let control = ports.stores.mailbox.renew(lease).await;
                if control.is_ok() {
                    until.store(millis(renewed + ports.lease_ttl), Ordering::Release);
                }
                control
            }
        };
        match control {
            Ok(Control { stopped_by: Some(_), .. }) => return Noticed::Stop,
            Ok(_) => {}
            Err(StoreError::Stale { .. }) => return Noticed::Lost,
            // The lease may still hold; every write checks it anyway.
            Err(error) => tracing::warn!(%error, "the lease could not be checked"),
        }
    }
}
