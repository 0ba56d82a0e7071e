//! Whether a proposed memory file can be right. No phrases are looked for: the same holds in every language.

use std::collections::HashSet;

/// The share of the old file's words that must be found in the new one, in hundredths.
const KEPT: usize = 50;
/// The same where the old file had to be shortened.
const KEPT_WHEN_SHORTENED: usize = 25;
/// The share of the new file's words that must come from the old file or the notes, in hundredths. Headings and joining
/// words are the model's own.
const GROUNDED: usize = 50;
/// Below so many words no share is meant.
const FEW: usize = 12;

/// Why a proposal is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Rejected {
    /// It is empty.
    #[error("the model answered with nothing")]
    Empty,
    /// It is too long.
    #[error("the proposed file has {found} bytes, and {most} are allowed")]
    TooLong {
        /// Its bytes.
        found: usize,
        /// Most bytes.
        most: usize,
    },
    /// A pinned line is gone.
    #[error("the proposed file has lost the pinned line “{0}”")]
    Unpinned(String),
    /// Most of the old file is gone.
    #[error("the proposed file has lost most of the old one: {kept} of {of} words are left")]
    Lost {
        /// Words of the old file that are in the new one.
        kept: usize,
        /// Words of the old file.
        of: usize,
    },
    /// Most of it comes from nowhere.
    #[error(
        "most of the proposed file stands neither in the old one nor in the notes: {known} of {of} words do"
    )]
    Invented {
        /// Words that are known.
        known: usize,
        /// Its words.
        of: usize,
    },
}

/// The file that a model's answer means, if it can be right.
///
/// # Errors
/// The first reason why it cannot.
pub(super) fn check(
    answer: &str,
    before: &str,
    notes: &[&str],
    max_bytes: usize,
) -> Result<String, Rejected> {
    let text = unfenced(answer.trim());
    if text.is_empty() {
        return Err(Rejected::Empty);
    }
    let text = format!("{text}\n");
    if text.len() > max_bytes {
        return Err(Rejected::TooLong { found: text.len(), most: max_bytes });
    }
    let lines: HashSet<&str> = text.lines().map(str::trim).collect();
    if let Some(lost) = pinned(before).into_iter().find(|line| !lines.contains(line)) {
        return Err(Rejected::Unpinned(lost.to_owned()));
    }
    let (old, new) = (words(before), words(&text));
    let kept = old.intersection(&new).count();
    let share = if before.len() > max_bytes { KEPT_WHEN_SHORTENED } else { KEPT };
    if old.len() >= FEW && kept * 100 < old.len() * share {
        return Err(Rejected::Lost { kept, of: old.len() });
    }
    let mut known = old;
    for note in notes {
        known.extend(words(note));
    }
    let found = new.intersection(&known).count();
    if new.len() >= FEW && found * 100 < new.len() * GROUNDED {
        return Err(Rejected::Invented { known: found, of: new.len() });
    }
    Ok(text)
}

/// The lines that must stay as they are: those under a heading `Pinned`, and those that hold `[pinned]`.
#[must_use]
pub(super) fn pinned(text: &str) -> Vec<&str> {
    let mut under = false;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('#') {
            under = line.trim_start_matches('#').trim().eq_ignore_ascii_case("pinned");
        } else if !line.is_empty() && (under || line.contains("[pinned]")) {
            found.push(line);
        }
    }
    found
}

/// The text inside, where a model put a fence around all of it.
fn unfenced(text: &str) -> &str {
    let inside = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    let inside = inside.and_then(|rest| rest.split_once('\n')).map(|(_, inside)| inside);
    inside.filter(|inside| !inside.contains("\n```")).unwrap_or(text).trim()
}

/// The words of a text, in lower case. Where words are not set apart, each character counts as one.
fn words(text: &str) -> HashSet<String> {
    let mut words = HashSet::new();
    let mut word = String::new();
    for c in text.chars().chain([' ']) {
        let unspaced = matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}');
        if c.is_alphanumeric() && !unspaced {
            word.extend(c.to_lowercase());
            continue;
        }
        if !word.is_empty() {
            words.insert(std::mem::take(&mut word));
        }
        if unspaced {
            words.insert(c.to_string());
        }
    }
    words
}
