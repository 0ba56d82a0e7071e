//! The gateway: channels, turns and sends, kept going until somebody stops them.
//!
//! ```text
//!  supervisor (one for each channel)          pool                    supervisor
//!    Channel::run ──▶ Inlet ──▶ inbox ──▶ lease ▶ driver ──▶ outbox ──▶ dispatcher ──▶ Channel::send
//! ```
//!
//! Everything that is said passes the inbox and the outbox; nothing is kept in memory that a kill could lose. One
//! gateway of a data directory works, the primary; another one stands by and takes over when it ends.

mod backoff;
mod consolidation;
mod dispatcher;
mod guard;
mod health;
mod heartbeat;
mod idle;
mod indexer;
mod job_check;
mod measure;
mod notices;
mod pool;
mod registry;
mod role;
mod scheduler;
mod split;
mod supervisor;
mod sweeper;
mod vectors;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use parking_lot::Mutex;
use session_api::Route;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    Admission, Channel, Consolidation, Factotum, Heartbeat, HookRequest, HookResponse, Ports, Vectors,
};

pub(crate) use guard::{doubtful, guarded};
pub use health::{ChannelHealth, ChannelState, Health, Role};
pub(crate) use notices::stable_id;
pub(crate) use registry::Connected;
pub use registry::{ChannelPolicy, Channels};
pub use split::split;

use health::HealthBoard;
use supervisor::Stages;

/// How often to look whether time alone has changed something.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How a gateway works.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// Most turns at the same time.
    pub max_concurrent_turns: usize,
    /// How long an accepted message may wait before its sender is told that nobody worked on it.
    pub deadline: Duration,
    /// How long running turns may go on after the end was asked for. What is left is resumed by the next start.
    pub grace: Duration,
    /// Where the owner is told what does not belong to any chat: parts that could not be delivered.
    pub notify: Option<Route>,
    /// How the heart beats at first; `None`: it does not. See [`Gateway::set_heartbeat`].
    pub heartbeat: Option<Heartbeat>,
    /// When memories are consolidated; `None`: never.
    pub consolidation: Option<Consolidation>,
    /// What gives texts their vectors; `None`: they get none.
    pub vectors: Option<Arc<Vectors>>,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            max_concurrent_turns: 16,
            deadline: Duration::from_secs(30 * 60),
            grace: Duration::from_secs(10),
            notify: None,
            heartbeat: None,
            consolidation: None,
            vectors: None,
        }
    }
}

/// A channel and what the configuration says about it.
#[derive(Clone)]
pub struct GatewayChannel {
    /// The channel.
    pub channel: Arc<dyn Channel>,
    /// What the configuration says.
    pub policy: ChannelPolicy,
}

/// What the parts of a gateway share.
pub(crate) struct Shared {
    pub(crate) ports: Arc<Ports>,
    factotum: Factotum,
    config: GatewayConfig,
    /// How the heart beats now.
    heartbeat: watch::Sender<Option<Heartbeat>>,
    admission: Arc<dyn Admission>,
    health: HealthBoard,
}

/// A gateway. It does nothing until [`run`](Self::run).
pub struct Gateway {
    shared: Arc<Shared>,
    channels: Mutex<BTreeMap<String, GatewayChannel>>,
    /// The running supervisors, by kind.
    running: Mutex<BTreeMap<String, Supervised>>,
    /// While this process works: what its channels end with.
    stages: Mutex<Option<Stages>>,
}

struct Supervised {
    stages: Stages,
    ended: oneshot::Receiver<()>,
}

impl Gateway {
    /// Over `factotum`, with these channels; `admission` decides who may speak.
    #[must_use]
    pub fn new(
        factotum: Factotum,
        config: GatewayConfig,
        channels: Vec<GatewayChannel>,
        admission: Arc<dyn Admission>,
    ) -> Self {
        let ports = factotum.ports().clone();
        let health = HealthBoard::new(ports.clock.now());
        let channels =
            channels.into_iter().map(|channel| (channel.channel.kind().to_owned(), channel)).collect();
        let heartbeat = watch::Sender::new(config.heartbeat.clone());
        Self {
            shared: Arc::new(Shared { ports, factotum, config, heartbeat, admission, health }),
            channels: Mutex::new(channels),
            running: Mutex::default(),
            stages: Mutex::default(),
        }
    }

