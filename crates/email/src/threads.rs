//! Message-IDs: which conversation a mail belongs to, and what an answer must quote of it.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::heads::Heads;

/// Most ids that an answer names besides the first one.
const MOST_REFERENCES: usize = 20;
/// Longest id that is kept, in bytes.
const LONGEST: usize = 250;
/// Longest subject that is kept, in characters.
const LONGEST_SUBJECT: usize = 200;

/// The Message-IDs in a header's value, without brackets, in order. What cannot be an id is left out.
pub(crate) fn ids(value: &str) -> Vec<String> {
    let fits =
        |id: &String| !id.is_empty() && id.len() <= LONGEST && id.bytes().all(|b| b.is_ascii_graphic());
    let bracketed = value.split('<').skip(1).filter_map(|rest| rest.split_once('>').map(|(id, _)| id));
    let found: Vec<String> = bracketed.map(|id| id.split_whitespace().collect()).filter(fits).collect();
    if found.is_empty() && !value.contains('<') {
        // Some programs leave the brackets out.
        return value
            .split_whitespace()
            .map(str::to_owned)
            .filter(|id| id.contains('@'))
            .filter(fits)
            .collect();
    }
    found
}

/// The Message-ID of a part that we send: the same at every try.
pub(crate) fn own_id(part: Uuid, domain: &str) -> String {
    format!("factotum.{part}@{domain}")
}

/// Whether we made this id.
pub(crate) fn is_own(id: &str, domain: &str) -> bool {
    let local = id.strip_prefix("factotum.").and_then(|rest| rest.split_once('@'));
    local.is_some_and(|(part, host)| host.eq_ignore_ascii_case(domain) && Uuid::try_parse(part).is_ok())
}

/// What ties a mail to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ties {
    /// Its own id, where it has one.
    pub(crate) id: Option<String>,
    /// The mails before it in the thread, oldest first.
    pub(crate) before: Vec<String>,
}

impl Ties {
    /// Reads them from the header.
    pub(crate) fn of(heads: &Heads) -> Self {
        let id = heads.first("message-id").and_then(|value| ids(value).into_iter().next());
        let mut before = heads.first("references").map(ids).unwrap_or_default();
        for parent in heads.first("in-reply-to").map(ids).unwrap_or_default().into_iter().take(1) {
            if !before.contains(&parent) {
                before.push(parent);
            }
        }
        Self { id, before }
    }

    /// The thread's first id; that of the mail itself where nothing is before it.
    pub(crate) fn root<'a>(&'a self, fallback: &'a str) -> &'a str {
        self.before.first().or(self.id.as_ref()).map_or(fallback, String::as_str)
    }

    /// How many mails of the thread are answers of ours.
    pub(crate) fn own_turns(&self, domain: &str) -> usize {
        self.before.iter().filter(|id| is_own(id, domain)).count()
    }
}

/// The name of a mail without a usable Message-ID: a digest of what it says.
pub(crate) fn digest(heads: &Heads, raw: &[u8]) -> String {
    let mut hash = Sha256::new();
    for name in ["from", "date", "subject"] {
        hash.update(heads.first(name).unwrap_or_default());
        hash.update([0]);
    }
    let end = raw.windows(2).position(|pair| pair == b"\n\n");
    let end = raw.windows(4).position(|four| four == b"\r\n\r\n").or(end).unwrap_or(raw.len());
    hash.update(&raw[end..]);
    format!("sha256:{}", hex::encode(hash.finalize()))
}

/// All that an answer needs of the mail that it answers. It travels through the core as that message's id, and so
/// survives restarts with the inbox.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ReplyTo {
    /// The answered mail's id.
    pub(crate) id: Option<String>,
    /// Its subject, on one line.
    pub(crate) subject: String,
    /// The ids before it.
    pub(crate) before: Vec<String>,
}

