//! A channel inside the process: what is put in comes out of it, and what is sent is remembered.

use std::collections::{BTreeSet, VecDeque};

use async_trait::async_trait;
use parking_lot::Mutex;
use session_api::{Ack, PartClaim, PartId};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{Arrival, Channel, ChannelCapabilities, ChannelError, Inlet, Reconciled, Sent};

/// A platform in memory. It redelivers what was not acknowledged, and refuses a second send with the same key.
#[derive(Debug, Default)]
pub struct LoopbackChannel {
    state: Mutex<Platform>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Platform {
    waiting: VecDeque<Arrival>,
    acknowledged: BTreeSet<String>,
    sent: Vec<PartClaim>,
}

impl LoopbackChannel {
    /// Somebody says something on the platform.
    pub fn put(&self, arrival: Arrival) {
        self.state.lock().waiting.push_back(arrival);
        self.arrived.notify_one();
    }

    /// What was sent, in order.
    #[must_use]
    pub fn sent(&self) -> Vec<PartClaim> {
        self.state.lock().sent.clone()
    }

    /// Ids of the events that were acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> Vec<String> {
        self.state.lock().acknowledged.iter().cloned().collect()
    }

    fn has(&self, part: PartId) -> Option<Sent> {
        let state = self.state.lock();
        state
            .sent
            .iter()
            .any(|claim| claim.part.id == part)
            .then(|| Sent { platform_id: Some(part.to_string()) })
    }
}

#[async_trait]
impl Channel for LoopbackChannel {
    fn kind(&self) -> &str {
        "loopback"
    }

    fn account(&self) -> &str {
        "bot"
    }

    fn capabilities(&self) -> ChannelCapabilities {
        ChannelCapabilities {
            text_limit: 4096,
            edits: true,
            typing: false,
            threads: true,
            media: true,
            idempotent_sends: true,
        }
    }

    async fn run(&self, inlet: Inlet, stop: CancellationToken) -> Result<(), ChannelError> {
        loop {
            // Left in the queue until it is acknowledged: a platform forgets nothing before that.
            let next = self.state.lock().waiting.front().cloned();
            match next {
                Some(arrival) => {
                    let id = arrival.external_id.clone();
                    let (_, ack) = inlet.deliver(None, vec![arrival], None).await?;
                    self.acknowledge(&id, ack).await?;
                }
                None => tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    () = self.arrived.notified() => {}
                },
            }
            if stop.is_cancelled() {
                return Ok(());
            }
        }
    }

    async fn send(&self, claim: &PartClaim) -> Result<Sent, ChannelError> {
        if let Some(sent) = self.has(claim.part.id) {
            return Ok(sent);
        }
        self.state.lock().sent.push(claim.clone());
        Ok(Sent { platform_id: Some(claim.part.id.to_string()) })
    }

    async fn reconcile(&self, claim: &PartClaim) -> Result<Reconciled, ChannelError> {
        Ok(self.has(claim.part.id).map_or(Reconciled::NotSent, Reconciled::Sent))
    }

    async fn acknowledge(&self, external_id: &str, _ack: Ack) -> Result<(), ChannelError> {
        let mut state = self.state.lock();
        state.waiting.retain(|arrival| arrival.external_id != external_id);
        state.acknowledged.insert(external_id.to_owned());
        Ok(())
    }
}
