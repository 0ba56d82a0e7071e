//! The few commands on mailboxes and mails that are used.

use std::collections::BTreeSet;
use std::time::Duration;

use agent_core::ChannelError;
use async_imap::error::Error as ImapError;
use async_imap::imap_proto::{AttributeValue, Capability, MailboxDatum, NameAttribute, Response};
use async_imap::types::Mailbox;
use session_api::Timestamp;

use crate::error::{self, within};
use crate::imap::{Imap, SMALL, late};

/// Longest wait for a whole mail, in or out.
const LARGE: Duration = Duration::from_secs(180);

/// What is known of a mail before it is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) uid: u32,
    /// In bytes.
    pub(crate) size: u32,
    /// When the server got it.
    pub(crate) received_at: Option<Timestamp>,
    /// Deleted, or somebody's draft.
    pub(crate) unwanted: bool,
}

impl Imap<'_> {
    /// Whether the server can tell of new mail by itself. To be asked after the login, which changes the answer.
    pub(crate) async fn can_idle(&mut self) -> Result<bool, ChannelError> {
        let mut found = false;
        let idle = |known: &Capability<'_>| matches!(known, Capability::Atom(word) if word.eq_ignore_ascii_case("IDLE"));
        let each = |said: &Response<'_>| {
            found |= matches!(said, Response::Capabilities(known) if known.iter().any(idle));
        };
        self.command(SMALL, "CAPABILITY", each).await?;
        Ok(found)
    }

    /// Opens a mailbox.
    pub(crate) async fn select(&mut self, mailbox: &str) -> Result<Mailbox, ChannelError> {
        let coded = encode(mailbox);
        match within(self.clock, SMALL, self.session.select(&coded)).await {
            Some(Err(ImapError::No(text))) if error::is_missing(&text) => Err(error::setup(format!(
                "there is no mailbox `{mailbox}` on the IMAP server; check `mailbox`"
            ))),
            Some(opened) => opened.map_err(|error| error::imap("SELECT", &error)),
            None => Err(late("SELECT", SMALL)),
        }
    }

    /// Lets the server tell what is new.
    pub(crate) async fn noop(&mut self) -> Result<(), ChannelError> {
        self.command(SMALL, "NOOP", |_| ()).await
    }

    /// The UIDs that fit, ascending.
    pub(crate) async fn search(&mut self, query: &str) -> Result<BTreeSet<u32>, ChannelError> {
        let mut found = BTreeSet::new();
        let each = |said: &Response<'_>| {
            if let Response::MailboxData(MailboxDatum::Search(uids)) = said {
                found.extend(uids);
            }
        };
        self.command(SMALL, &format!("UID SEARCH {query}"), each).await?;
        Ok(found)
    }

    /// Size, date and flags of these mails; those that are gone meanwhile are left out.
    pub(crate) async fn list(&mut self, uids: &[u32]) -> Result<Vec<Listed>, ChannelError> {
        let mut found = Vec::new();
        let line = format!("UID FETCH {} (UID RFC822.SIZE INTERNALDATE FLAGS)", set(uids));
        self.command(SMALL, &line, |said| found.extend(listed(said))).await?;
        found.retain(|mail| uids.contains(&mail.uid));
        found.sort_unstable_by_key(|mail| mail.uid);
        found.dedup_by_key(|mail| mail.uid);
        Ok(found)
    }

    /// A mail's bytes, or only its header; `None` when it is gone. Fetching does not mark it as read.
    pub(crate) async fn fetch(&mut self, uid: u32, whole: bool) -> Result<Option<Vec<u8>>, ChannelError> {
        let part = if whole { "BODY.PEEK[]" } else { "BODY.PEEK[HEADER]" };
        let mut bytes = None;
        let each = |said: &Response<'_>| {
            let Response::Fetch(_, attributes) = said else { return };
            if uid_of(attributes) == Some(uid) {
                let section = attributes.iter().find_map(|attribute| match attribute {
                    AttributeValue::BodySection { data: Some(bytes), .. } => Some(bytes.to_vec()),
                    _ => None,
                });
                bytes = section.or(bytes.take());
            }
        };
        self.command(LARGE, &format!("UID FETCH {uid} (UID {part})"), each).await?;
        Ok(bytes)
    }

    /// Marks mails as read. Where the mailbox does not let us, they stay unread, and that is all.
    pub(crate) async fn mark_seen(&mut self, uids: &[u32]) -> Result<(), ChannelError> {
        let line = format!("UID STORE {} +FLAGS.SILENT (\\Seen)", set(uids));
        let work = crate::imap::command(&mut self.session, &line, |_| ());
        match within(self.clock, SMALL, work).await {
            Some(Err(error @ (ImapError::No(_) | ImapError::Bad(_)))) => {
                let error = error::imap("STORE", &error);
                tracing::warn!(%error, "mails cannot be marked as read");
                Ok(())
            }
            Some(done) => done.map_err(|error| error::imap("STORE", &error)),
            None => Err(late("STORE", SMALL)),
        }
    }

    /// The name of the mailbox for sent mail, as the server says or as it is usually called; as the server writes it.
    pub(crate) async fn sent_mailbox(&mut self) -> Result<Option<String>, ChannelError> {
        const USUAL: [&str; 5] = ["Sent", "Sent Items", "Sent Messages", "INBOX.Sent", "INBOX/Sent"];
        let (mut marked, mut usual) = (None, None);
        let each = |said: &Response<'_>| {
            let Response::MailboxData(MailboxDatum::List(mailbox)) = said else { return };
            let name = || Some(mailbox.name.to_string());
            if mailbox.name_attributes.contains(&NameAttribute::Sent) {
                marked = name();
            } else if USUAL.iter().any(|usual| usual.eq_ignore_ascii_case(&mailbox.name)) {
                usual = name();
            }
        };
        self.command(SMALL, "LIST \"\" \"*\"", each).await?;
        Ok(marked.or(usual))
    }

    /// Puts a mail into a mailbox whose name is as the server wrote it, marked as read.
    pub(crate) async fn append(&mut self, mailbox: &str, mail: &[u8]) -> Result<(), ChannelError> {
        match within(self.clock, LARGE, self.session.append(mailbox, Some("(\\Seen)"), None, mail)).await {
            Some(done) => done.map_err(|error| error::imap("APPEND", &error)),
            None => Err(late("APPEND", LARGE)),
        }
    }

    /// Opens a mailbox whose name is as the server wrote it.
    pub(crate) async fn select_raw(&mut self, mailbox: &str) -> Result<(), ChannelError> {
        match within(self.clock, SMALL, self.session.select(mailbox)).await {
            Some(opened) => opened.map(|_| ()).map_err(|error| error::imap("SELECT", &error)),
            None => Err(late("SELECT", SMALL)),
        }
    }
}