impl ReplyTo {
    /// Of a mail with this subject.
    pub(crate) fn new(ties: &Ties, subject: &str) -> Self {
        let mut before = ties.before.clone();
        if before.len() > MOST_REFERENCES {
            // The first one names the thread, the last ones place the mail in it.
            before.drain(1..before.len() - MOST_REFERENCES);
        }
        Self { id: ties.id.clone(), subject: one_line(subject, LONGEST_SUBJECT), before }
    }

    /// As text: id, subject and earlier ids, a line each.
    pub(crate) fn encode(&self) -> String {
        format!("{}\n{}\n{}", self.id.as_deref().unwrap_or_default(), self.subject, self.before.join(" "))
    }

    /// From that text. Whatever else is given becomes an id, if it can be one.
    pub(crate) fn decode(text: &str) -> Self {
        let mut lines = text.splitn(3, '\n');
        let mut line = || lines.next().unwrap_or_default();
        let id = ids(&format!("<{}>", line())).pop();
        let subject = one_line(line(), LONGEST_SUBJECT);
        let before = line().split_whitespace().flat_map(|id| ids(&format!("<{id}>"))).collect();
        Self { id, subject, before }
    }
}

/// Text on one line, without controls, at most so many characters.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let spaced = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let words: String = spaced.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", words[..end].trim_end()),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ties(head: &str) -> Ties {
        Ties::of(&Heads::of(head.as_bytes()))
    }

    #[test]
    fn ids_are_found_in_what_programs_write() {
        for (value, found) in [
            ("<a@b>", vec!["a@b"]),
            (" <a@b>  <c@d>\t<e@f> ", vec!["a@b", "c@d", "e@f"]),
            ("<a@b> (comment)", vec!["a@b"]),
            ("<a\n @b>", vec!["a@b"]),
            ("a@b", vec!["a@b"]),
            ("\"Alice\" message of Monday", vec![]),
            ("<>", vec![]),
            ("<ä@b>", vec![]),
            ("<a@b", vec![]),
        ] {
            assert_eq!(ids(value), found, "{value:?}");
        }
        assert!(ids(&format!("<{}@b>", "a".repeat(300))).is_empty());
    }

    #[test]
    fn the_root_is_the_first_reference_else_the_parent_else_itself() {
        for (head, root) in [
            ("Message-ID: <c@x>\nReferences: <a@x> <b@x>\nIn-Reply-To: <b@x>\n", "a@x"),
            ("Message-ID: <c@x>\nIn-Reply-To: <b@x>\n", "b@x"),
            ("Message-ID: <c@x>\n", "c@x"),
            ("Subject: none\n", "fallback"),
        ] {
            assert_eq!(ties(head).root("fallback"), root, "{head}");
        }
    }

    #[test]
    fn own_ids_are_known_and_others_are_not() {
        let id = own_id(Uuid::from_u128(7), "test.local");
        assert!(is_own(&id, "test.local"));
        assert!(!is_own(&id, "other.local"));
        assert!(!is_own("factotum.x@test.local", "test.local"));
        let own = ties(&format!("References: <a@x> <{id}> <b@x>\n")).own_turns("test.local");
        assert_eq!(own, 1);
    }

    #[test]
    fn what_an_answer_needs_survives_as_text() {
        let many: Vec<String> = (0..50).map(|n| format!("m{n}@x")).collect();
        let ties = Ties { id: Some("id@x".into()), before: many };
        let reply = ReplyTo::new(&ties, "a\r\nBcc: b");
        assert_eq!(reply.before.len(), 21);
        assert_eq!((reply.before[0].as_str(), reply.before[20].as_str()), ("m0@x", "m49@x"));
        assert_eq!(reply.subject, "a Bcc: b");
        assert_eq!(ReplyTo::decode(&reply.encode()), reply);
        let bare = ReplyTo::new(&Ties { id: None, before: vec![] }, "");
        assert_eq!(ReplyTo::decode(&bare.encode()), bare);
    }
}
