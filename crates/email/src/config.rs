//! The table `[channels.email]`.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use agent_core::ChannelSetupError;
use secrecy::SecretString;
use serde::Deserialize;

use crate::address;

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tls {
    /// TLS from the first byte.
    Implicit,
    /// Plain first, TLS before anything secret. A server without it is refused.
    #[serde(rename = "starttls")]
    Upgrade,
    /// No TLS at all; only for a server on this machine.
    None,
}

/// One of the two servers.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: Tls,
    pub(crate) user: String,
    pub(crate) password: SecretString,
}

/// What the owner set, checked.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The assistant's own address, in lower case.
    pub(crate) address: String,
    pub(crate) name: String,
    pub(crate) consent: bool,
    pub(crate) imap: Server,
    pub(crate) smtp: Server,
    pub(crate) mailbox: String,
    /// The receiving server's name in `Authentication-Results`.
    pub(crate) authserv_id: Option<String>,
    pub(crate) verify_sender: bool,
    pub(crate) poll: Duration,
    pub(crate) idle: bool,
    pub(crate) save_sent: bool,
    pub(crate) answers_per_hour: usize,
    pub(crate) max_thread_turns: usize,
    pub(crate) attachments: Vec<MimeGlob>,
    pub(crate) attachment_bytes: u64,
    pub(crate) auto_reply: bool,
    /// PEM file with certificates that are trusted besides the built-in ones.
    pub(crate) ca_file: Option<PathBuf>,
}

impl Config {
    /// The part of the assistant's address behind the `@`.
    pub(crate) fn domain(&self) -> &str {
        address::domain(&self.address)
    }

    /// Addresses whose mail is the assistant's own.
    pub(crate) fn own_addresses(&self) -> impl Iterator<Item = &str> {
        [&self.address, &self.imap.user, &self.smtp.user].into_iter().map(String::as_str)
    }
}

/// `image/*`, `application/pdf`, `*/*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MimeGlob {
    kind: String,
    subtype: String,
}

impl MimeGlob {
    fn parse(text: &str) -> Option<Self> {
        let lower = text.trim().to_ascii_lowercase();
        let (kind, subtype) = lower.split_once('/')?;
        let word = |word: &str| {
            word == "*"
                || !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-+._".contains(&b))
        };
        let fits = word(kind) && word(subtype) && (kind != "*" || subtype == "*");
        fits.then(|| Self { kind: kind.to_owned(), subtype: subtype.to_owned() })
    }

    /// Whether it covers a (lower-case) media type.
    pub(crate) fn covers(&self, mime: &str) -> bool {
        let (kind, subtype) = mime.split_once('/').unwrap_or((mime, ""));
        let one = |glob: &str, word: &str| glob == "*" || glob == word;
        one(&self.kind, kind) && one(&self.subtype, subtype)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    address: Option<String>,
    name: String,
    consent: bool,
    imap_host: Option<String>,
    imap_port: Option<u16>,
    imap_tls: Tls,
    imap_user: Option<String>,
    imap_password: Option<SecretString>,
    mailbox: String,
    smtp_host: Option<String>,
    smtp_port: Option<u16>,
    smtp_tls: Tls,
    smtp_user: Option<String>,
    smtp_password: Option<SecretString>,
    authserv_id: Option<String>,
    verify_sender: bool,
    poll_seconds: u64,
    idle: bool,
    save_sent: bool,
    answers_per_hour: u32,
    max_thread_turns: u32,
    attachments: Vec<String>,
    attachment_bytes: u64,
    auto_reply: bool,
    ca_file: Option<PathBuf>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            address: None,
            name: "Factotum".to_owned(),
            consent: false,
            imap_host: None,
            imap_port: None,
            imap_tls: Tls::Implicit,
            imap_user: None,
            imap_password: None,
            mailbox: "INBOX".to_owned(),
            smtp_host: None,
            smtp_port: None,
            smtp_tls: Tls::Upgrade,
            smtp_user: None,
            smtp_password: None,
            authserv_id: None,
            verify_sender: true,
            poll_seconds: 60,
            idle: true,
            save_sent: true,
            answers_per_hour: 10,
            max_thread_turns: 20,
            attachments: ["image/*", "application/pdf", "text/*"].map(str::to_owned).to_vec(),
            attachment_bytes: 2 << 20,
            auto_reply: true,
            ca_file: None,
        }
    }
}

fn wrong(key: &str, message: impl Into<String>) -> ChannelSetupError {
    ChannelSetupError { key: key.to_owned(), message: message.into() }
}

