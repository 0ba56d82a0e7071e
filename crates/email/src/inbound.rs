//! A mail becomes an arrival.

use std::panic::{AssertUnwindSafe, catch_unwind};

use agent_core::{Arrival, Inlet, Place};
use mail_parser::MessageParser;
use parking_lot::Mutex;
use session_api::{Part, StoreError, Timestamp};

use crate::brake::Brake;
use crate::config::Config;
use crate::heads::Heads;
use crate::threads::{self, ReplyTo, Ties};
use crate::{attachments, body, quotes, trust};

/// A mail as it came from the server.
#[derive(Debug)]
pub(crate) struct Mail {
    /// Its bytes; only the header where it is too large.
    pub(crate) raw: Vec<u8>,
    /// When the server got it.
    pub(crate) received_at: Timestamp,
    /// Its whole size, where only the header was fetched.
    pub(crate) too_large: Option<u64>,
}

/// What is known of a mail before anything of its content is looked at.
struct Head {
    arrival: Arrival,
    subject: String,
    /// Whether it starts a thread.
    fresh: bool,
}

/// The arrival that a mail is. What it says is read only when its sender may speak.
pub(crate) async fn arrival(
    mail: &Mail,
    config: &Config,
    brake: &Mutex<Brake>,
    inlet: &Inlet,
) -> Result<Arrival, StoreError> {
    let Head { mut arrival, subject, fresh } = head(mail, config, brake);
    if !inlet.admits(&arrival).await? {
        return Ok(arrival);
    }
    // These bytes are a stranger's idea of a mail, and two parsers run over them: a panic in one must not end the
    // channel at the same mail again and again.
    let content = catch_unwind(AssertUnwindSafe(|| read(mail, &subject, fresh)));
    let Ok(content) = content else {
        tracing::error!(mail = %arrival.external_id, "a mail could not be taken apart; it was refused");
        arrival.distrusted = Some("it cannot be read".into());
        return Ok(arrival);
    };
    // The first mark is about the sender's own words, and means nothing where the owner wrote them.
    arrival.parts.push(Part::Outside { through: "a mail".into() });
    if quotes::holds_others(&content.text, &subject) {
        arrival.parts.push(Part::Outside { through: "a forwarded mail".into() });
    }
    arrival.parts.push(Part::text(content.text));
    let files: Vec<_> = content.files.iter().map(Owned::borrowed).collect();
    arrival.parts.extend(attachments::keep(&files, config, inlet).await?);
    let thread = arrival.thread.as_deref().unwrap_or_default();
    brake.lock().count(&arrival.sender, thread, &arrival.external_id, arrival.received_at);
    Ok(arrival)
}

fn head(mail: &Mail, config: &Config, brake: &Mutex<Brake>) -> Head {
    let heads = Heads::of(&mail.raw);
    let sender = trust::sender(&heads);
    let mut distrusted = trust::distrust(&heads, sender.as_deref(), config);
    let sender = sender.unwrap_or_else(|| "nobody".to_owned());
    let ties = Ties::of(&heads);
    let name = ties.id.clone().unwrap_or_else(|| threads::digest(&heads, &mail.raw));
    // With the sender: nobody can use up the id of another's mail.
    let external_id = format!("{name} {sender}");
    let thread = ties.root(&name).to_owned();
    if distrusted.is_none() {
        let brake = brake.lock();
        let turns = brake.thread_turns(&thread).max(ties.own_turns(config.domain()));
        if brake.sender_is_over(&sender, &external_id, mail.received_at, config.answers_per_hour) {
            distrusted = Some(format!("more than {} mails in an hour", config.answers_per_hour));
        } else if turns >= config.max_thread_turns {
            distrusted = Some(format!("the thread has had its {} turns", config.max_thread_turns));
        }
    }
    let parsed = MessageParser::new().with_minimal_headers();
    let parsed =
        catch_unwind(AssertUnwindSafe(|| parsed.parse_headers(mail.raw.as_slice()))).unwrap_or_default();
    let subject = parsed.as_ref().and_then(|message| message.subject()).unwrap_or_default();
    let subject = threads::one_line(subject, 200);
    let sender_name = parsed.as_ref().and_then(|message| message.from()?.first()?.name());
    let sender_name = sender_name.map(|name| threads::one_line(name, 100)).filter(|name| !name.is_empty());
    let arrival = Arrival {
        external_id,
        chat: sender.clone(),
        thread: Some(thread),
        place: Place::Direct,
        sender,
        sender_name,
        addressed: true,
        distrusted,
        message_id: Some(ReplyTo::new(&ties, &subject).encode()),
        parts: Vec::new(),
        received_at: mail.received_at,
    };
    Head { arrival, subject, fresh: ties.before.is_empty() }
}

/// A file, copied out of the mail.
struct Owned {
    mime: String,
    name: Option<String>,
    bytes: Vec<u8>,
}

impl Owned {
    fn borrowed(&self) -> body::Attachment<'_> {
        body::Attachment { mime: self.mime.clone(), name: self.name.clone(), bytes: &self.bytes }
    }
}

struct Content {
    text: String,
    files: Vec<Owned>,
}

fn read(mail: &Mail, subject: &str, fresh: bool) -> Content {
    if let Some(bytes) = mail.too_large {
        let text =
            format!("Subject: {subject}\n\n[the mail has {} and was not read]", attachments::size(bytes));
        return Content { text, files: Vec::new() };
    }
    let message = MessageParser::default().parse(mail.raw.as_slice()).unwrap_or_default();
    let body = body::of(&message, subject);
    let owned = |file: &body::Attachment<'_>| Owned {
        mime: file.mime.clone(),
        name: file.name.clone(),
        bytes: file.bytes.to_vec(),
    };
    Content { text: text(&body.text, subject, fresh), files: body.attachments.iter().map(owned).collect() }
}

/// What the model reads: the subject only where it is news, and never before a command, which must come first.
fn text(body: &str, subject: &str, fresh: bool) -> String {
    let body = body.trim();
    let word = body.split_whitespace().next().unwrap_or_default();
    if word.strip_prefix('/').is_some_and(|name| name.chars().all(|c| c.is_ascii_alphanumeric())) {
        // Behind it stands at most what a mail program adds (`Sent from my phone`).
        return body.lines().next().unwrap_or_default().to_owned();
    }
    let command = word.starts_with("tool:");
    match (subject.is_empty(), body.is_empty()) {
        (true, true) => "[an empty mail]".to_owned(),
        (false, true) => subject.to_owned(),
        (false, false) if fresh && !command => format!("Subject: {subject}\n\n{body}"),
        _ => body.to_owned(),
    }
}

#[cfg(test)]
#[path = "inbound_tests.rs"]
mod tests;
