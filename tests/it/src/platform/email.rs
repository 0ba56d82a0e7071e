//! Email: dovecot for what comes in, an SMTP server for what goes out.

use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use servers::mail::{Dovecot, ImapProxy, PASSWORD, SmtpServer, USER};

use super::{CHATS, Platform, list};
use crate::gateway::Gateway;
use crate::wait::until;

/// A mailbox; chat 3 is the thread with `person3@test.local`.
#[derive(Debug)]
pub struct Email {
    /// What goes out.
    pub smtp: SmtpServer,
    /// In front of the mailbox, to see what is asked of it.
    proxy: ImapProxy,
    number: AtomicUsize,
    /// Names of the delivered mails.
    delivered: Mutex<Vec<String>>,
    dovecot: Mutex<Dovecot>,
}

impl Email {
    /// Starts both; `None` where there is no dovecot.
    ///
    /// # Panics
    /// When one does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        let dovecot = Dovecot::start()?;
        Some(Self {
            smtp: SmtpServer::start(),
            proxy: ImapProxy::before(dovecot.port()),
            number: AtomicUsize::default(),
            delivered: Mutex::default(),
            dovecot: Mutex::new(dovecot),
        })
    }

    /// The address of the person in a chat.
    #[must_use]
    pub fn address(chat: usize) -> String {
        format!("person{chat}@test.local")
    }
}

impl Platform for Email {
    fn kind(&self) -> &'static str {
        "email"
    }

    fn table(&self) -> String {
        format!(
            "address = \"{USER}\"\nconsent = true\nimap_host = \"127.0.0.1\"\nimap_port = {}\nimap_tls = \"none\"\n\
             imap_password = \"{PASSWORD}\"\nsmtp_host = \"127.0.0.1\"\nsmtp_port = {}\nsmtp_tls = \"none\"\n\
             authserv_id = \"mx.test.local\"\nanswers_per_hour = 1000\nmax_thread_turns = 1000\nallow = [{}]",
            self.proxy.port(),
            self.smtp.port(),
            list((0..CHATS).map(Self::address))
        )
    }

    fn say(&self, chat: usize, text: &str) {
        let number = self.number.fetch_add(1, Ordering::SeqCst);
        let sender = Self::address(chat);
        // All mails of a chat belong to one thread, whose first mail nobody has to have seen.
        let mail = format!(
            "Authentication-Results: mx.test.local; dkim=pass header.d=test.local; dmarc=pass header.from=test.local\r\n\
             From: Person <{sender}>\r\nTo: {USER}\r\nMessage-ID: <{number}@test.local>\r\nReferences: <first{chat}@test.local>\r\n\
             Subject: Re: talk\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
        );
        let name = self.dovecot.lock().inbox().deliver(mail);
        self.delivered.lock().push(name);
    }

    fn texts(&self, chat: usize) -> Vec<String> {
        let to = Self::address(chat);
        let own = |mail: &servers::mail::TakenMail| mail.to.contains(&to);
        self.smtp.mails().into_iter().filter(own).map(|mail| without_quotes(&mail.data)).collect()
    }

    /// Waits for the first look into the mailbox: what was there before is not the assistant's.
    fn follow(&self, gateway: &Gateway) {
        until("the first look into the mailbox", || {
            (self.proxy.count("IDLE") > 0 || !gateway.lives()).then_some(())
        });
    }

    fn acknowledged(&self) -> usize {
        let inbox = self.dovecot.lock().inbox();
        self.delivered.lock().iter().filter(|name| inbox.seen(name)).count()
    }
}

/// What the mail says itself: quoted lines, attributions and headers are not its own.
fn without_quotes(data: &str) -> String {
    let body = data.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    // Both parts of an alternative say the same.
    let body = body.split("text/html").next().unwrap_or_default().replace("=\r\n", "");
    body.lines().filter(|line| !line.starts_with('>')).collect::<Vec<_>>().join("\n")
}
