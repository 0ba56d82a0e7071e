//! A part becomes a mail.

use std::time::{Duration, SystemTime};

use agent_core::ChannelError;
use bytes::Bytes;
use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, Message, MultiPart, SinglePart};
use session_api::{Part, PartClaim, Timestamp};

use crate::config::Config;
use crate::error::permanent;
use crate::markup;
use crate::threads::{self, ReplyTo};

/// Most bytes of a file that is sent. Many servers refuse a mail above 25 MB, and base64 adds a third.
pub(crate) const MOST_FILE: u64 = 10 << 20;
/// Longest subject that is made of a text, in characters.
const LONGEST_SUBJECT: usize = 70;

/// A mail that is ready to go.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// Its Message-ID, without brackets: the same at every try.
    pub(crate) id: String,
    pub(crate) envelope: Envelope,
    pub(crate) bytes: Vec<u8>,
}

/// The mail for a claimed part; `file` holds the bytes where the part is a file.
pub(crate) fn compose(
    config: &Config,
    claim: &PartClaim,
    file: Option<Bytes>,
    now: Timestamp,
) -> Result<Outgoing, ChannelError> {
    let body = claim.part.body.as_ref().ok_or_else(|| permanent("a mail cannot be taken back"))?;
    let from = address(&config.address)?;
    let to = address(&claim.route.chat)?;
    let answered = claim.route.reply_to.as_deref().map(ReplyTo::decode).unwrap_or_default();
    let id = threads::own_id(claim.part.id.0, config.domain());
    let name = threads::one_line(&config.name, 100);
    let mut builder = Message::builder()
        .from(Mailbox::new(Some(name), from.clone()))
        .to(Mailbox::new(None, to.clone()))
        .subject(subject(&answered, body))
        .message_id(Some(format!("<{id}>")))
        .date(SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(now.0).unwrap_or_default()));
    let thread = thread(&answered, claim.route.thread.as_deref());
    if let Some(parent) = thread.last() {
        let all: Vec<String> = thread.iter().map(|id| format!("<{id}>")).collect();
        builder = builder.in_reply_to(format!("<{parent}>")).references(all.join(" "));
    }
    // What tells vacation programs and other assistants not to answer.
    let automatic = if thread.is_empty() { "auto-generated" } else { "auto-replied" };
    for (header, value) in [("Auto-Submitted", automatic), ("X-Auto-Response-Suppress", "All")] {
        let header = HeaderName::new_from_ascii_str(header);
        builder = builder.raw_header(HeaderValue::new(header, value.to_owned()));
    }
    let unsendable = |error: &dyn std::fmt::Display| permanent(format!("no mail can be made of it: {error}"));
    let mail = match (body, file) {
        (Part::Text { text }, _) => {
            let both = MultiPart::alternative_plain_html(text.clone(), markup::page(text));
            builder.multipart(both).map_err(|error| unsendable(&error))?
        }
        (Part::Image { mime, .. } | Part::File { mime, .. }, Some(bytes)) => {
            let name = file_name(body);
            let kind = ContentType::parse(mime).unwrap_or(ContentType::TEXT_PLAIN);
            let kind = if kind == ContentType::TEXT_PLAIN && !mime.starts_with("text/plain") {
                octets()
            } else {
                kind
            };
            let file = Attachment::new(name.clone()).body(bytes.to_vec(), kind);
            let both = MultiPart::mixed()
                .singlepart(SinglePart::plain(format!("{name} is attached.")))
                .singlepart(file);
            builder.multipart(both).map_err(|error| unsendable(&error))?
        }
        _ => return Err(permanent("a mail carries texts and files only")),
    };
    let envelope = Envelope::new(Some(from), vec![to]).map_err(|error| unsendable(&error))?;
    Ok(Outgoing { id, envelope, bytes: mail.formatted() })
}

fn octets() -> ContentType {
    ContentType::parse("application/octet-stream").unwrap_or(ContentType::TEXT_PLAIN)
}

/// An address as an envelope may carry it. One with a line end in it would be a header of its own.
fn address(text: &str) -> Result<Address, ChannelError> {
    let plain = crate::address::normalise(text).filter(|_| !text.chars().any(char::is_control));
    plain
        .and_then(|plain| plain.parse().ok())
        .ok_or_else(|| permanent(format!("`{}` is no email address", threads::one_line(text, 80))))
}

/// The ids from the thread's first mail to the answered one, oldest first.
fn thread(answered: &ReplyTo, root: Option<&str>) -> Vec<String> {
    let mut thread = answered.before.clone();
    if thread.is_empty() {
        let root = root.map(|root| threads::ids(&format!("<{root}>"))).unwrap_or_default();
        thread.extend(root.into_iter().filter(|root| root.contains('@')));
    }
    if let Some(id) = &answered.id {
        thread.retain(|known| known != id);
        thread.push(id.clone());
    }
    thread
}

/// `Re: ` once and the subject that is answered; the first words of what is said where nothing is.
fn subject(answered: &ReplyTo, body: &Part) -> String {
    let mut topic = answered.subject.as_str();
    while let Some(rest) = without_mark(topic) {
        topic = rest;
    }
    if !topic.is_empty() {
        return format!("Re: {topic}");
    }
    if answered.id.is_some() {
        return "Re: your mail".to_owned();
    }
    match body {
        Part::Text { text } => {
            let first = text
                .lines()
                .map(|line| line.trim_matches(['#', '*', '_', '>', ' ', '`']))
                .find(|line| !line.is_empty());
            threads::one_line(first.unwrap_or("A message"), LONGEST_SUBJECT)
        }
        file => threads::one_line(&file_name(file), LONGEST_SUBJECT),
    }
}

/// The subject without one leading `Re:`, `AW:`, `Re[2]:`.
fn without_mark(subject: &str) -> Option<&str> {
    let (mark, rest) = subject.split_once([':', '：'])?;
    let word = mark.trim().split('[').next().unwrap_or_default();
    let known = ["re", "aw", "sv", "antw", "odp", "回复", "答复"];
    known.iter().any(|known| known.eq_ignore_ascii_case(word)).then(|| rest.trim_start())
}

fn file_name(part: &Part) -> String {
    match part {
        Part::File { name, .. } => threads::one_line(&agent_core::safe_name(name), 120),
        Part::Image { mime, .. } => {
            let subtype = mime.split('/').nth(1).unwrap_or("bin");
            format!("image.{}", if subtype == "jpeg" { "jpg" } else { subtype })
        }
        _ => "file".to_owned(),
    }
}

#[cfg(test)]
#[path = "outbound_tests.rs"]
mod tests;
