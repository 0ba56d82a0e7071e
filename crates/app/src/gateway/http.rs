//! The gateway's HTTP server: there while the gateway works, and never a reason for anything else to stop.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use agent_core::{
    Factotum,
    gateway::{Health, Role},
};
use http_api::{HttpConfig, HttpError, WebSocketPolicy};
use secrecy::SecretString;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{GatewayApp, operations::GatewayOperations};
use crate::{
    channel_kinds::WEBSOCKET,
    config::{Config, KeyPath},
};

/// How long to wait before a port that is taken is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// The server's task, where one is wanted.
pub(super) struct HttpTask {
    config: Option<Result<HttpConfig, String>>,
    factotum: Factotum,
    operations: Arc<GatewayOperations>,
    stop: CancellationToken,
    running: Option<(CancellationToken, JoinHandle<()>)>,
    addr: watch::Sender<Option<SocketAddr>>,
    seen: watch::Receiver<Option<SocketAddr>>,
}

impl HttpTask {
    pub(super) fn new(app: &GatewayApp, stop: CancellationToken) -> Self {
        let config = app.assistant.config();
        let settings = config.http.enabled.then(|| settings(config, app));
        let operations = GatewayOperations {
            gateway: app.gateway.clone(),
            health: app.gateway.health(),
            metrics: app.metrics.clone(),
            board: app.assistant.registry().map(|registry| registry.board().clone()),
        };
        let (addr, seen) = watch::channel(None);
        Self {
            config: settings,
            factotum: app.assistant.factotum().clone(),
            operations: Arc::new(operations),
            stop,
            running: None,
            addr,
            seen,
        }
    }

    /// Where it listens.
    pub(super) fn addr(&self) -> Option<SocketAddr> {
        *self.addr.borrow()
    }

    /// Returns when the address changed.
    pub(super) async fn changed(&mut self) {
        if self.seen.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Starts when the gateway begins to work, and ends when it stands by again.
    pub(super) async fn follow(&mut self, health: &Health) {
        let wanted = health.role == Role::Primary;
        if wanted && self.running.is_none() {
            let config = match &self.config {
                Some(Ok(config)) => config.clone(),
                Some(Err(error)) => {
                    tracing::error!(error, "no HTTP server; mend `[http]` and start again");
                    self.config = None;
                    return;
                }
                None => return,
            };
            let own = self.stop.child_token();
            let serving =
                serve(config, self.factotum.clone(), self.operations.clone(), own.clone(), self.addr.clone());
            #[expect(clippy::disallowed_methods, reason = "owned by this value, which ends it")]
            let task = tokio::spawn(serving);
            self.running = Some((own, task));
        } else if !wanted {
            self.end().await;
        }
    }

    /// Ends the server and waits for calls under way, within its own limit.
    pub(super) async fn end(&mut self) {
        let Some((own, task)) = self.running.take() else { return };
        own.cancel();
        if let Err(error) = task.await {
            tracing::error!(%error, "the HTTP server crashed; this is a bug in it");
        }
        self.addr.send_replace(None);
    }
}

async fn serve(
    config: HttpConfig,
    factotum: Factotum,
    operations: Arc<GatewayOperations>,
    stop: CancellationToken,
    addr: watch::Sender<Option<SocketAddr>>,
) {
    let mut told = false;
    let server = loop {
        match http_api::bind(config.clone()).await {
            Ok(server) => break server,
            Err(error @ HttpError::Bind { .. }) => {
                if !told {
                    told = true;
                    tracing::warn!(%error, "the HTTP server cannot listen; it is tried again");
                }
            }
            Err(error) => {
                tracing::error!(%error, "no HTTP server; mend `[http]` and start again");
                return;
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(AGAIN) => {}
        }
    };
    tracing::info!(addr = %server.addr(), "listening for HTTP");
    addr.send_replace(Some(server.addr()));
    server.serve(factotum, operations, stop).await;
}

/// What the configuration says, with the token.
fn settings(config: &Config, app: &GatewayApp) -> Result<HttpConfig, String> {
    let section = &config.http;
    let bind = section.bind.parse().map_err(|_| format!("`http.bind`: {:?} is no address", section.bind))?;
    let token = match &section.token {
        Some(reference) => config
            .resolve(KeyPath::parse("http.token"), reference, app.assistant.environment())
            .map_err(|error| error.to_string())?,
        None => own_token(app.assistant.home()).map_err(|error| format!("`run/http.token`: {error}"))?,
    };
    config.redactor().add(&token);
    let websocket = config.channels.get(WEBSOCKET).is_some_and(|section| section.enabled);
    Ok(HttpConfig {
        bind,
        token: Some(token),
        hosts: section.hosts.clone(),
        origins: section.origins.clone(),
        websocket: websocket.then(WebSocketPolicy::default),
        ..HttpConfig::default()
    })
}

/// The token that is made at the first start and kept, for the owner alone to read.
fn own_token(home: &Path) -> std::io::Result<SecretString> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let path = home.join("run/http.token");
    match std::fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().into()),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut bytes = [0; 32];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    let token = hex::encode(bytes);
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    file.write_all(token.as_bytes())?;
    Ok(token.into())
}
