//! What an assistant stands on.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use session_api::{Clock, IdSource, Stores, WorkerId};

use crate::{EventBus, Redact, gateway::Channels};

/// Runs a task for its owner. Implementations keep track of every task and await or cancel it before they end.
pub trait Spawn: Send + Sync {
    /// Runs `task`; `name` is for logs.
    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>);
}

/// The ports of an assistant.
#[derive(Clone)]
pub struct Ports {
    /// All stores.
    pub stores: Stores,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
    /// Events to listeners.
    pub bus: Arc<dyn EventBus>,
    /// Who runs tasks.
    pub spawn: Arc<dyn Spawn>,
    /// The chat platforms that are connected; none without a gateway.
    pub channels: Channels,
    /// Keeps secrets out of what is shown and stored.
    pub redact: Arc<dyn Redact>,
    /// The name under which this process leases.
    pub worker: WorkerId,
    /// How long a lease holds: the same as the store's.
    pub lease_ttl: Duration,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").field("worker", &self.worker).finish_non_exhaustive()
    }
}
