//! The server as a test sees it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::log::{Log, TooFew};
use super::request::Request;
use super::script::Script;
use super::serve::{Shared, connection};

/// A model server on `127.0.0.1` that answers as its [`Script`] says and records what it was asked.
///
/// It speaks three wire formats, by the path that it is asked at: chat completions (`POST /v1/chat/completions`),
/// Anthropic Messages (`POST /v1/messages`) and Responses (`POST /v1/responses`), streamed or not, with
/// `GET /v1/models` for all. A script need not know which one its replies are sent in. `POST /v1/embeddings` is answered
/// with vectors that are near where texts share words, `doctor` and `physician` counting as one. Dropping the server closes
/// the port and all connections at once.
#[derive(Debug)]
pub struct ModelServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ModelServer {
    /// Starts a server that lists one model, `scripted`. It accepts connections when this returns.
    ///
    /// # Panics
    /// When no port or thread is to be had.
    #[must_use]
    pub fn start(script: impl Into<Script>) -> Self {
        Self::with_models(script, &["scripted"])
    }

    /// As [`ModelServer::start`], with these models in its list.
    ///
    /// # Panics
    /// When no port or thread is to be had.
    #[must_use]
    #[expect(clippy::panic, reason = "a test without its server has nothing to say")]
    pub fn with_models(script: impl Into<Script>, models: &[&str]) -> Self {
        match Self::try_start(script.into(), models) {
            Ok(server) => server,
            Err(error) => panic!("the scripted model server does not start: {error}"),
        }
    }

    fn try_start(script: Script, models: &[&str]) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::new(Shared {
            log: Log::default(),
            script: Mutex::new(script),
            models: models.iter().map(|&name| name.to_owned()).collect(),
        });
        let (stop, stopped) = oneshot::channel();
        let for_thread = Arc::clone(&shared);
        // The runtime ends with the thread, and with it whatever is still held or hanging.
        let thread = std::thread::Builder::new()
            .name("model-server".into())
            .spawn(move || runtime.block_on(accept(listener, for_thread, stopped)))?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// `http://127.0.0.1:PORT/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests for completions so far, in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.log.read().completions.clone()
    }

    /// All other requests so far, such as those for the list of models.
    #[must_use]
    pub fn other_requests(&self) -> Vec<Request> {
        self.shared.log.read().others.clone()
    }

    /// Forgets the requests so far, so that a long run does not fill the memory. Requests are counted from 0 again.
    pub fn forget_requests(&self) {
        self.shared.log.change(|seen| {
            seen.completions.clear();
            seen.others.clear();
        });
    }

    /// How many connections were accepted so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.log.read().connections
    }

    /// How many answers went out as the script had it, deliberate cuts included.
    #[must_use]
    pub fn finished(&self) -> usize {
        self.shared.log.read().finished
    }

    /// Blocks until `n` requests for completions have arrived, and returns all there are. Not for use on a thread that
    /// also has to drive the client; see [`ModelServer::requests_arrived`].
    ///
    /// # Errors
    /// [`TooFew`] at the deadline.
    pub fn wait_for_requests(&self, n: usize, within: Duration) -> Result<Vec<Request>, TooFew> {
        self.shared.log.wait("requests", n, within, |seen| seen.completions.len())?;
        Ok(self.requests())
    }

    /// Blocks until clients have gone away from `n` answers before these were complete.
    ///
    /// # Errors
    /// [`TooFew`] at the deadline.
    pub fn wait_for_abandoned(&self, n: usize, within: Duration) -> Result<(), TooFew> {
        self.shared.log.wait("abandoned answers", n, within, |seen| seen.abandoned)
    }

    /// [`ModelServer::wait_for_requests`] for asynchronous tests.
    ///
    /// # Errors
    /// [`TooFew`] at the deadline.
    pub async fn requests_arrived(&self, n: usize, within: Duration) -> Result<Vec<Request>, TooFew> {
        self.shared.log.reached("requests", n, within, |seen| seen.completions.len()).await?;
        Ok(self.requests())
    }

    /// [`ModelServer::wait_for_abandoned`] for asynchronous tests.
    ///
    /// # Errors
    /// [`TooFew`] at the deadline.
    pub async fn answers_abandoned(&self, n: usize, within: Duration) -> Result<(), TooFew> {
        self.shared.log.reached("abandoned answers", n, within, |seen| seen.abandoned).await
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Had it panicked, the panic would stand in the test's output already.
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                open.spawn(connection(Arc::clone(&shared), stream));
            },
            Some(_) = open.join_next() => {}
        }
    }
}
