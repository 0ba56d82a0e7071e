//! Cuts a long text into parts that a platform takes.

use session_api::{OutboxMessage, Part, Splitter};

use crate::{ChannelCapabilities, TextUnit};

/// Cuts `text` into parts of at most `limit` units. It cuts between paragraphs where it can, else between lines, else
/// between words, else anywhere. A fenced code block that is cut is closed at the end of one part and opened again, with
/// its language, at the start of the next; apart from these two lines the parts are the text, character for character.
#[must_use]
pub fn split(text: &str, limit: usize, unit: TextUnit) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text;
    let mut open: Option<Fence> = None;
    while !rest.is_empty() {
        let start = open.as_ref().map(|fence| fence.opening(limit, unit)).unwrap_or_default();
        let room = limit.saturating_sub(unit.len(&start)).max(1);
        if unit.len(rest) <= room {
            parts.push(format!("{start}{rest}"));
            return parts;
        }
        // Room for the line that closes a block, where one may be open at the cut.
        let reserve = longest_fence(&start, rest);
        let room = if reserve == 0 { room } else { room.saturating_sub(reserve + 1).max(1) };
        let piece = &rest[..cut(rest, room, unit)];
        let after = fence_after(open.as_ref(), piece);
        let end = after.as_ref().map(|fence| fence.closing(piece)).unwrap_or_default();
        parts.push(format!("{start}{piece}{end}"));
        rest = &rest[piece.len()..];
        open = after;
    }
    parts
}

/// A line of more marks is no fence but noise, as a model in a loop makes it: to close and open it again would take all
/// the room that a part has.
const MOST_MARKS: usize = 16;

/// An open code block.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fence {
    /// Its line: backticks or tildes, then its language.
    line: String,
    marks: usize,
}

impl Fence {
    /// The fence that `line` opens.
    fn of(line: &str) -> Option<Self> {
        let line = line.trim();
        let mark = line.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
        let marks = line.chars().take_while(|c| *c == mark).count();
        let info = &line[marks..];
        ((3..=MOST_MARKS).contains(&marks) && !(mark == '`' && info.contains('`')))
            .then(|| Self { line: line.to_owned(), marks })
    }

    fn marks(&self) -> &str {
        &self.line[..self.marks]
    }

    /// The line that opens it again. A language that takes much of the room is left out.
    fn opening(&self, limit: usize, unit: TextUnit) -> String {
        let whole = unit.len(&self.line) <= limit / 4;
        format!("{}\n", if whole { &self.line } else { self.marks() })
    }

    fn closing(&self, piece: &str) -> String {
        let separator = if piece.ends_with('\n') { "" } else { "\n" };
        format!("{separator}{}", self.marks())
    }

    fn closed_by(&self, line: &str) -> bool {
        let line = line.trim();
        line.len() >= self.marks
            && line.chars().all(|c| self.line.starts_with(c))
            && line.starts_with(self.marks())
    }
}

/// The block that is open after `piece`.
fn fence_after(open: Option<&Fence>, piece: &str) -> Option<Fence> {
    let mut open = open.cloned();
    for line in piece.lines() {
        match &open {
            Some(fence) if fence.closed_by(line) => open = None,
            Some(_) => {}
            None => open = Fence::of(line),
        }
    }
    open
}

/// Marks of the longest fence that may be open somewhere in the text.
fn longest_fence(start: &str, rest: &str) -> usize {
    let lines = start.lines().chain(rest.lines());
    lines.filter_map(Fence::of).map(|fence| fence.marks).max().unwrap_or(0)
}

/// Where to cut: a byte offset, greater than zero, of at most `room` units.
fn cut(text: &str, room: usize, unit: TextUnit) -> usize {
    let mut used = 0;
    let mut hard = text.len();
    for (at, c) in text.char_indices() {
        let mut buffer = [0; 4];
        used += unit.len(c.encode_utf8(&mut buffer));
        if used > room && at > 0 {
            hard = at;
            break;
        }
    }
    let fitting = &text[..hard];
    // Not so early that the part is nearly empty.
    let earliest = hard / 3;
    let after =
        |separator: &str| fitting.rfind(separator).map(|at| at + separator.len()).filter(|at| *at > earliest);
    after("\n\n").or_else(|| after("\n")).or_else(|| after(" ")).unwrap_or_else(|| whole_cluster(text, hard))
}

