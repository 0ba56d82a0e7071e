//! A connection to the IMAP server, and the few commands that are used, each with a deadline of its own.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use agent_core::ChannelError;
use async_imap::error::Result as ImapResult;
use async_imap::types::{Flag, Mailbox, NameAttribute};
use async_imap::{Client, Session};
use futures_util::TryStreamExt;
use secrecy::ExposeSecret;
use session_api::{Clock, Timestamp};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::config::{Config, Tls};
use crate::error::{self, temporary, within};
use crate::tls;

/// Longest wait for the answer to a small command.
const SMALL: Duration = Duration::from_secs(30);
/// Longest wait for a whole mail, in or out.
const LARGE: Duration = Duration::from_secs(180);

/// TCP, with or without TLS around it.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug> Wire for T {}

/// A logged-in connection. Dropping it closes it.
pub(crate) struct Imap<'a> {
    pub(crate) session: Session<Box<dyn Wire>>,
    pub(crate) clock: &'a dyn Clock,
}

/// What is known of a mail before it is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) uid: u32,
    pub(crate) size: u32,
    pub(crate) received_at: Option<Timestamp>,
    /// Deleted, or somebody's draft.
    pub(crate) unwanted: bool,
}

async fn bounded<T>(
    clock: &dyn Clock,
    limit: Duration,
    what: &str,
    work: impl Future<Output = ImapResult<T>>,
) -> Result<T, ChannelError> {
    match within(clock, limit, work).await {
        Some(done) => done.map_err(|error| error::imap(what, &error)),
        None => Err(temporary(format!("the IMAP server did not answer {what} within {} s", limit.as_secs()))),
    }
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

    /// Whether the server can tell of new mail by itself. To be asked after the login, which changes the answer.
    pub(crate) async fn can_idle(&mut self) -> Result<bool, ChannelError> {
        let known = bounded(self.clock, SMALL, "CAPABILITY", self.session.capabilities()).await?;
        Ok(known.has_str("IDLE"))
    }

    /// Opens a mailbox.
    pub(crate) async fn select(&mut self, mailbox: &str) -> Result<Mailbox, ChannelError> {
        let mailbox = encode(mailbox);
        bounded(self.clock, SMALL, "SELECT", self.session.select(&mailbox)).await
    }

    /// Lets the server tell what is new.
    pub(crate) async fn noop(&mut self) -> Result<(), ChannelError> {
        bounded(self.clock, SMALL, "NOOP", self.session.noop()).await
    }

    /// The UIDs that fit, ascending.
    pub(crate) async fn search(&mut self, query: &str) -> Result<BTreeSet<u32>, ChannelError> {
        let found = bounded(self.clock, SMALL, "SEARCH", self.session.uid_search(query)).await?;
        Ok(found.into_iter().collect())
    }

    /// Size, date and flags of these mails; those that are gone meanwhile are left out.
    pub(crate) async fn list(&mut self, uids: &[u32]) -> Result<Vec<Listed>, ChannelError> {
        let set = set(uids);
        let work = async {
            let found = self.session.uid_fetch(&set, "(UID RFC822.SIZE INTERNALDATE FLAGS)").await?;
            found.try_collect::<Vec<_>>().await
        };
        let found = bounded(self.clock, SMALL, "FETCH", work).await?;
        let listed = found.iter().filter_map(|mail| {
            Some(Listed {
                uid: mail.uid?,
                size: mail.size?,
                received_at: mail.internal_date().map(|date| Timestamp(date.timestamp_millis())),
                unwanted: mail.flags().any(|flag| matches!(flag, Flag::Deleted | Flag::Draft)),
            })
        });
        let mut listed: Vec<Listed> = listed.filter(|mail| uids.contains(&mail.uid)).collect();
        listed.sort_unstable_by_key(|mail| mail.uid);
        listed.dedup_by_key(|mail| mail.uid);
        Ok(listed)
    }

    /// A mail's bytes, or only its header; `None` when it is gone. Fetching does not mark it as read.
    pub(crate) async fn fetch(&mut self, uid: u32, whole: bool) -> Result<Option<Vec<u8>>, ChannelError> {
        let query = if whole { "(UID BODY.PEEK[])" } else { "(UID BODY.PEEK[HEADER])" };
        let work = async {
            let found = self.session.uid_fetch(uid.to_string(), query).await?;
            found.try_collect::<Vec<_>>().await
        };
        let found = bounded(self.clock, LARGE, "FETCH", work).await?;
        let of = found.iter().filter(|mail| mail.uid == Some(uid));
        Ok(of.filter_map(|mail| if whole { mail.body() } else { mail.header() }).next().map(<[u8]>::to_vec))
    }

    /// Marks mails as read.
    pub(crate) async fn mark_seen(&mut self, uids: &[u32]) -> Result<(), ChannelError> {
        let set = set(uids);
        let work = async {
            let stored = self.session.uid_store(&set, "+FLAGS.SILENT (\\Seen)").await?;
            stored.try_for_each(|_| std::future::ready(Ok(()))).await
        };
        bounded(self.clock, SMALL, "STORE", work).await
    }

    /// The name of the mailbox for sent mail, as the server says or as it is usually called.
    pub(crate) async fn sent_mailbox(&mut self) -> Result<Option<String>, ChannelError> {
        const USUAL: [&str; 5] = ["Sent", "Sent Items", "Sent Messages", "INBOX.Sent", "INBOX/Sent"];
        let work = async { self.session.list(Some(""), Some("*")).await?.try_collect::<Vec<_>>().await };
        let names = bounded(self.clock, SMALL, "LIST", work).await?;
        let marked = names.iter().find(|name| name.attributes().contains(&NameAttribute::Sent));
        let usual =
            || names.iter().find(|name| USUAL.iter().any(|usual| usual.eq_ignore_ascii_case(name.name())));
        Ok(marked.or_else(usual).map(|name| name.name().to_owned()))
    }

    /// Puts a mail into a mailbox whose name is as the server wrote it, marked as read.
    pub(crate) async fn append(&mut self, mailbox: &str, mail: &[u8]) -> Result<(), ChannelError> {
        bounded(self.clock, LARGE, "APPEND", self.session.append(mailbox, Some("(\\Seen)"), None, mail)).await
    }

    /// Opens a mailbox whose name is as the server wrote it.
    pub(crate) async fn select_raw(&mut self, mailbox: &str) -> Result<(), ChannelError> {
        bounded(self.clock, SMALL, "SELECT", self.session.select(mailbox)).await.map(|_| ())
    }
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
        Tls::StartTls => {
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
    use async_imap::imap_proto::{Response, Status};
    let greeting = client.read_response().await.ok().flatten();
    match greeting.as_ref().map(|greeting| greeting.parsed()) {
        Some(Response::Data { status: Status::Ok, .. }) => Ok(client),
        Some(Response::Data { .. }) => Err(temporary("the IMAP server wants no connections now")),
        _ => Err(temporary("no IMAP server greets on that port")),
    }
}

/// `1:3,7` of ascending UIDs.
fn set(uids: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for uid in uids {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*uid) => *last = *uid,
            _ => runs.push((*uid, *uid)),
        }
    }
    let run = |(first, last): &(u32, u32)| {
        if first == last { first.to_string() } else { format!("{first}:{last}") }
    };
    runs.iter().map(run).collect::<Vec<_>>().join(",")
}

