//! Where a piece of memory stands.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::SessionKey;

/// Names a piece of memory. As text: `telegram:99:42#12` for a message, `memory/2026-11-21.md:3` for a section of a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum MemoryPlace {
    /// A message, tool results included.
    Message {
        /// Its session.
        session: SessionKey,
        /// Its place there.
        seq: u64,
    },
    /// A section of a file.
    File {
        /// Its path in the workspace.
        path: String,
        /// The line with which it begins.
        line: u32,
    },
}

impl fmt::Display for MemoryPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message { session, seq } => write!(f, "{session}#{seq}"),
            Self::File { path, line } => write!(f, "{path}:{line}"),
        }
    }
}

/// A text that names no piece of memory.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is no place in memory; write it as a search shows it: telegram:99:42#12 or memory/2026-11-21.md:3"
)]
pub struct MemoryPlaceError(pub String);

impl FromStr for MemoryPlace {
    type Err = MemoryPlaceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim().trim_start_matches('[').trim_end_matches(']');
        let message = text.rsplit_once('#').and_then(|(session, seq)| {
            Some(Self::Message { session: session.parse().ok()?, seq: seq.parse().ok()? })
        });
        let file = || {
            let (path, line) = text.rsplit_once(':')?;
            let line = line.parse().ok()?;
            path.ends_with(".md").then(|| Self::File { path: path.to_owned(), line })
        };
        message.or_else(file).ok_or_else(|| MemoryPlaceError(text.to_owned()))
    }
}

impl TryFrom<String> for MemoryPlace {
    type Error = MemoryPlaceError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<MemoryPlace> for String {
    fn from(place: MemoryPlace) -> Self {
        place.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let odd = SessionKey { thread: Some("t#1".into()), ..SessionKey::new("irc", "bot", "#room:1") };
        for place in [
            MemoryPlace::Message { session: SessionKey::new("telegram", "99", "-42"), seq: 12 },
            MemoryPlace::Message { session: odd, seq: 1 },
            MemoryPlace::File { path: "memory/2026-11-21.md".into(), line: 3 },
        ] {
            assert_eq!(place.to_string().parse(), Ok(place.clone()));
            assert_eq!(format!("[{place}]").parse(), Ok(place));
        }
        for wrong in ["", "12", "telegram:99:42", "a#1", "memory/x.md", "memory/x.txt:1", "telegram:9:4#x"] {
            assert!(wrong.parse::<MemoryPlace>().is_err(), "{wrong}");
        }
    }
}
