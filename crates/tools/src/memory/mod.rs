//! Memory files: `MEMORY.md` and a note for each day, as plain text that people read and edit by hand.
//!
//! Whoever writes says what they have read. A file that has changed since then is never overwritten: the edit by hand wins.

mod append;
mod folder;
mod read;
mod replace_section;
mod sections;
#[cfg(test)]
mod tests;

pub use append::MemoryAppend;
pub use folder::{Conflict, FolderLock, MOST_MEMORY_BYTES, MemoryFolder, MemoryText, digest_of, is_note};
pub use read::MemoryRead;
pub use replace_section::MemoryReplaceSection;

use schedule::Zones;
use session_api::Timestamp;
use tool_api::ToolError;

/// The lasting facts.
pub const MEMORY_FILE: &str = "MEMORY.md";

/// The file that a call means: `memory`, `today`, or a day as `2026-11-21`.
fn file_of(text: &str, now: Timestamp, zones: &Zones) -> Result<String, ToolError> {
    match text.trim() {
        "" | "memory" | MEMORY_FILE => Ok(MEMORY_FILE.to_owned()),
        "today" => Ok(format!("{}.md", local(now, zones).0)),
        day => {
            let name = format!("{}.md", day.trim_end_matches(".md"));
            if is_note(&name) {
                return Ok(name);
            }
            Err(ToolError::InvalidArguments(format!(
                "`file` is `memory`, `today` or a day such as `2026-11-21`, and not {day:?}"
            )))
        }
    }
}

/// Day and minute by the user's clocks.
fn local(now: Timestamp, zones: &Zones) -> (String, String) {
    let at = jiff::Timestamp::from_millisecond(now.0).unwrap_or_default();
    let zone = zones.find(zones.local()).unwrap_or(jiff::tz::TimeZone::UTC);
    let at = at.to_zoned(zone);
    (at.strftime("%Y-%m-%d").to_string(), at.strftime("%H:%M").to_string())
}