/// A mailbox's name in IMAP's own variant of UTF-7 (RFC 3501, 5.1.3).
fn encode(name: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";
    let mut coded = String::new();
    let mut rest = name;
    while let Some(c) = rest.chars().next() {
        let plain = |c: char| matches!(c, ' '..='~');
        if plain(c) {
            coded.push_str(if c == '&' { "&-" } else { &rest[..1] });
            rest = &rest[1..];
            continue;
        }
        let end = rest.find(plain).unwrap_or(rest.len());
        let (mut bits, mut count) = (0_u32, 0);
        coded.push('&');
        for unit in rest[..end].encode_utf16() {
            bits = bits << 16 | u32::from(unit);
            count += 16;
            while count >= 6 {
                count -= 6;
                coded.push(char::from(DIGITS[(bits >> count & 63) as usize]));
            }
            bits &= (1 << count) - 1;
        }
        if count > 0 {
            coded.push(char::from(DIGITS[(bits << (6 - count) & 63) as usize]));
        }
        coded.push('-');
        rest = &rest[end..];
    }
    coded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_short() {
        assert_eq!(set(&[1, 2, 3, 7, 9, 10]), "1:3,7,9:10");
        assert_eq!(set(&[u32::MAX]), "4294967295");
    }

    #[test]
    fn names_of_mailboxes_are_encoded() {
        for (name, coded) in [
            ("INBOX", "INBOX"),
            ("R&D", "R&-D"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("台北", "&U,BTFw-"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        ] {
            assert_eq!(encode(name), coded);
        }
    }
}
