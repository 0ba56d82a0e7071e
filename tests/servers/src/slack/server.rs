//! The fake as a test sees it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use parking_lot::{Condvar, Mutex};
use tokio::sync::{Notify, broadcast, oneshot};
use tokio::task::JoinSet;

use super::fault::{ApiFault, LinkFault};
use super::serve::connection;
use super::world::World;

/// Something was not seen in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("waited {within:?} in vain for {what}")]
pub struct TooLate {
    /// What was waited for.
    pub what: String,
    /// How long.
    pub within: Duration,
}

/// What a test does to all open sockets.
#[derive(Debug, Clone)]
pub(super) enum Command {
    /// Sends this text frame.
    Raw(String),
    /// Ends the connection with RST.
    Reset,
}

/// What the server's connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) world: Mutex<World>,
    changed: Condvar,
    pub(super) notify: Notify,
    pub(super) commands: broadcast::Sender<Command>,
    pub(super) address: SocketAddr,
    pub(super) ack_within: Duration,
    started: std::time::Instant,
}

impl Shared {
    /// Changes the world and wakes everybody who waits for something.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let result = change(&mut self.world.lock());
        self.changed.notify_all();
        self.notify.notify_waiters();
        result
    }

    /// Time since the start.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Microseconds since 1970, as message ids count.
    #[expect(
        clippy::disallowed_methods,
        reason = "ids of messages are real times, as a real server makes them"
    )]
    pub(super) fn micros(&self) -> u64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or_default()
    }
}

/// A Slack on `127.0.0.1`. Dropping it closes the port and all connections at once.
#[derive(Debug)]
pub struct FakeSlack {
    pub(super) shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FakeSlack {
    /// Starts one that redelivers what was not acknowledged within 3 s, as Slack does. It accepts connections when this
    /// returns.
    ///
    /// # Panics
    /// When no port or thread is to be had.
    #[must_use]
    pub fn start() -> Self {
        Self::with_ack_within(Duration::from_secs(3))
    }

    /// As [`FakeSlack::start`], with another time to acknowledge in.
    ///
    /// # Panics
    /// When no port or thread is to be had.
    #[must_use]
    #[expect(clippy::panic, reason = "a test without its server has nothing to say")]
    pub fn with_ack_within(ack_within: Duration) -> Self {
        match Self::try_start(ack_within) {
            Ok(server) => server,
            Err(error) => panic!("the fake Slack does not start: {error}"),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the test's own stopwatch")]
    fn try_start(ack_within: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let shared = Arc::new(Shared {
            world: Mutex::default(),
            changed: Condvar::new(),
            notify: Notify::new(),
            commands: broadcast::Sender::new(64),
            address: listener.local_addr()?,
            ack_within,
            started: std::time::Instant::now(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("fake-slack".into())
            .spawn(move || runtime.block_on(accept(listener, for_thread, stopped)))?;
        Ok(Self { shared, stop: Some(stop), thread: Some(thread) })
    }

    /// `http://127.0.0.1:PORT`, for the key `api_url`.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// Looks at what happened so far.
    pub fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.shared.world.lock())
    }

    /// Blocks until `done`. Not for use on a thread that also has to drive the client; see [`FakeSlack::reached`].
    ///
    /// # Errors
    /// [`TooLate`] at the deadline.
    pub fn wait_for(
        &self,
        what: &str,
        within: Duration,
        done: impl Fn(&World) -> bool,
    ) -> Result<(), TooLate> {
        let mut world = self.shared.world.lock();
        let waited = self.shared.changed.wait_while_for(&mut world, |world| !done(world), within);
        if waited.timed_out() { Err(TooLate { what: what.to_owned(), within }) } else { Ok(()) }
    }

    /// [`FakeSlack::wait_for`] without blocking the thread.
    ///
    /// # Errors
    /// [`TooLate`] at the deadline.
    pub async fn reached(
        &self,
        what: &str,
        within: Duration,
        done: impl Fn(&World) -> bool,
    ) -> Result<(), TooLate> {
        let seen = async {
            loop {
                // Enrolled before looking, so that a change in between is not missed.
                let mut changed = std::pin::pin!(self.shared.notify.notified());
                changed.as_mut().enable();
                if self.read(&done) {
                    return;
                }
                changed.await;
            }
        };
        let late = |_| TooLate { what: what.to_owned(), within };
        tokio::time::timeout(within, seen).await.map_err(late)
    }

    /// The next call of `method` that has no fault waiting gets this one. The upload address counts as the method
    /// `upload`.
    pub fn fail_next(&self, method: &str, fault: ApiFault) {
        self.shared.change(|world| world.faults.entry(method.to_owned()).or_default().push_back(fault));
    }

    /// The next socket misbehaves like this.
    pub fn fail_next_socket(&self, fault: LinkFault) {
        self.shared.change(|world| world.link_faults.push_back(fault));
    }

    /// Announces on all open sockets that they end: `warning`, `refresh_requested` or `link_disabled`.
    pub fn disconnect(&self, reason: &str) {
        let frame =
            serde_json::json!({"type": "disconnect", "reason": reason, "debug_info": {"host": "fake"}});
        self.send_raw(&frame.to_string());
    }

    /// Sends a text frame, valid or not, on all open sockets.
    pub fn send_raw(&self, frame: &str) {
        // Nobody listens while no socket is open.
        let _ = self.shared.commands.send(Command::Raw(frame.to_owned()));
    }

    /// Ends all open sockets without a closing frame.
    pub fn reset_sockets(&self) {
        let _ = self.shared.commands.send(Command::Reset);
    }

    /// From now on downloads are answered with the login page that Slack shows without `files:read`.
    pub fn serve_login_page(&self, on: bool) {
        self.shared.change(|world| world.login_page = on);
    }

    /// From now on downloads wait until this is taken back.
    pub fn hold_files(&self, on: bool) {
        self.shared.change(|world| world.files_held = on);
    }
}

impl Drop for FakeSlack {
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
