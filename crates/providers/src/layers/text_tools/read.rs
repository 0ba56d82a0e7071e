//! Finds the calls in a text that comes in pieces.

use std::fmt;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use session_api::{CallId, ToolCall};

use super::{CLOSE, OPEN};

/// Most bytes between the marks of a call.
const LARGEST_BLOCK: usize = 1024 * 1024;
/// Most calls in one reply.
const MOST_CALLS: usize = 128;
/// How far a mark may stand to the right.
const DEEPEST: usize = 16;

/// What makes a reply too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    Block,
    Calls,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block => f.write_str("a tool call of more than 1 MiB"),
            Self::Calls => write!(f, "more than {MOST_CALLS} tool calls"),
        }
    }
}

/// A reply as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Reader {
    place: Place,
    /// What was read and not yet decided on: what may become a mark, or the block so far.
    held: String,
    calls: Vec<ToolCall>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    /// At the beginning of a line of text, where a mark counts.
    #[default]
    Line,
    /// Within a line of text.
    Within,
    /// Behind the mark that begins a call.
    Block,
    /// Behind a call.
    After,
    /// Behind what is no call after one. Models go on with results that they make up; nothing counts any more.
    Over,
}

impl Reader {
    /// Takes a piece and returns what of the text can be shown now.
    pub(super) fn take(&mut self, piece: &str) -> Result<String, Limit> {
        let mut shown = String::new();
        let mut rest = piece;
        while !rest.is_empty() {
            rest = match self.place {
                Place::Line => self.line(rest, &mut shown),
                Place::Within => self.within(rest, &mut shown),
                Place::Block => self.block(rest)?,
                Place::After => self.after(rest),
                Place::Over => "",
            };
        }
        Ok(shown)
    }

    /// The text that waited to become a mark, and the calls. A block without an end is one that calls nothing.
    pub(super) fn finish(mut self) -> (String, Vec<ToolCall>) {
        match self.place {
            Place::Line => return (self.held, self.calls),
            Place::Block => self.calls.push(malformed(&self.held)),
            Place::Within | Place::After | Place::Over => {}
        }
        (String::new(), self.calls)
    }

    fn line<'a>(&mut self, piece: &'a str, shown: &mut String) -> &'a str {
        let Some(next) = piece.chars().next() else { return "" };
        self.held.push(next);
        let rest = &piece[next.len_utf8()..];
        let mark = self.held.trim_start_matches([' ', '\t']);
        if mark == OPEN {
            self.held.clear();
            self.place = Place::Block;
        } else if next == '\n' {
            shown.push_str(&std::mem::take(&mut self.held));
        } else if !OPEN.starts_with(mark) || self.held.len() > DEEPEST + OPEN.len() {
            shown.push_str(&std::mem::take(&mut self.held));
            self.place = Place::Within;
        }
        rest
    }

    fn within<'a>(&mut self, piece: &'a str, shown: &mut String) -> &'a str {
        let (line, rest) = match piece.find('\n') {
            Some(end) => piece.split_at(end + 1),
            None => (piece, ""),
        };
        shown.push_str(line);
        if line.ends_with('\n') {
            self.place = Place::Line;
        }
        rest
    }

    fn block<'a>(&mut self, piece: &'a str) -> Result<&'a str, Limit> {
        // The mark may have begun in an earlier piece; nothing before that is looked at again.
        let before = self.held.len();
        let mut from = before.saturating_sub(CLOSE.len());
        while !self.held.is_char_boundary(from) {
            from -= 1;
        }
        self.held.push_str(piece);
        let Some(at) = self.held[from..].find(CLOSE) else {
            return if self.held.len() > LARGEST_BLOCK { Err(Limit::Block) } else { Ok("") };
        };
        let end = from + at;
        if end > LARGEST_BLOCK {
            return Err(Limit::Block);
        }
        if self.calls.len() == MOST_CALLS {
            return Err(Limit::Calls);
        }
        self.calls.push(call(&self.held[..end]));
        let used = end + CLOSE.len() - before;
        self.held.clear();
        self.place = Place::After;
        Ok(&piece[used..])
    }

    fn after<'a>(&mut self, piece: &'a str) -> &'a str {
        let Some(next) = piece.chars().next() else { return "" };
        let rest = &piece[next.len_utf8()..];
        if self.held.is_empty() && next.is_whitespace() {
            return rest;
        }
        self.held.push(next);
        if self.held == OPEN {
            self.held.clear();
            self.place = Place::Block;
        } else if !OPEN.starts_with(&self.held) {
            self.held.clear();
            self.place = Place::Over;
        }
        rest
    }
}

/// A block as it must be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Block<'a> {
    name: String,
    #[serde(borrow)]
    arguments: &'a RawValue,
}

fn call(block: &str) -> ToolCall {
    match serde_json::from_str::<Block<'_>>(block) {
        Ok(Block { name, arguments }) if !name.is_empty() && arguments.get().starts_with('{') => {
            ToolCall { id: CallId(String::new()), name, arguments: arguments.get().to_owned() }
        }
        _ => malformed(block),
    }
}

/// A call that cannot run: what stands as its arguments begins with the mark and so is never JSON. The tool it seems to mean
/// is named, so that the model hears from that one.
fn malformed(block: &str) -> ToolCall {
    let named = serde_json::from_str::<Value>(block).ok();
    let named = named.and_then(|value| Some(value.get("name")?.as_str()?.to_owned()));
    let name = named.filter(|name| !name.is_empty()).or_else(|| hinted(block)).unwrap_or_default();
    ToolCall { id: CallId(String::new()), name, arguments: format!("{OPEN}{block}") }
}

/// The name in what is no JSON.
fn hinted(block: &str) -> Option<String> {
    let (_, rest) = block.split_once("\"name\"")?;
    let (name, _) = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?.split_once('"')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (!name.is_empty() && name.len() <= 64 && name.bytes().all(plain)).then(|| name.to_owned())
}
