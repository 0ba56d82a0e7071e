//! Text of a model or a tool, made harmless for a terminal.

use std::borrow::Cow;

/// A character as a terminal may get it; `None` where it is better left out.
///
/// Escape and its kin would move the cursor, rename the window or fill the clipboard: they are shown as pictures instead,
/// so that the person sees that something was there. Marks that reverse the direction of text would show a command in
/// another order than it runs. Line ends and tabs stay.
pub(super) fn neutral(c: char) -> Option<char> {
    match c {
        '\n' | '\t' => Some(c),
        // Half of a Windows line end, or a way to write over what was shown.
        '\r' => None,
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)),
        '\u{7f}' => Some('\u{2421}'),
        '\u{80}'..='\u{9f}' => Some(char::REPLACEMENT_CHARACTER),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Some(char::REPLACEMENT_CHARACTER),
        c => Some(c),
    }
}

/// A whole text, made harmless.
pub(super) fn neutralised(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| neutral(c) == Some(c)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter_map(neutral).collect())
}

/// The first line of `text`, harmless, with at most `most` characters.
pub(super) fn first_line(text: &str, most: usize) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let line: String =
        line.trim().chars().map(|c| if c == '\t' { ' ' } else { c }).filter_map(neutral).collect();
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_a_terminal_is_shown_instead_of_done() {
        for (text, expected) in [
            ("plain\n\ttext", "plain\n\ttext"),
            ("a\u{1b}[2Jb", "a␛[2Jb"),
            ("a\r\nb\rc", "a\nbc"),
            ("\u{7}\u{8}\u{7f}", "␇␈␡"),
            ("\u{9b}31m", "\u{fffd}31m"),
            ("rm \u{202e}txt", "rm \u{fffd}txt"),
            ("grün 漢字 🙂", "grün 漢字 🙂"),
        ] {
            assert_eq!(neutralised(text), expected);
        }
    }

    #[test]
    fn a_first_line_is_short_and_on_one_line() {
        assert_eq!(first_line("\n  no such\tfile\u{1b} \nmore", 40), "no such file␛");
        assert_eq!(first_line("abcdef", 3), "abc…");
        assert_eq!(first_line("", 3), "");
    }
}
