//! A proxy in front of an IMAP server that strips, stalls and cuts.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinSet;

#[derive(Debug)]
struct Shared {
    upstream: u16,
    strip_idle: bool,
    /// Raised to end all connections that are open.
    cuts: watch::Sender<u64>,
    /// True while nothing of the server gets through; connections stay open.
    stalled: watch::Sender<bool>,
    /// How often each command came, in upper case (`IDLE`, `UID FETCH`, `DONE`).
    commands: Mutex<BTreeMap<String, usize>>,
    changed: Notify,
}

/// Passes IMAP without TLS on to a server on loopback, and counts the commands.
#[derive(Debug)]
pub struct ImapProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ImapProxy {
    /// In front of the server on this port.
    ///
    /// # Panics
    /// When no port or thread is to be had.
    #[must_use]
    pub fn before(upstream: u16) -> Self {
        Self::must(upstream, false)
    }

    /// The same, and the server seems not to know IDLE.
    ///
    /// # Panics
    /// When no port or thread is to be had.
    #[must_use]
    pub fn without_idle(upstream: u16) -> Self {
        Self::must(upstream, true)
    }

    #[expect(clippy::panic, reason = "a test without its server has nothing to say")]
    fn must(upstream: u16, strip_idle: bool) -> Self {
        match Self::try_start(upstream, strip_idle) {
            Ok(proxy) => proxy,
            Err(error) => panic!("the IMAP proxy does not start: {error}"),
        }
    }

    fn try_start(upstream: u16, strip_idle: bool) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::new(Shared {
            upstream,
            strip_idle,
            cuts: watch::Sender::new(0),
            stalled: watch::Sender::new(false),
            commands: Mutex::default(),
            changed: Notify::new(),
        });
        let (stop, stopped) = oneshot::channel();
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("imap-proxy".into())
            .spawn(move || runtime.block_on(accept(listener, for_thread, stopped)))?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Ends all open connections, as a broken network does.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Lets nothing of the server through any more (or again); the connections stay open.
    pub fn stall(&self, stalled: bool) {
        self.shared.stalled.send_replace(stalled);
    }

    /// How often clients gave this command, such as `IDLE` or `UID FETCH`; of `+`, how often the server let them go on.
    #[must_use]
    pub fn count(&self, command: &str) -> usize {
        self.shared.commands.lock().get(command).copied().unwrap_or_default()
    }

    /// Waits until clients gave this command `n` times; whether it came to that.
    pub async fn counted(&self, command: &str, n: usize, within: Duration) -> bool {
        let enough = async {
            loop {
                let mut changed = std::pin::pin!(self.shared.changed.notified());
                changed.as_mut().enable();
                if self.count(command) >= n {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(within, enough).await.is_ok()
    }
}

impl Drop for ImapProxy {
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
                let shared = Arc::clone(&shared);
                open.spawn(async move {
                    let mut cuts = shared.cuts.subscribe();
                    tokio::select! {
                        _ = cuts.changed() => {}
                        _ = pass(&shared, stream) => {}
                    }
                });
            },
            Some(_) = open.join_next() => {}
        }
    }
}

async fn pass(shared: &Shared, client: TcpStream) -> io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", shared.upstream)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        ended = up(shared, from_client, to_server) => ended,
        ended = down(shared, from_server, to_client) => ended,
    }
}

async fn up(
    shared: &Shared,
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let n = from.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..n]).await?;
        // A command is one write of the client's; what is counted wrongly would only be a line inside a mail.
        for line in String::from_utf8_lossy(&buffer[..n]).lines() {
            *shared.commands.lock().entry(command(line)).or_default() += 1;
        }
        shared.changed.notify_waiters();
    }
}

/// The command in a line, without its tag.
fn command(line: &str) -> String {
    let mut words = line.split_ascii_whitespace().map(str::to_ascii_uppercase);
    match (words.next(), words.next(), words.next()) {
        (Some(_), Some(uid), Some(which)) if uid == "UID" => format!("UID {which}"),
        (Some(_), Some(word), _) => word,
        (Some(bare), None, _) => bare,
        _ => String::new(),
    }
}

async fn down(
    shared: &Shared,
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let mut stalled = shared.stalled.subscribe();
    let mut buffer = vec![0; 16 << 10];
    loop {
        let n = from.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        let _ = stalled.wait_for(|stalled| !stalled).await;
        if buffer.starts_with(b"+") {
            *shared.commands.lock().entry("+".to_owned()).or_default() += 1;
            shared.changed.notify_waiters();
        }
        let mut bytes = buffer[..n].to_vec();
        if shared.strip_idle {
            // Same length, so that no literal's length is wrong after it.
            for at in 0..bytes.len().saturating_sub(4) {
                if &bytes[at..at + 5] == b" IDLE" {
                    bytes[at..at + 5].copy_from_slice(b" XXXX");
                }
            }
        }
        to.write_all(&bytes).await?;
    }
}