/// Moves a cut backwards out of a character that is made of several: nobody wants half a family emoji.
fn whole_cluster(text: &str, hard: usize) -> usize {
    let joins =
        |c: char| matches!(c, '\u{200D}' | '\u{FE0F}' | '\u{0300}'..='\u{036F}' | '\u{1F3FB}'..='\u{1F3FF}');
    let mut at = hard;
    // Longer clusters exist, but only in texts that are made to be odd.
    for _ in 0..16 {
        let before = text[..at].chars().next_back();
        let next = text[at..].chars().next();
        if !next.is_some_and(joins) && before != Some('\u{200D}') {
            return at;
        }
        let Some(before) = before.filter(|c| at > c.len_utf8()) else { return hard };
        at -= before.len_utf8();
    }
    hard
}

/// Splits outgoing messages for one channel.
#[derive(Debug)]
pub(super) struct ChannelSplitter(pub(super) ChannelCapabilities);

impl Splitter for ChannelSplitter {
    fn split(&self, message: &OutboxMessage) -> Vec<Part> {
        let mut parts = Vec::new();
        for part in &message.parts {
            match part.as_text() {
                Some(text) if text.trim().is_empty() => {}
                Some(text) => {
                    parts.extend(split(text, self.0.text_limit, self.0.unit).into_iter().map(Part::text));
                }
                None => parts.push(part.clone()),
            }
        }
        if parts.is_empty() {
            // Platforms refuse an empty message, and silence would look like a failure.
            parts.push(Part::text("(an empty answer)"));
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cuts_fall_between_paragraphs_then_lines_then_words() {
        for (text, limit, expected) in [
            ("short", 10, vec!["short"]),
            ("one two\n\nthree four", 12, vec!["one two\n\n", "three four"]),
            ("one two\nthree four", 12, vec!["one two\n", "three four"]),
            ("one two three", 8, vec!["one two ", "three"]),
            ("abcdefghij", 4, vec!["abcd", "efgh", "ij"]),
        ] {
            assert_eq!(split(text, limit, TextUnit::Chars), expected, "{text:?}");
        }
    }

    #[test]
    fn a_cut_code_block_is_closed_and_opened_again_with_its_language() {
        let text = "Look:\n```rust\nlet a = 1;\nlet b = 2;\nlet c = 3;\n```\nDone.";
        let parts = split(text, 40, TextUnit::Chars);
        assert_eq!(parts, ["Look:\n```rust\nlet a = 1;\nlet b = 2;\n```", "```rust\nlet c = 3;\n```\nDone."]);
    }

    #[test]
    fn a_line_of_nothing_but_marks_is_cut_like_any_other() {
        for marks in ["`", "~"] {
            let text = marks.repeat(10_000);
            let parts = split(&text, 4096, TextUnit::Chars);
            assert_eq!((parts.len(), parts.concat()), (3, text));
        }
    }

    #[test]
    fn limits_count_in_the_platforms_unit() {
        let emoji = "😀".repeat(10);
        assert_eq!(split(&emoji, 10, TextUnit::Chars).len(), 1);
        assert_eq!(split(&emoji, 10, TextUnit::Utf16).len(), 2);
        assert_eq!(split(&emoji, 10, TextUnit::Bytes).len(), 5);
    }

    #[test]
    fn a_character_made_of_several_stays_whole() {
        let parts = split("ab👩\u{200D}👧cd", 4, TextUnit::Chars);
        assert_eq!(parts, ["ab", "👩\u{200D}👧c", "d"]);
    }

    proptest! {
        #[test]
        fn parts_fit_and_are_the_text(text in "[a-zä😀 \n]{0,400}", limit in 1_usize..60, unit in 0..3) {
            let unit = [TextUnit::Chars, TextUnit::Utf16, TextUnit::Bytes][unit as usize];
            let parts = split(&text, limit.max(4), unit);
            prop_assert_eq!(parts.concat(), text);
            for part in &parts {
                prop_assert!(unit.len(part) <= limit.max(4), "{part:?}");
                prop_assert!(!part.is_empty());
            }
        }

        #[test]
        fn blocks_are_balanced_and_no_character_is_lost(
            lines in prop::collection::vec(prop_oneof!["[a-z ]{0,30}", Just("```".to_owned()), Just("```rust".to_owned())], 0..40),
            limit in 40_usize..120,
        ) {
            let text = lines.join("\n");
            let parts = split(&text, limit, TextUnit::Chars);
            for part in &parts[..parts.len().saturating_sub(1)] {
                prop_assert!(fence_after(None, part).is_none(), "a block is open after {part:?}");
            }
            for part in &parts {
                prop_assert!(TextUnit::Chars.len(part) <= limit, "{part:?}");
            }
            let kept = |text: &str| text.chars().filter(char::is_ascii_lowercase).filter(|c| !"rust".contains(*c)).collect::<String>();
            prop_assert_eq!(kept(&parts.concat()), kept(&text));
        }
    }
}
