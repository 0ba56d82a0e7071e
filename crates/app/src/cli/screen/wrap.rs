//! Lines that end between words.

use unicode_width::UnicodeWidthChar as _;

/// Below this many columns a terminal wraps better by itself.
const LEAST: usize = 20;

/// One line of text on its way to a terminal. A word is held back until it is whole, so that it can still go to the next
/// line; what was given out is never moved.
#[derive(Debug, Default)]
pub(super) struct Wrap {
    /// Columns of the terminal; `None`: the terminal wraps.
    width: Option<usize>,
    /// What stands at the beginning of each further line.
    hang: String,
    column: usize,
    /// Spaces before the word.
    spaces: usize,
    word: String,
    word_width: usize,
    /// Within one of our own style sequences.
    in_style: bool,
    /// The word goes on from what was given out.
    glued: bool,
}

impl Wrap {
    /// A line that stands at `column` already.
    pub(super) fn new(width: Option<usize>, column: usize, hang: impl Into<String>) -> Self {
        let hang = hang.into();
        Self { width: width.filter(|width| *width >= LEAST), column, hang, ..Self::default() }
    }

    /// Takes more of the line: text without line ends, and styles as `Inline` makes them.
    pub(super) fn push(&mut self, text: &str, out: &mut String) {
        let Some(width) = self.width else { return out.push_str(text) };
        for c in text.chars() {
            match c {
                '\u{1b}' => self.in_style = true,
                ' ' if !self.in_style => {
                    self.place(width, out);
                    self.spaces += 1;
                    self.glued = false;
                    continue;
                }
                _ => {}
            }
            self.word.push(c);
            if self.in_style {
                self.in_style = c != 'm';
                continue;
            }
            let columns = c.width().unwrap_or(0);
            self.word_width += columns;
            // Scripts with wide characters break between any two of them; a word as long as a line cannot be kept whole.
            if columns == 2 {
                self.place(width, out);
            } else if self.word_width >= width {
                self.place(width, out);
                self.glued = true;
            }
        }
    }

    /// The line is over. Spaces at its end are left out.
    pub(super) fn end(&mut self, out: &mut String) {
        match self.width {
            Some(width) if self.word_width > 0 => self.place(width, out),
            _ => out.push_str(&self.word),
        }
        *self = Self::default();
    }

    fn place(&mut self, width: usize, out: &mut String) {
        if self.word_width == 0 {
            return;
        }
        let fits = self.column + self.spaces + self.word_width <= width;
        if fits || self.glued || self.column <= self.hang.chars().count() {
            out.push_str(&" ".repeat(self.spaces));
            self.column += self.spaces;
        } else {
            out.push('\n');
            out.push_str(&self.hang);
            self.column = self.hang.chars().count();
        }
        out.push_str(&self.word);
        self.column += self.word_width;
        if self.column > width {
            // The terminal wrapped it.
            self.column %= width;
        }
        (self.spaces, self.word_width) = (0, 0);
        self.word.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str, hang: &'static str) -> String {
        let (mut wrap, mut out) = (Wrap::new(Some(20), hang.chars().count(), hang), String::new());
        text.split_inclusive(' ').for_each(|piece| wrap.push(piece, &mut out));
        wrap.end(&mut out);
        out
    }

    #[test]
    fn lines_end_between_words() {
        for (text, hang, expected) in [
            ("short", "", "short"),
            ("twenty columns, full", "", "twenty columns, full"),
            ("one column more than 20", "", "one column more than\n20"),
            ("a list item hangs under its text", "  ", "a list item hangs\n  under its text"),
            ("\x1b[1mbold text\x1b[0m of some length", "", "\x1b[1mbold text\x1b[0m of some\nlength"),
            ("https://example.org/long/path x", "", "https://example.org/long/path x"),
            ("漢字漢字漢字漢字漢字漢字", "", "漢字漢字漢字漢字漢字\n漢字"),
            ("two  spaces ", "", "two  spaces"),
        ] {
            assert_eq!(wrapped(text, hang), expected, "{text}");
        }
    }

    #[test]
    fn a_narrow_terminal_wraps_by_itself() {
        let (mut wrap, mut out) = (Wrap::new(Some(5), 0, ""), String::new());
        wrap.push("longer than five", &mut out);
        wrap.end(&mut out);
        assert_eq!(out, "longer than five");
    }
}
