//! Which part of a mail is what its sender wrote, and which parts are files.

use mail_parser::{Message, MessagePart, MimeHeaders, PartType};

use crate::{html, quotes};

/// A file in a mail.
#[derive(Debug)]
pub(crate) struct Attachment<'a> {
    /// Its declared media type, in lower case.
    pub(crate) mime: String,
    /// Its declared name, as it came.
    pub(crate) name: Option<String>,
    /// Its bytes, decoded.
    pub(crate) bytes: &'a [u8],
}

/// What a mail consists of.
#[derive(Debug, Default)]
pub(crate) struct Body<'a> {
    /// What its sender wrote, without what they quoted.
    pub(crate) text: String,
    /// The files, in order.
    pub(crate) attachments: Vec<Attachment<'a>>,
}

/// Deepest nesting of parts that is followed.
const DEEPEST: usize = 20;

/// Takes a mail apart. Damaged parts give what can be read of them.
pub(crate) fn of<'a>(message: &'a Message<'_>, subject: &str) -> Body<'a> {
    let mut found = Found::default();
    walk(message, 0, 0, &mut found);
    let plain = found.plain.join("\n");
    let text = if plain.trim().is_empty() {
        found.pages.iter().map(|page| html::to_text(page)).collect::<Vec<_>>().join("\n")
    } else {
        plain
    };
    Body { text: quotes::cut(&text, subject), attachments: found.attachments }
}

#[derive(Default)]
struct Found<'a> {
    plain: Vec<&'a str>,
    pages: Vec<&'a str>,
    attachments: Vec<Attachment<'a>>,
}

fn walk<'a>(message: &'a Message<'_>, id: u32, depth: usize, found: &mut Found<'a>) {
    let Some(part) = message.parts.get(id as usize) else { return };
    match &part.body {
        PartType::Multipart(children) if depth < DEEPEST => {
            for child in children.iter().filter(|child| **child > id) {
                walk(message, *child, depth + 1, found);
            }
        }
        PartType::Multipart(_) => {}
        PartType::Text(text) if is_written(part, "plain") => found.plain.push(text),
        PartType::Html(page) if is_written(part, "html") => found.pages.push(page),
        PartType::Text(text) | PartType::Html(text) => {
            found.attachments.push(attachment(part, text.as_bytes()));
        }
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
            found.attachments.push(attachment(part, bytes));
        }
        PartType::Message(inner) => found.attachments.push(attachment(part, &inner.raw_message)),
    }
}

/// Whether a text part is what the sender wrote: not a file that happens to be text.
fn is_written(part: &MessagePart<'_>, subtype: &str) -> bool {
    let kind = part.content_type();
    // A multipart without parts: what is there is shown as it is.
    if kind.is_some_and(|kind| kind.ctype().eq_ignore_ascii_case("multipart")) {
        return true;
    }
    let fits = kind.is_none_or(|kind| {
        kind.ctype().eq_ignore_ascii_case("text")
            && kind.subtype().is_none_or(|found| found.eq_ignore_ascii_case(subtype))
    });
    let attached = part.content_disposition().is_some_and(|disposition| disposition.is_attachment());
    fits && !attached && part.attachment_name().is_none()
}

fn attachment<'a>(part: &MessagePart<'_>, bytes: &'a [u8]) -> Attachment<'a> {
    let mime = part.content_type().map_or("application/octet-stream".to_owned(), |kind| {
        format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or("octet-stream")).to_ascii_lowercase()
    });
    Attachment { mime, name: part.attachment_name().map(str::to_owned), bytes }
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
