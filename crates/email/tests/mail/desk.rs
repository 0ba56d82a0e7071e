//! Real servers around an office, and mails.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use serde_json::{Value, json};
use servers::mail::{Dovecot, ImapProxy, SmtpServer, USER};
use session_api::{Clock, Inbound, OutPart, OutboxId, OutboxKind, Part, PartClaim, PartId, PartState, Route};
use uuid::Uuid;

use crate::office::{FRIEND, Office, PATIENCE, RealClock, Running, SERVER, eventually};

/// A channel with its servers, its inbox and whoever reads it.
pub(crate) struct Desk {
    pub(crate) dovecot: Dovecot,
    pub(crate) proxy: ImapProxy,
    pub(crate) smtp: SmtpServer,
    office: Office,
}

impl Deref for Desk {
    type Target = Office;

    fn deref(&self) -> &Office {
        &self.office
    }
}

impl DerefMut for Desk {
    fn deref_mut(&mut self) -> &mut Office {
        &mut self.office
    }
}

impl Desk {
    /// `None`, with a line that says so, where no dovecot is installed.
    pub(crate) fn open() -> Option<Self> {
        Self::with(|_| ())
    }

    /// The same with a changed table.
    pub(crate) fn with(change: impl FnOnce(&mut Value)) -> Option<Self> {
        let mut desk = Self::at(RealClock::new())?;
        change(&mut desk.table);
        Some(desk)
    }

    /// The same in a time of its own.
    pub(crate) fn at(clock: Arc<dyn Clock>) -> Option<Self> {
        let dovecot = Dovecot::start()?;
        let (proxy, smtp) = (ImapProxy::before(dovecot.port()), SmtpServer::start());
        let office = Office::at(proxy.port(), smtp.port(), clock);
        Some(Self { dovecot, proxy, smtp, office })
    }

    /// Puts another proxy in between.
    pub(crate) fn through(&mut self, proxy: ImapProxy) {
        self.table["imap_port"] = json!(proxy.port());
        self.proxy = proxy;
    }

    /// Starts the channel and waits until it listens for the `n`th time, counted over all starts.
    pub(crate) async fn start(&self, n: usize) -> Running {
        let running = self.run();
        self.listens(n).await;
        running
    }

    /// Waits until clients have begun `n` IDLEs.
    pub(crate) async fn listens(&self, n: usize) {
        assert!(self.proxy.counted("IDLE", n, PATIENCE).await, "the channel listens");
    }

    /// Waits until the mail of this name is marked as read.
    pub(crate) async fn seen(&self, name: &str) {
        eventually("it is marked as read", || self.dovecot.inbox().seen(name)).await;
    }
}

/// A text for the friend that is ready to be sent.
pub(crate) fn reply(text: &str, id: u128) -> PartClaim {
    PartClaim {
        part: OutPart {
            id: PartId(Uuid::from_u128(id)),
            message: OutboxId(Uuid::from_u128(id)),
            index: 0,
            body: Some(Part::text(text)),
            platform_id: None,
            state: PartState::Sending,
            attempts: 1,
            doubted: false,
        },
        route: Route {
            channel: "email".to_owned(),
            account: USER.to_owned(),
            chat: FRIEND.to_owned(),
            thread: None,
            reply_to: None,
        },
        kind: OutboxKind::Reply,
        may_resend: true,
        token: 1,
    }
}

/// A mail from `sender`, authenticated by the receiving server.
pub(crate) fn mail(id: &str, sender: &str, more: &str, text: &str) -> String {
    let domain = sender.rsplit('@').next().unwrap_or_default();
    format!(
        "Authentication-Results: {SERVER}; dkim=pass header.d={domain}; dmarc=pass header.from={domain}\r\n\
         From: Alice <{sender}>\r\nTo: {USER}\r\nMessage-ID: <{id}>\r\n{more}\
         Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    )
}

/// The texts of an arrival.
pub(crate) fn texts(row: &Inbound) -> Vec<&str> {
    row.parts.iter().filter_map(Part::as_text).collect()
}