fn uid_of(attributes: &[AttributeValue<'_>]) -> Option<u32> {
    attributes.iter().find_map(|attribute| match attribute {
        AttributeValue::Uid(uid) => Some(*uid),
        _ => None,
    })
}

fn listed(said: &Response<'_>) -> Option<Listed> {
    let Response::Fetch(_, attributes) = said else { return None };
    let mut size = None;
    let mut listed = Listed { uid: uid_of(attributes)?, size: 0, received_at: None, unwanted: false };
    for attribute in attributes {
        match attribute {
            AttributeValue::Rfc822Size(bytes) => size = Some(*bytes),
            AttributeValue::InternalDate(date) => listed.received_at = internal_date(date),
            AttributeValue::Flags(flags) => {
                let unwanted = |flag: &str| {
                    flag.eq_ignore_ascii_case("\\Deleted") || flag.eq_ignore_ascii_case("\\Draft")
                };
                listed.unwanted = flags.iter().any(|flag| unwanted(flag));
            }
            _ => {}
        }
    }
    // Without a size it is only a change of flags that another client made.
    Some(Listed { size: size?, ..listed })
}

/// ` 3-Mar-2025 10:00:00 +0100`.
fn internal_date(text: &str) -> Option<Timestamp> {
    let date = jiff::Zoned::strptime("%d-%b-%Y %H:%M:%S %z", text.trim()).ok()?;
    Some(Timestamp(date.timestamp().as_millisecond()))
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
    fn dates_of_the_server_are_read() {
        for (text, at) in [
            ("14-Nov-2023 22:13:20 +0000", Some(1_700_000_000_000)),
            (" 3-Mar-2025 10:00:00 +0100", Some(1_740_992_400_000)),
            ("yesterday", None),
        ] {
            assert_eq!(internal_date(text), at.map(Timestamp), "{text}");
        }
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