    /// How it is, now and whenever that changes.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.shared.health.watch()
    }

    /// Hands what came to the webhook of a channel to it.
    pub async fn hook(&self, kind: &str, request: HookRequest) -> HookResponse {
        match self.shared.ports.channels.get(kind) {
            Some(connected) => connected.channel.hook(&connected.inlet, request).await,
            // The platform sends it again.
            None if self.channels.lock().contains_key(kind) => HookResponse::status(503),
            None => HookResponse::status(404),
        }
    }

    /// Works until `stop` is cancelled, then in two stages: nothing more comes in and no turn starts, while what runs
    /// may end within the grace time and what is said is sent; then the rest is cut, to be resumed by the next start.
    /// While another gateway works on the same data, it stands by.
    pub async fn run(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let Some(mut tenure) = role::take(&self.shared, &stop).await else { return };
            let end = stop.child_token();
            let lost = CancellationToken::new();
            tokio::select! {
                () = self.work(end.clone(), lost.clone()) => {}
                () = tenure.hold(&self.shared) => {
                    tracing::error!("another gateway took over: this one was held up for too long; it stands by now");
                    // It works on the same data already: nothing of ours may go on, nor start at a reload.
                    *self.stages.lock() = None;
                    lost.cancel();
                    self.end_channels(self.kinds(), Duration::ZERO).await;
                }
            }
            self.shared.health.role(Role::Standby, false, self.shared.ports.clock.now());
        }
    }

    /// Replaces the channels. One that is the same value with the same policy goes on, unless it had stopped: what kept
    /// it off may have been mended on the platform. The others end and start anew.
    pub async fn set_channels(&self, channels: Vec<GatewayChannel>) {
        let new: BTreeMap<String, GatewayChannel> =
            channels.into_iter().map(|channel| (channel.channel.kind().to_owned(), channel)).collect();
        let old = std::mem::replace(&mut *self.channels.lock(), new.clone());
        if self.stages.lock().is_none() {
            return;
        }
        let health = self.health();
        let stopped = |kind: &String| {
            let health = health.borrow();
            health.channels.get(kind).is_some_and(|known| matches!(known.state, ChannelState::Stopped { .. }))
        };
        let same = |kind: &String| match (old.get(kind), new.get(kind)) {
            _ if stopped(kind) => false,
            (Some(old), Some(new)) => Arc::ptr_eq(&old.channel, &new.channel) && old.policy == new.policy,
            _ => false,
        };
        let gone: Vec<String> = old.keys().filter(|kind| !same(kind)).cloned().collect();
        self.end_channels(gone, LOOK_AGAIN * 5).await;
        self.start_channels();
    }

    /// From now on the heart beats like this; `None`: not at all. Another pace begins without a beat.
    pub fn set_heartbeat(&self, heartbeat: Option<Heartbeat>) {
        self.shared.heartbeat.send_replace(heartbeat);
    }

    async fn work(&self, stop: CancellationToken, lost: CancellationToken) {
        let shared = &self.shared;
        let clock = &shared.ports.clock;
        *self.stages.lock() = Some(Stages { intake: stop.clone(), sending: CancellationToken::new() });
        self.start_channels();
        shared.health.role(Role::Primary, true, clock.now());
        let slots = Arc::new(Semaphore::new(shared.config.max_concurrent_turns.max(1)));
        let cut = lost.child_token();
        // Dropped when the role is lost: what runs is cut then too.
        let _cut_on_drop = cut.clone().drop_guard();
        tokio::join!(
            pool::work(shared, &slots, stop.clone(), &cut),
            scheduler::schedule(shared, stop.clone()),
            heartbeat::beat(shared, stop.clone()),
            idle::watch(shared, stop.clone()),
            indexer::index(shared, stop.clone()),
            consolidation::keep(shared, stop.clone()),
            vectors::feed(shared, stop.clone()),
            sweeper::sweep(shared, stop.clone())
        );
        shared.health.role(Role::Primary, false, clock.now());
        let all = u32::try_from(shared.config.max_concurrent_turns.max(1)).unwrap_or(u32::MAX);
        tokio::select! {
            done = slots.acquire_many(all) => drop(done),
            () = clock.sleep(shared.config.grace) => {
                tracing::warn!("turns still run; they are resumed by the next start");
                cut.cancel();
                tokio::select! {
                    done = slots.acquire_many(all) => drop(done),
                    () = clock.sleep(LOOK_AGAIN) => {}
                }
            }
        }
        self.say_what_is_said().await;
        self.end_channels(self.kinds(), LOOK_AGAIN * 2).await;
        *self.stages.lock() = None;
    }

    /// Gives what stands in the outbox a moment to be sent.
    async fn say_what_is_said(&self) {
        let (ports, mailbox) = (&self.shared.ports, &self.shared.ports.stores.mailbox);
        let mut patience = ports.clock.sleep(LOOK_AGAIN * 2);
        loop {
            let Ok(version) = mailbox.changed(0).await else { return };
            match mailbox.backlog().await {
                Ok(backlog) if backlog.unsent > 0 => {}
                _ => return,
            }
            tokio::select! {
                changed = mailbox.changed(version) => if changed.is_err() { return },
                () = &mut patience => return,
            }
        }
    }

    /// Starts the channels that do not run yet.
    fn start_channels(&self) {
        let Some(stages) = self.stages.lock().clone() else { return };
        let channels: Vec<GatewayChannel> = self.channels.lock().values().cloned().collect();
        let mut running = self.running.lock();
        for configured in channels {
            let kind = configured.channel.kind().to_owned();
            if running.contains_key(&kind) {
                continue;
            }
            let own = Stages { intake: stages.intake.child_token(), sending: stages.sending.child_token() };
            let (done, ended) = oneshot::channel();
            let (shared, stages) = (self.shared.clone(), own.clone());
            let task = async move {
                supervisor::supervise(shared, configured, stages).await;
                // Nobody waits for it any more when the gateway was dropped.
                let _ = done.send(());
            };
            self.shared.ports.spawn.spawn("channel", Box::pin(task));
            running.insert(kind, Supervised { stages: own, ended });
        }
    }

    fn kinds(&self) -> Vec<String> {
        self.running.lock().keys().cloned().collect()
    }

    /// Ends channels: what they send has `grace` to end.
    async fn end_channels(&self, kinds: Vec<String>, grace: Duration) {
        let ending: Vec<Supervised> = {
            let mut running = self.running.lock();
            kinds.iter().filter_map(|kind| running.remove(kind)).collect()
        };
        for supervised in &ending {
            supervised.stages.intake.cancel();
            supervised.stages.sending.cancel();
        }
        for kind in &kinds {
            self.shared.health.forget(kind);
        }
        let mut patience = self.shared.ports.clock.sleep(grace.max(LOOK_AGAIN));
        for supervised in ending {
            tokio::select! {
                _ = supervised.ended => {}
                () = &mut patience => return,
            }
        }
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("config", &self.shared.config).finish_non_exhaustive()
    }
}
