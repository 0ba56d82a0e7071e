//! Bold, italic and code within a line, as the characters come in.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar as _;

/// Ends every style.
pub(super) const RESET: &str = "\x1b[0m";

/// The styles of one line. A mark is held back until the character after it tells what it means; nothing that was given
/// out is ever taken back.
#[derive(Debug, Default)]
pub(super) struct Inline {
    /// The style of the whole line, a heading for example, as SGR parameters.
    base: &'static str,
    bold: bool,
    italic: bool,
    /// How many backticks close the code.
    code: Option<usize>,
    /// A run of one mark whose meaning is not known yet.
    marks: String,
    /// A backslash was read.
    escaped: bool,
    /// The last character given out, or the last mark.
    before: Option<char>,
    /// Columns given out.
    pub(super) width: usize,
}

impl Inline {
    /// A line whose text has a style of its own. It has to be begun with [`paint`](Self::paint).
    pub(super) fn based(base: &'static str) -> Self {
        Self { base, ..Self::default() }
    }

    /// Takes the next character of the line.
    pub(super) fn push(&mut self, c: char, out: &mut String) {
        if self.escaped {
            self.escaped = false;
            if !c.is_ascii_punctuation() {
                self.give('\\', out);
            }
            return self.give(c, out);
        }
        if let Some(mark) = self.marks.chars().next() {
            if c == mark {
                return self.marks.push(c);
            }
            self.resolve(Some(c), out);
        }
        match c {
            '`' => self.marks.push(c),
            '*' | '_' if self.code.is_none() => self.marks.push(c),
            '\\' if self.code.is_none() => self.escaped = true,
            c => self.give(c, out),
        }
    }

    /// The line is over: gives out what was held back, and ends all styles.
    pub(super) fn end(&mut self, out: &mut String) {
        if std::mem::take(&mut self.escaped) {
            self.give('\\', out);
        }
        if !self.marks.is_empty() {
            self.resolve(None, out);
        }
        if self.styled() {
            out.push_str(RESET);
        }
        let width = self.width;
        *self = Self { width, ..Self::default() };
    }

    /// Sets the terminal to the styles as they are now.
    pub(super) fn paint(&self, out: &mut String) {
        out.push_str(RESET);
        let codes = [
            (!self.base.is_empty(), self.base),
            (self.bold, "1"),
            (self.italic, "3"),
            (self.code.is_some(), "36"),
        ];
        for (_, code) in codes.iter().filter(|(on, _)| *on) {
            // Writing to a string cannot fail.
            let _ = write!(out, "\x1b[{code}m");
        }
    }

    fn styled(&self) -> bool {
        !self.base.is_empty() || self.bold || self.italic || self.code.is_some()
    }

    fn give(&mut self, c: char, out: &mut String) {
        out.push(c);
        self.before = Some(c);
        self.width += c.width().unwrap_or(0);
    }

    /// What a run of marks means, now that the character behind it is known.
    fn resolve(&mut self, after: Option<char>, out: &mut String) {
        let run = std::mem::take(&mut self.marks);
        let (Some(mark), length) = (run.chars().next(), run.len()) else { return };
        let understood =
            if mark == '`' { self.code_mark(length, after) } else { self.emphasis(mark, length, after) };
        if understood {
            self.before = Some(mark);
            self.paint(out);
        } else {
            run.chars().for_each(|c| self.give(c, out));
        }
    }

    fn code_mark(&mut self, length: usize, after: Option<char>) -> bool {
        match self.code {
            Some(open) if open == length => self.code = None,
            Some(_) => return false,
            // Code that begins at the end of a line is a lone backtick.
            None if after.is_none() => return false,
            None => self.code = Some(length),
        }
        true
    }

    fn emphasis(&mut self, mark: char, length: usize, after: Option<char>) -> bool {
        let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric());
        let space = |c: Option<char>| c.is_none_or(char::is_whitespace);
        let (bold, italic) = match length {
            1 => (false, true),
            2 => (true, false),
            3 => (true, true),
            _ => return false,
        };
        let open = (!bold || self.bold) && (!italic || self.italic);
        if open && !space(self.before) && !(mark == '_' && word(after)) {
            self.bold &= !bold;
            self.italic &= !italic;
            return true;
        }
        // `2**3` and `snake_case` are no emphasis; scripts without spaces between words still have it.
        let inside_word =
            self.before.is_some_and(|c| c.is_ascii_alphanumeric()) || (mark == '_' && word(self.before));
        if open || space(after) || inside_word {
            return false;
        }
        self.bold |= bold;
        self.italic |= italic;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn styled(text: &str) -> String {
        let (mut inline, mut out) = (Inline::default(), String::new());
        text.chars().for_each(|c| inline.push(c, &mut out));
        inline.end(&mut out);
        out.replace(RESET, "<>")
            .replace("\x1b[1m", "<b>")
            .replace("\x1b[3m", "<i>")
            .replace("\x1b[36m", "<c>")
    }

    #[test]
    fn marks_become_styles() {
        for (text, expected) in [
            ("plain", "plain"),
            ("a **b** c", "a <><b>b<> c"),
            ("a *b* c", "a <><i>b<> c"),
            ("_b_, __c__", "<><i>b<>, <><b>c<>"),
            ("***x***", "<><b><i>x<>"),
            ("**a *b* c**", "<><b>a <><b><i>b<><b> c<>"),
            ("see `a*b*c` ok", "see <><c>a*b*c<> ok"),
            ("``a`b``", "<><c>a`b<>"),
            ("这是**粗体**字", "这是<><b>粗体<>字"),
        ] {
            assert_eq!(styled(text), expected, "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_mark_stays() {
        for text in ["2 * 3 * 4", "2**3", "snake_case_name", "a ** b", "****", "100%", "a `"] {
            assert_eq!(styled(text), text);
        }
        assert_eq!(styled(r"\*not\* C:\dir"), r"*not* C:\dir");
    }

    #[test]
    fn an_open_style_ends_with_its_line() {
        assert_eq!(styled("**open"), "<><b>open<>");
        assert_eq!(styled("`open"), "<><c>open<>");
    }

    #[test]
    fn width_counts_columns_without_marks() {
        let (mut inline, mut out) = (Inline::default(), String::new());
        "**漢** a".chars().for_each(|c| inline.push(c, &mut out));
        inline.end(&mut out);
        assert_eq!(inline.width, 4);
    }
}
