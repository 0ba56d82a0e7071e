//! The server: bound first, serving later.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use agent_core::{Factotum, InletPolicy};
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;

use crate::{
    HttpConfig, HttpError, HttpLimits, Operations,
    guard::Guard,
    routes::router,
    state::Shared,
    token::Token,
    websocket::{self, Arrived},
};

/// The wait after the system had no connection to give, mostly for want of file descriptors.
const NO_DESCRIPTORS: Duration = Duration::from_millis(100);
/// Webhooks whose bodies are in memory at the same time.
const HOOKS: usize = 32;

/// A server that listens and does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    addr: SocketAddr,
    config: HttpConfig,
    guard: Guard,
}

/// Takes the address. Nothing is answered before [`Server::serve`]; who connects meanwhile waits.
///
/// # Errors
/// When the configuration would let strangers in, or the address is not to be had.
pub async fn bind(config: HttpConfig) -> Result<Server, HttpError> {
    config.check()?;
    let guard = Guard::new(&config.hosts, &config.origins)?;
    let failed = |source: io::Error| HttpError::Bind { addr: config.bind, source };
    let listener = TcpListener::bind(config.bind).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    Ok(Server { listener, addr, config, guard })
}

impl Server {
    /// The address, with the port that was chosen where the configuration left it open.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Answers until `stop` is cancelled, and then for as long as calls under way need, within the limit for that.
    pub async fn serve(self, factotum: Factotum, operations: Arc<dyn Operations>, stop: CancellationToken) {
        let Self { listener, addr, config, guard } = self;
        if config.weak_token() {
            tracing::warn!(
                "`http.token` is short enough to be guessed; `openssl rand -hex 32` makes a better one"
            );
        }
        let limits = config.limits;
        let (sender, mut arrivals) = mpsc::channel(websocket::STRANGERS);
        let shared = Arc::new(shared(factotum, operations, config, guard, addr, sender, stop.clone()));
        let router = router(shared.clone());
        let places = Arc::new(Semaphore::new(limits.connections));
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(arrived) = arrivals.recv() => { tasks.spawn(websocket::serve(shared.clone(), arrived)); }
                Some(ended) = tasks.join_next() => report(ended),
                (stream, place) = accepted(&listener, &places) => {
                    tasks.spawn(connection(stream, place, router.clone(), limits, stop.clone()));
                }
            }
        }
        drop(listener);
        let drained = tokio::time::timeout(limits.drain, drain(&shared, &mut tasks, &mut arrivals)).await;
        if drained.is_err() {
            tracing::warn!(left = tasks.len(), "calls under way were cut off");
        }
        tasks.shutdown().await;
    }
}

fn shared(
    factotum: Factotum,
    operations: Arc<dyn Operations>,
    config: HttpConfig,
    guard: Guard,
    addr: SocketAddr,
    arrivals: mpsc::Sender<Arrived>,
    stop: CancellationToken,
) -> Shared {
    let places = config.websocket.as_ref().map_or(0, |policy| policy.connections);
    let media_limit = config.websocket.as_ref().map_or(0, |policy| policy.limits.frame as u64);
    let policy = InletPolicy { coalesce: None, media_limit, ..InletPolicy::default() };
    Shared {
        inlet: factotum.inlet(
            websocket::CHANNEL,
            websocket::ACCOUNT,
            Arc::new(websocket::TokenHolder),
            policy,
        ),
        factotum,
        operations,
        token: config.token.as_ref().map(Token::new),
        guard,
        limits: config.limits,
        websocket: config.websocket,
        loopback: addr.ip().is_loopback(),
        arrivals,
        clients: Arc::new(Semaphore::new(places)),
        strangers: Arc::new(Semaphore::new(websocket::STRANGERS)),
        hooks: Semaphore::new(HOOKS),
        large_reads: Semaphore::new(1),
        stop,
    }
}

/// The next connection for which there is a place. Cancel safe.
async fn accepted(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    loop {
        // Never closed.
        let Ok(place) = places.clone().acquire_owned().await else { return std::future::pending().await };
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(NO_DESCRIPTORS).await;
            }
        }
    }
}

/// Serves one connection until it ends, becomes a WebSocket, has lasted too long, or the server stops.
async fn connection(
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    router: Router,
    limits: HttpLimits,
    stop: CancellationToken,
) {
    let _place = place;
    let _ = stream.set_nodelay(true);
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(limits.head.max(8 << 10))
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
        () = tokio::time::sleep(limits.connection_life) => {
            served.as_mut().graceful_shutdown();
            tokio::time::timeout(limits.drain, served).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended badly");
    }
}

/// Waits for all tasks. A WebSocket that is just being made is taken in, to be told that it ends.
async fn drain(shared: &Arc<Shared>, tasks: &mut JoinSet<()>, arrivals: &mut mpsc::Receiver<Arrived>) {
    loop {
        tokio::select! {
            biased;
            Some(arrived) = arrivals.recv() => { tasks.spawn(websocket::serve(shared.clone(), arrived)); }
            ended = tasks.join_next() => match ended {
                Some(ended) => report(ended),
                None => return,
            }
        }
    }
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}
