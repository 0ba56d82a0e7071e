//! `factotum gateway`: the assistant on its channels, until somebody stops it.

mod channels;
mod heartbeat;
mod http;
mod measure;
mod operations;
mod signals;
mod status_file;

use std::{path::PathBuf, sync::Arc, time::Duration};

use agent_core::{
    ChannelDeps, Gate,
    gateway::{Gateway, GatewayConfig, Health},
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use providers::LineState;
use session_api::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::{
    Assistant, Builder, Environment, SetupError,
    config::{self, Config, LoadInput},
};

use channels::Configured;
pub(crate) use channels::{BuildError, build_channel};
pub(crate) use signals::{Signal, Signals};
pub(crate) use status_file::{GatewayStatus, Reload};

/// How often the figures that are kept by the metrics are cleaned up, and how old the status file may be in what it says of
/// the servers of models.
const UPKEEP: Duration = Duration::from_secs(5);

/// Where a gateway's configuration is read again from.
pub(crate) struct Source {
    pub(crate) home: PathBuf,
    pub(crate) path: Option<PathBuf>,
    pub(crate) environment: Environment,
}

/// A gateway with everything around it. Nothing runs yet.
pub(crate) struct GatewayApp {
    assistant: Assistant,
    gateway: Arc<Gateway>,
    gate: Arc<Gate>,
    configured: Configured,
    deps: ChannelDeps,
    source: Source,
    metrics: Option<PrometheusHandle>,
    started_at: Timestamp,
    /// What the status file says of the servers of models.
    noted: Vec<LineState>,
    /// What came of reading the configuration again.
    reload: Reload,
}

impl GatewayApp {
    /// Around a started assistant.
    pub(crate) fn new(assistant: Assistant, source: Source) -> Self {
        let config = assistant.config();
        let deps = channels::deps(&assistant);
        let configured = Configured::of(config, assistant.environment(), &deps, &Configured::default());
        let gate = Arc::new(Gate::new(
            assistant.stores().clone(),
            deps.clock.clone(),
            deps.ids.clone(),
            configured.rules.clone(),
            config.gateway.notify_route(),
        ));
        let gateway = Arc::new(Gateway::new(
            assistant.factotum().clone(),
            gateway_config(config, &assistant),
            configured.channels.clone(),
            gate.clone(),
        ));
        // A process has one recorder. A second gateway in one process, as in tests, goes without figures.
        let metrics = PrometheusBuilder::new().install_recorder().ok();
        let started_at = deps.clock.now();
        Self {
            assistant,
            gateway,
            gate,
            configured,
            deps,
            source,
            metrics,
            started_at,
            noted: Vec::new(),
            reload: Reload::default(),
        }
    }

    /// Runs until a signal says otherwise; `ready` is told each time that it begins to work.
    pub(crate) async fn run(mut self, mut signals: Signals) -> Result<(), SetupError> {
        let stop = CancellationToken::new();
        let mut health = self.gateway.health();
        let mut http = http::HttpTask::new(&self, stop.clone());
        let gateway = self.gateway.clone();
        let running = stop.clone();
        // A task of its own: a reload must not hold up who leases turns and renews the role.
        #[expect(clippy::disallowed_methods, reason = "ended below")]
        let mut working = tokio::spawn(async move { gateway.run(running).await });
        let mut told = false;
        self.note(&health.borrow().clone(), None);
        // It may work already, and nothing else may ever change: what it is now is the first news.
        health.mark_changed();
        let mut upkeep = tokio::time::interval(UPKEEP);
        loop {
            tokio::select! {
                ended = &mut working => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "the gateway crashed; this is a bug in it");
                    }
                    break;
                }
                changed = health.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    let now = health.borrow_and_update().clone();
                    http.follow(&now).await;
                    if now.ready && !told {
                        told = true;
                        signals.ready(&self.source.environment);
                    }
                    self.note(&now, http.addr());
                }
                () = http.changed() => {
                    let now = health.borrow().clone();
                    self.note(&now, http.addr());
                }
                signal = signals.next() => match signal {
                    Signal::Reload => {
                        self.reload().await;
                        let now = health.borrow().clone();
                        self.note(&now, http.addr());
                    }
                    Signal::Stop if stop.is_cancelled() => {
                        tracing::warn!("asked to end a second time; ending at once");
                        break;
                    }
                    Signal::Stop => {
                        tracing::info!("ending: what runs may finish");
                        signals.stopping(&self.source.environment);
                        stop.cancel();
                    }
                },
                _ = upkeep.tick() => {
                    if let Some(metrics) = &self.metrics {
                        metrics.run_upkeep();
                    }
                    // A gateway on which nothing happens writes nothing.
                    if self.servers() != self.noted {
                        let now = health.borrow().clone();
                        self.note(&now, http.addr());
                    }
                }
            }
        }
        stop.cancel();
        if !working.is_finished() {
            working.abort();
            // It was told to end at once; that it was is no news.
            let _ = working.await;
        }
        http.end().await;
        GatewayStatus::remove(&self.source.home, std::process::id());
        let Self { assistant, gateway: own, gate, configured, deps, .. } = self;
        // The database's writer ends with the last handle of the store.
        drop((own, gate, configured, deps, http));
        assistant.shutdown().await.map_err(|error| {
            tracing::error!(%error, "the database did not end well");
            crate::SetupProblem::Model(error.to_string()).into()
        })
    }

    /// Reads the configuration again. One that makes no sense changes nothing.
    async fn reload(&mut self) {
        let done = self.try_reload().await;
        self.reload.count += 1;
        self.reload.error = done.as_ref().err().map(ToString::to_string);
        match done {
            Ok(()) if self.reload.next_start.is_empty() => tracing::info!("configuration reloaded"),
            Ok(()) => {
                let sections = self.reload.next_start.join(", ");
                tracing::warn!(
                    sections,
                    "configuration reloaded; what changed in these counts from the next start"
                );
            }
            Err(error) => tracing::error!(%error, "the configuration was not reloaded: it stays as it was"),
        }
    }

    async fn try_reload(&mut self) -> Result<(), SetupError> {
        let Source { home, path, environment } = &self.source;
        let input = LoadInput::new(home.clone(), path.clone(), environment);
        let mut config = config::load(&input)?.config;
        config.fit_gateway();
        self.assistant.config().redactor().learn(config.redactor());
        let builder = Builder::new(config, home.clone(), environment.clone());
        let (core, config, choice) = builder.build_core(&self.assistant).await?;
        let configured = Configured::of(&config, environment, &self.deps, &self.configured);
        self.assistant.config().redactor().learn(config.redactor());
        self.assistant.reload(core, choice);
        self.gate.set_rules(configured.rules.clone());
        self.gateway.set_channels(configured.channels.clone()).await;
        self.gateway.set_heartbeat(heartbeat::of(&config, self.assistant.workspace()));
        self.configured = configured;
        self.reload.next_start = self.assistant.config().kept_until_next_start(&config);
        Ok(())
    }

    /// How the servers of models are doing.
    fn servers(&self) -> Vec<LineState> {
        self.assistant.registry().map(|registry| registry.board().states()).unwrap_or_default()
    }

    fn note(&mut self, health: &Health, http: Option<std::net::SocketAddr>) {
        self.noted = self.servers();
        let status = GatewayStatus {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.started_at,
            http: http.map(|addr| addr.to_string()),
            config: self.source.path.clone(),
            providers: self.noted.clone(),
            reload: self.reload.clone(),
            health: health.clone(),
        };
        if let Err(error) = status.write(&self.source.home) {
            tracing::warn!(%error, "the status of the gateway could not be written");
        }
    }
}

fn gateway_config(config: &Config, assistant: &Assistant) -> GatewayConfig {
    let section = &config.gateway;
    GatewayConfig {
        max_concurrent_turns: usize::try_from(section.max_concurrent_turns).unwrap_or(1),
        deadline: Duration::from_secs(u64::from(section.deadline_minutes) * 60),
        grace: Duration::from_secs(u64::from(section.grace_seconds)),
        notify: section.notify_route(),
        heartbeat: heartbeat::of(config, assistant.workspace()),
        consolidation: crate::memory::consolidation(config, assistant.workspace())
            .inspect_err(|error| tracing::error!(%error, "memories are not consolidated"))
            .ok(),
        vectors: assistant.vectors().cloned(),
    }
}
