//! What all requests share.

use std::{sync::Arc, time::Duration};

use agent_core::{AgentError, Factotum, Inlet};
use session_api::StoreError;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::{HttpLimits, Operations, WebSocketPolicy, guard::Guard, token::Token, websocket::Arrived};

/// The longest that the store may take for one request.
const PATIENCE: Duration = Duration::from_secs(30);

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) factotum: Factotum,
    pub(crate) inlet: Inlet,
    pub(crate) operations: Arc<dyn Operations>,
    pub(crate) token: Option<Token>,
    pub(crate) guard: Guard,
    pub(crate) limits: HttpLimits,
    pub(crate) websocket: Option<WebSocketPolicy>,
    /// Whether only this machine can connect.
    pub(crate) loopback: bool,
    /// Clients on their way to the task that serves them.
    pub(crate) arrivals: mpsc::Sender<Arrived>,
    /// Places for clients that may speak.
    pub(crate) clients: Arc<Semaphore>,
    /// Places for clients that have not said who they are.
    pub(crate) strangers: Arc<Semaphore>,
    /// Places for webhooks' bodies in memory.
    pub(crate) hooks: Semaphore,
    /// One at a time reads far back into a conversation.
    pub(crate) large_reads: Semaphore,
    pub(crate) stop: CancellationToken,
}

impl Shared {
    /// How many WebSocket clients there are.
    pub(crate) fn connected(&self) -> usize {
        let places = self.websocket.as_ref().map_or(0, |policy| policy.connections);
        places.saturating_sub(self.clients.available_permits())
    }
}

/// What the store answers, or that it does not.
pub(crate) async fn in_time<T, E: From<AgentError>>(
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let late = || StoreError::Unavailable { what: "it did not answer in time".into(), source: None };
    tokio::time::timeout(PATIENCE, answer).await.unwrap_or_else(|_| Err(AgentError::from(late()).into()))
}
