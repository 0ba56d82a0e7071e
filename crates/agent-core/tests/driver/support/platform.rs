//! A platform that fails when it is told to.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use agent_core::{
    Account, Channel, ChannelCapabilities, ChannelError, Inlet, LoopbackChannel, Reconciled, Sent,
};
use async_trait::async_trait;
use parking_lot::Mutex;
use session_api::{Clock as _, ManualClock, PartClaim, Route};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// A loopback channel in front of which faults can be put.
#[derive(Default)]
pub(crate) struct Platform {
    pub(crate) inner: LoopbackChannel,
    /// What the next sends come to; afterwards they succeed.
    pub(crate) sends: Mutex<VecDeque<Fault>>,
    /// What the next connections come to.
    pub(crate) connects: Mutex<VecDeque<ChannelError>>,
    /// What the next runs come to, at once.
    pub(crate) runs: Mutex<VecDeque<ChannelError>>,
    /// Ends a run as lost.
    pub(crate) lose: Notify,
    /// What the last run was given.
    pub(crate) inlet: Mutex<Option<Inlet>>,
    /// What it answers when it is asked for a part in doubt; `None`: what is true.
    pub(crate) knows: Mutex<Option<Reconciled>>,
    /// What it is called where it is not the only one.
    name: Option<&'static str>,
}

/// What a send comes to.
pub(crate) enum Fault {
    /// This error, and nothing is shown.
    Error(ChannelError),
    /// It is shown, and no answer ever comes.
    ShownThenSilence,
    /// It is shown, and the answer comes so much later.
    Late(ManualClock, Duration),
    /// The adapter has a bug.
    Panic,
}

#[async_trait]
impl Channel for Platform {
    fn kind(&self) -> &str {
        self.name.unwrap_or_else(|| self.inner.kind())
    }

    fn capabilities(&self) -> ChannelCapabilities {
        ChannelCapabilities { working: Some(Duration::from_secs(4)), ..self.inner.capabilities() }
    }

    async fn connect(&self) -> Result<Account, ChannelError> {
        let next = self.connects.lock().pop_front();
        match next {
            Some(error) => Err(error),
            None => self.inner.connect().await,
        }
    }

    async fn run(&self, inlet: Inlet, stop: CancellationToken) -> Result<(), ChannelError> {
        let next = self.runs.lock().pop_front();
        match next {
            Some(error) => Err(error),
            None => {
                *self.inlet.lock() = Some(inlet.clone());
                tokio::select! {
                    ended = self.inner.run(inlet, stop) => ended,
                    () = self.lose.notified() => {
                        Err(ChannelError::Temporary { message: "the line was cut".into(), after: None })
                    }
                }
            }
        }
    }

    async fn send(&self, claim: &PartClaim) -> Result<Sent, ChannelError> {
        let next = self.sends.lock().pop_front();
        match next {
            Some(Fault::Error(error)) => Err(error),
            Some(Fault::ShownThenSilence) => {
                self.inner.send(claim).await?;
                std::future::pending().await
            }
            Some(Fault::Late(clock, wait)) => {
                let sent = self.inner.send(claim).await;
                clock.sleep(wait).await;
                sent
            }
            Some(Fault::Panic) => panic!("a bug in the adapter"),
            None => self.inner.send(claim).await,
        }
    }

    async fn reconcile(&self, claim: &PartClaim) -> Result<Reconciled, ChannelError> {
        let knows = self.knows.lock().clone();
        match knows {
            Some(known) => Ok(known),
            None => self.inner.reconcile(claim).await,
        }
    }

    async fn working(&self, _route: &Route, _on: bool) -> Result<(), ChannelError> {
        Ok(())
    }
}

impl Platform {
    /// A platform without faults.
    pub(crate) fn sound() -> Arc<Self> {
        Arc::default()
    }

    /// One more beside the first.
    pub(crate) fn named(name: &'static str) -> Arc<Self> {
        Arc::new(Self { name: Some(name), ..Self::default() })
    }
}