/// Reads the table and checks what can be checked without asking a server.
pub(crate) fn read(table: serde_json::Value) -> Result<Config, ChannelSetupError> {
    let table: Table = serde_path_to_error::deserialize(table).map_err(|error| {
        let key = error.path().to_string();
        // serde quotes the value that it could not use.
        let secret = key.ends_with("password");
        let message = if secret { "must be a text".to_owned() } else { error.inner().to_string() };
        wrong(&key, message)
    })?;
    let needed = |key: &str, value: Option<String>, what: &str| {
        let value = value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        value.ok_or_else(|| wrong(key, format!("is missing: {what}")))
    };
    let address = needed("address", table.address, "the assistant's own email address")?;
    let address = address::normalise(&address)
        .ok_or_else(|| wrong("address", "is no email address such as `me@example.com`"))?;
    let imap_user = table.imap_user.unwrap_or_else(|| address.clone());
    let password = table.imap_password.ok_or_else(|| wrong("imap_password", "is missing"))?;
    let imap = Server {
        host: needed("imap_host", table.imap_host, "the server on which mail arrives")?,
        port: table.imap_port.unwrap_or(if table.imap_tls == Tls::Implicit { 993 } else { 143 }),
        tls: table.imap_tls,
        user: imap_user.clone(),
        password: password.clone(),
    };
    let smtp = Server {
        host: needed("smtp_host", table.smtp_host, "the server that takes outgoing mail")?,
        port: table.smtp_port.unwrap_or(if table.smtp_tls == Tls::Implicit { 465 } else { 587 }),
        tls: table.smtp_tls,
        user: table.smtp_user.unwrap_or(imap_user),
        password: table.smtp_password.unwrap_or(password),
    };
    for (key, server) in [("imap_tls", &imap), ("smtp_tls", &smtp)] {
        if server.tls == Tls::None && !is_loopback(&server.host) {
            let host = &server.host;
            return Err(wrong(
                key,
                format!("`none` would send the password to {host} in the clear; it is only for 127.0.0.1"),
            ));
        }
    }
    if !(5..=3600).contains(&table.poll_seconds) {
        return Err(wrong("poll_seconds", "must lie between 5 and 3600"));
    }
    for (key, text) in [("name", &table.name), ("mailbox", &table.mailbox)] {
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(wrong(key, "must be one line of text"));
        }
    }
    let glob = |text: &String| {
        MimeGlob::parse(text)
            .ok_or_else(|| wrong("attachments", format!("`{text}` is no media type such as `image/*`")))
    };
    Ok(Config {
        address,
        name: table.name,
        consent: table.consent,
        imap,
        smtp,
        mailbox: table.mailbox,
        authserv_id: table.authserv_id.map(|id| id.trim().to_ascii_lowercase()).filter(|id| !id.is_empty()),
        verify_sender: table.verify_sender,
        poll: Duration::from_secs(table.poll_seconds),
        idle: table.idle,
        save_sent: table.save_sent,
        answers_per_hour: table.answers_per_hour as usize,
        max_thread_turns: table.max_thread_turns as usize,
        attachments: table.attachments.iter().map(glob).collect::<Result<_, _>>()?,
        attachment_bytes: table.attachment_bytes,
        auto_reply: table.auto_reply,
        ca_file: table.ca_file,
    })
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn table(change: impl FnOnce(&mut Value)) -> Value {
        let mut table = json!({
            "address": "Bot@Example.COM",
            "imap_host": "imap.example.com",
            "imap_password": "hunter2",
            "smtp_host": "smtp.example.com",
        });
        change(&mut table);
        table
    }

    #[test]
    fn a_short_table_gets_the_documented_defaults() {
        let config = read(table(|_| ())).unwrap();
        assert_eq!(config.address, "bot@example.com");
        assert_eq!((config.imap.port, config.imap.tls), (993, Tls::Implicit));
        assert_eq!((config.smtp.port, config.smtp.tls), (587, Tls::Upgrade));
        assert_eq!((config.smtp.user.as_str(), config.mailbox.as_str()), ("bot@example.com", "INBOX"));
        assert!(
            !config.consent && config.verify_sender && config.idle && config.save_sent && config.auto_reply
        );
        assert_eq!(
            (config.answers_per_hour, config.max_thread_turns, config.attachment_bytes),
            (10, 20, 2 << 20)
        );
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn mistakes_are_named_with_their_key_and_no_secret() {
        for (key, value, says) in [
            ("address", json!("nobody"), "no email address"),
            ("address", json!(null), "missing"),
            ("imap_host", json!(" "), "missing"),
            ("imap_password", json!(31337), "must be a text"),
            ("imap_tls", json!("none"), "in the clear"),
            ("smtp_tls", json!("none"), "in the clear"),
            ("imap_tls", json!("ssl"), "unknown variant"),
            ("poll_seconds", json!(1), "between 5 and 3600"),
            ("attachments", json!(["images"]), "no media type"),
            ("mailbox", json!("a\r\nb"), "one line"),
            ("colour", json!(1), "unknown field"),
        ] {
            let error = read(table(|table| table[key] = value)).unwrap_err();
            assert_eq!(error.key, key, "{error}");
            assert!(error.message.contains(says), "{error}");
            assert!(!error.message.contains("31337"), "{error}");
        }
    }

    #[test]
    fn plain_connections_are_for_this_machine_only() {
        for (host, fine) in [("127.0.0.1", true), ("localhost", true), ("::1", true), ("192.168.1.2", false)]
        {
            let read = read(table(|table| {
                table["imap_host"] = json!(host);
                table["imap_tls"] = json!("none");
            }));
            assert_eq!(read.is_ok(), fine, "{host}");
        }
    }

    #[test]
    fn globs_cover_media_types() {
        for (glob, mime, covers) in [
            ("image/*", "image/png", true),
            ("image/*", "application/pdf", false),
            ("application/pdf", "application/pdf", true),
            ("*/*", "anything/else", true),
            ("text/csv", "text", false),
        ] {
            assert_eq!(MimeGlob::parse(glob).unwrap().covers(mime), covers, "{glob} {mime}");
        }
    }
}
