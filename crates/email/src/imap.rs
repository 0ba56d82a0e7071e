//! A connection to the IMAP server: TCP, TLS, login, and one command at a time.

use std::fmt;
use std::time::Duration;

use agent_core::ChannelError;
use async_imap::error::Error as ImapError;
use async_imap::imap_proto::{Response, Status};
use async_imap::{Client, Session};
use secrecy::ExposeSecret;
use session_api::Clock;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::config::{Config, Tls};
use crate::error::{self, temporary, within};
use crate::tls;

/// Longest wait for the answer to a small command, and for a login.
pub(crate) const SMALL: Duration = Duration::from_secs(30);

/// TCP, with or without TLS around it.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug> Wire for T {}

/// A logged-in connection. Dropping it closes it.
pub(crate) struct Imap<'a> {
    pub(crate) session: Session<Box<dyn Wire>>,
    pub(crate) clock: &'a dyn Clock,
}

impl<'a> Imap<'a> {
    /// Connects and logs in.
    pub(crate) async fn open(config: &Config, clock: &'a dyn Clock) -> Result<Self, ChannelError> {
        let session = within(clock, SMALL, open(config)).await;
        let session = session.unwrap_or_else(|| {
            let host = &config.imap.host;
            Err(temporary(format!("no login at {host} within {} s", SMALL.as_secs())))
        })?;
        Ok(Self { session, clock })
    }

    /// Gives a command, and `each` what the server says before it calls it done.
    ///
    /// Ours and not the library's: with the latter's search, fetch and store, a refusal and a connection that ends look
    /// like an empty answer, and a mail that was not fetched would pass for one that is gone.
    pub(crate) async fn command(
        &mut self,
        limit: Duration,
        line: &str,
        each: impl FnMut(&Response<'_>) + Send,
    ) -> Result<(), ChannelError> {
        let what = name(line);
        match within(self.clock, limit, command(&mut self.session, line, each)).await {
            Some(done) => done.map_err(|error| error::imap(what, &error)),
            None => Err(late(what, limit)),
        }
    }
}

/// The server took longer than `limit`.
pub(crate) fn late(what: &str, limit: Duration) -> ChannelError {
    temporary(format!("the IMAP server did not answer {what} within {} s", limit.as_secs()))
}

/// The word by which a command is known (`FETCH` of `UID FETCH …`).
fn name(line: &str) -> &str {
    line.split(' ').find(|word| *word != "UID").unwrap_or(line)
}

/// The same without a deadline.
pub(crate) async fn command(
    session: &mut Session<Box<dyn Wire>>,
    line: &str,
    mut each: impl FnMut(&Response<'_>) + Send,
) -> Result<(), ImapError> {
    let id = session.run_command(line).await?;
    while let Some(response) = session.read_response().await? {
        match response.parsed() {
            Response::Done { tag, status, outcome } if *tag == id => {
                let words = format!("code: {:?}, info: {:?}", outcome.code, outcome.information);
                return match status {
                    Status::Ok => Ok(()),
                    Status::Bad => Err(ImapError::Bad(words)),
                    _ => Err(ImapError::No(words)),
                };
            }
            other => each(other),
        }
    }
    Err(ImapError::ConnectionLost)
}

async fn open(config: &Config) -> Result<Session<Box<dyn Wire>>, ChannelError> {
    let server = &config.imap;
    let lost = |error: std::io::Error| temporary(format!("no connection to {}: {error}", server.host));
    let tcp = TcpStream::connect((server.host.as_str(), server.port)).await.map_err(lost)?;
    tcp.set_nodelay(true).map_err(lost)?;
    let client = match server.tls {
        Tls::None => greeted(Client::new(Box::new(tcp) as Box<dyn Wire>)).await?,
        Tls::Implicit => {
            let wire = tls::connector(config)?.connect(tls::name(&server.host)?, tcp).await.map_err(lost)?;
            greeted(Client::new(Box::new(wire) as Box<dyn Wire>)).await?
        }
        Tls::Upgrade => {
            let mut plain = greeted(Client::new(tcp)).await?;
            plain.run_command_and_check_ok("STARTTLS", None).await.map_err(|error| {
                error::setup(format!(
                    "{}; does the server offer STARTTLS? (imap_tls)",
                    error::imap("STARTTLS", &error)
                ))
            })?;
            // What the server sent ahead in the clear is dropped with the client: it may be somebody else's.
            let wire = tls::connector(config)?.connect(tls::name(&server.host)?, plain.into_inner()).await;
            Client::new(Box::new(wire.map_err(lost)?) as Box<dyn Wire>)
        }
    };
    let login = client.login(&server.user, server.password.expose_secret()).await;
    login.map_err(|(error, _)| error::login(&server.user, &error))
}

async fn greeted<T: Wire>(mut client: Client<T>) -> Result<Client<T>, ChannelError> {
    let greeting = client.read_response().await.ok().flatten();
    match greeting.as_ref().map(|greeting| greeting.parsed()) {
        Some(Response::Data { status: Status::Ok, .. }) => Ok(client),
        Some(Response::Data { .. }) => Err(temporary("the IMAP server wants no connections now")),
        _ => Err(temporary("no IMAP server greets on that port")),
    }
}
