//! Events to whoever listens.

use std::collections::HashMap;

use parking_lot::Mutex;
use session_api::SessionKey;
use tokio::sync::mpsc;

use crate::RunEvent;

/// How many events wait for a slow listener before it misses some.
const ROOM: usize = 1024;

/// Carries events from runs to listeners. Best effort: a listener that does not keep up misses events, never the turn's
/// outcome, which it reads from the mailbox.
pub trait EventBus: Send + Sync {
    /// Gives `event` to all that listen to its session. Never waits.
    fn publish(&self, event: &RunEvent);

    /// Listens to a session from now on. Dropping the receiver ends it.
    fn subscribe(&self, session: &SessionKey) -> mpsc::Receiver<RunEvent>;
}

/// Events within this process.
#[derive(Debug, Default)]
pub struct LocalBus {
    listeners: Mutex<HashMap<SessionKey, Vec<mpsc::Sender<RunEvent>>>>,
}

impl EventBus for LocalBus {
    fn publish(&self, event: &RunEvent) {
        let mut listeners = self.listeners.lock();
        let Some(senders) = listeners.get_mut(&event.session) else { return };
        senders.retain(|sender| {
            !matches!(sender.try_send(event.clone()), Err(mpsc::error::TrySendError::Closed(_)))
        });
        if senders.is_empty() {
            listeners.remove(&event.session);
        }
    }

    fn subscribe(&self, session: &SessionKey) -> mpsc::Receiver<RunEvent> {
        let (sender, receiver) = mpsc::channel(ROOM);
        let mut listeners = self.listeners.lock();
        let senders = listeners.entry(session.clone()).or_default();
        senders.retain(|sender| !sender.is_closed());
        senders.push(sender);
        receiver
    }
}
