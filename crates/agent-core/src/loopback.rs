//! A channel inside the process: what is put in comes out of it, and what is sent is remembered.

use std::collections::{BTreeSet, VecDeque};

use async_trait::async_trait;
use parking_lot::Mutex;
use session_api::PartClaim;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    Account, Arrival, Channel, ChannelCapabilities, ChannelError, Inlet, Reconciled, Sent, TextUnit,
};

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
    /// What stands in its chats, by the platform's id.
    shown: Vec<(String, PartClaim)>,
}

impl LoopbackChannel {
    /// Somebody says something on the platform.
    pub fn put(&self, arrival: Arrival) {
        self.state.lock().waiting.push_back(arrival);
        self.arrived.notify_one();
    }

    /// Every send, edits and deletions included, in order.
    #[must_use]
    pub fn sent(&self) -> Vec<PartClaim> {
        self.state.lock().sent.clone()
    }

    /// Ids of the events that were acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> Vec<String> {
        self.state.lock().acknowledged.iter().cloned().collect()
    }

    fn acknowledge(&self, external_id: &str) {
        let mut state = self.state.lock();
        state.waiting.retain(|arrival| arrival.external_id != external_id);
        state.acknowledged.insert(external_id.to_owned());
    }

    /// The texts that stand in `chat`, in order.
    #[must_use]
    pub fn shown(&self, chat: &str) -> Vec<String> {
        let state = self.state.lock();
        let here = state.shown.iter().filter(|(_, claim)| claim.route.chat == chat);
        here.filter_map(|(_, claim)| claim.part.body.as_ref()?.as_text().map(str::to_owned)).collect()
    }
}

#[async_trait]
impl Channel for LoopbackChannel {
    fn kind(&self) -> &str {
        "loopback"
    }

    fn capabilities(&self) -> ChannelCapabilities {
        ChannelCapabilities {
            text_limit: 4096,
            unit: TextUnit::Chars,
            edits: Some(std::time::Duration::from_millis(100)),
            working: None,
            buttons: false,
            threads: true,
            media: Some(1 << 20),
            idempotent_sends: true,
        }
    }

    async fn connect(&self) -> Result<Account, ChannelError> {
        Ok(Account { id: "bot".into(), name: "Loopback".into() })
    }

    async fn run(&self, inlet: Inlet, stop: CancellationToken) -> Result<(), ChannelError> {
        loop {
            // Left in the queue until it is acknowledged: a platform forgets nothing before that.
            let next = self.state.lock().waiting.front().cloned();
            match next {
                Some(arrival) => {
                    let id = arrival.external_id.clone();
                    let (_, _ack) = inlet.deliver(vec![arrival]).await?;
                    self.acknowledge(&id);
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
        let mut state = self.state.lock();
        let known = claim.part.platform_id.clone().unwrap_or_else(|| claim.part.id.to_string());
        let at = state.shown.iter().position(|(id, _)| *id == known);
        match (at, &claim.part.body) {
            (Some(at), None) => {
                state.shown.remove(at);
            }
            (Some(at), Some(_)) => state.shown[at].1 = claim.clone(),
            (None, Some(_)) => state.shown.push((known.clone(), claim.clone())),
            (None, None) => {}
        }
        state.sent.push(claim.clone());
        Ok(Sent { platform_id: Some(known) })
    }

    async fn reconcile(&self, claim: &PartClaim) -> Result<Reconciled, ChannelError> {
        let id = claim.part.platform_id.clone().unwrap_or_else(|| claim.part.id.to_string());
        let known = self.state.lock().shown.iter().any(|(shown, _)| *shown == id);
        Ok(if known { Reconciled::Sent(Sent { platform_id: Some(id) }) } else { Reconciled::NotSent })
    }
}
