//! Output for people and scripts.

use std::io::{self, Write as _};

use serde::Serialize;

use crate::exit;

/// Prints a line; the exit code says whether anybody could read it. A reader that went away is not an error.
pub(super) fn line(text: &str) -> u8 {
    match writeln!(io::stdout(), "{text}") {
        Ok(()) => exit::OK,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit::OK,
        Err(_) => exit::FAILED,
    }
}

/// Prints a value as one line of JSON.
pub(super) fn json(value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string(value).map_err(io::Error::other)?;
    writeln!(io::stdout(), "{text}")
}

/// `text` without control characters, which could move a terminal's cursor or worse. Line ends and tabs stay.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// `text` on one line of at most `most` characters.
pub(super) fn short(text: &str, most: usize) -> String {
    let flat: String = plain(text).split_whitespace().collect::<Vec<_>>().join(" ");
    match flat.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &flat[..end]),
        None => flat,
    }
}

/// A time as people write it, in UTC.
pub(super) fn time(at: session_api::Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0)
        .map_or_else(|_| at.to_string(), |at| at.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
}
