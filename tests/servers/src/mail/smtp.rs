//! An SMTP submission server that takes, refuses, or loses mail as a test wants.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

use super::smtp_session::session;

/// A mail as the client handed it over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenMail {
    /// The envelope's sender.
    pub from: String,
    /// The envelope's recipients.
    pub to: Vec<String>,
    /// Headers and body, lines ending in CRLF, dots unstuffed.
    pub data: String,
    /// Who had logged in.
    pub user: Option<String>,
}

impl TakenMail {
    /// The first header of this name, unfolded.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.data.split("\r\n\r\n").next().unwrap_or_default();
        let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        head.split("\r\n").find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }
}

/// What goes wrong with one mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it is taken.
    Take,
    /// `MAIL FROM` gets this reply.
    Sender(&'static str),
    /// `RCPT TO` gets this reply.
    Recipient(&'static str),
    /// The content gets this reply; the mail is not taken.
    Content(&'static str),
    /// The mail is taken, and the connection ends before the reply.
    TakeAndCut,
    /// The connection ends after the content, and the mail is not taken.
    Cut,
    /// The mail is taken, and the reply never comes.
    TakeAndHang,
}

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) faults: Mutex<VecDeque<Fault>>,
    pub(super) taken: Mutex<Vec<TakenMail>>,
    pub(super) offered: Mutex<Vec<TakenMail>>,
    pub(super) logins: Mutex<usize>,
    pub(super) login: (String, String),
    pub(super) login_reply: Mutex<Option<&'static str>>,
    pub(super) changed: Notify,
}

/// An SMTP server on `127.0.0.1` that wants a login (PLAIN or LOGIN) and records what it is given.
#[derive(Debug)]
pub struct SmtpServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl SmtpServer {
    /// Starts one for [`USER`](super::USER) and [`PASSWORD`](super::PASSWORD) that takes everything.
    ///
    /// # Panics
    /// When no port or thread is to be had.
    #[must_use]
    #[expect(clippy::panic, reason = "a test without its server has nothing to say")]
    pub fn start() -> Self {
        match Self::try_start() {
            Ok(server) => server,
            Err(error) => panic!("the SMTP server does not start: {error}"),
        }
    }

    fn try_start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::new(Shared {
            faults: Mutex::default(),
            taken: Mutex::default(),
            offered: Mutex::default(),
            logins: Mutex::default(),
            login: (super::USER.to_owned(), super::PASSWORD.to_owned()),
            login_reply: Mutex::default(),
            changed: Notify::new(),
        });
        let (stop, stopped) = oneshot::channel();
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("smtp-server".into())
            .spawn(move || runtime.block_on(accept(listener, for_thread, stopped)))?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What happens to the next mails, one each; all after them are taken.
    pub fn faults(&self, faults: impl IntoIterator<Item = Fault>) {
        *self.shared.faults.lock() = faults.into_iter().collect();
    }

    /// Answers every login with this reply from now on; `None`: by name and password again.
    pub fn login_reply(&self, reply: Option<&'static str>) {
        *self.shared.login_reply.lock() = reply;
    }

    /// The mails that were taken, in order.
    #[must_use]
    pub fn mails(&self) -> Vec<TakenMail> {
        self.shared.taken.lock().clone()
    }

    /// The mails whose content came, taken or not, in order.
    #[must_use]
    pub fn offered(&self) -> Vec<TakenMail> {
        self.shared.offered.lock().clone()
    }

    /// How often somebody tried to log in.
    #[must_use]
    pub fn logins(&self) -> usize {
        *self.shared.logins.lock()
    }

    /// Waits until `n` mails were taken, and returns all there are: fewer than `n` at the deadline.
    pub async fn taken(&self, n: usize, within: Duration) -> Vec<TakenMail> {
        let enough = async {
            loop {
                // Enrolled before looking, so that a mail in between is not missed.
                let mut changed = std::pin::pin!(self.shared.changed.notified());
                changed.as_mut().enable();
                if self.shared.taken.lock().len() >= n {
                    return;
                }
                changed.await;
            }
        };
        let _ = tokio::time::timeout(within, enough).await;
        self.mails()
    }
}

impl Drop for SmtpServer {
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
                // A client that goes away is no concern of the server's.
                open.spawn(async move { let _ = session(shared, stream).await; });
            },
            Some(_) = open.join_next() => {}
        }
    }
}
