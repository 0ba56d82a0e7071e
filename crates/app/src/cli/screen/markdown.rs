//! Markdown on a terminal while it streams in.
//!
//! A character is given out as soon as its meaning is sure; only the beginning of a line and a table wait for more.
//! Nothing that stands on the screen is written again, so scrolling back shows what was said.

use super::{
    inline::{Inline, RESET},
    neutral::neutral,
    table,
    wrap::Wrap,
};

const DIM: &str = "\x1b[2m";
const CODE: &str = "\x1b[36m";

/// A text under way.
#[derive(Debug, Default)]
pub(super) struct Markdown {
    /// Columns of the terminal, where they are known.
    width: Option<usize>,
    line: Line,
    /// The fence of the code block that is open: its mark, and how many of it close it at least.
    fence: Option<(char, usize)>,
    /// Rows of a table that is not over.
    table: Vec<String>,
}

/// The line under way.
#[derive(Debug)]
enum Line {
    /// Not decided what it is.
    Held(String),
    /// Text.
    Text(Inline, Wrap),
    /// Code, given out as it comes.
    Code,
    /// Held to its end.
    Whole(String),
}

impl Default for Line {
    fn default() -> Self {
        Self::Held(String::new())
    }
}

/// What a line's beginning says.
enum Start {
    /// Nothing yet.
    Unsure,
    /// The whole line is needed.
    Whole,
    /// Given out at once: what stands for the mark, at its line and at those that it is wrapped
    /// into, the style of the line, and where its text begins.
    Text { lead: String, hang: String, base: &'static str, from: usize },
}

impl Markdown {
    /// Wraps lines at this many columns from the next text on.
    pub(super) fn set_width(&mut self, width: Option<usize>) {
        self.width = width;
    }

    /// Takes more text.
    pub(super) fn push(&mut self, text: &str, out: &mut String) {
        for c in text.chars().filter_map(neutral) {
            match c {
                '\n' => self.end_line(true, out),
                c => self.character(c, out),
            }
        }
    }

    /// The text is over: gives out what was held back. The next text starts afresh.
    pub(super) fn end(&mut self, out: &mut String) {
        let nothing = matches!(&self.line, Line::Held(held) if held.is_empty());
        if !nothing {
            self.end_line(false, out);
        }
        self.end_table(out);
        *self = Self { width: self.width, ..Self::default() };
    }

    fn character(&mut self, c: char, out: &mut String) {
        match &mut self.line {
            Line::Text(inline, wrap) => {
                let mut styled = String::new();
                inline.push(c, &mut styled);
                wrap.push(&styled, out);
            }
            Line::Code => out.push(c),
            Line::Whole(line) => line.push(c),
            Line::Held(held) => {
                held.push(c);
                let held = std::mem::take(held);
                self.line = self.decide(held, out);
            }
        }
    }

    fn decide(&mut self, held: String, out: &mut String) -> Line {
        if let Some((mark, _)) = self.fence {
            if held.trim().chars().all(|c| c == mark) {
                return Line::Held(held);
            }
            out.push_str(CODE);
            out.push_str(&held);
            return Line::Code;
        }
        match start(&held) {
            Start::Unsure => Line::Held(held),
            Start::Whole => Line::Whole(held),
            Start::Text { lead, hang, base, from } => {
                self.end_table(out);
                out.push_str(&lead);
                let mut wrap = Wrap::new(self.width, hang.chars().count(), hang);
                let (mut inline, mut styled) = (Inline::based(base), String::new());
                if !base.is_empty() {
                    inline.paint(&mut styled);
                }
                held[from..].chars().for_each(|c| inline.push(c, &mut styled));
                wrap.push(&styled, out);
                Line::Text(inline, wrap)
            }
        }
    }

    fn end_line(&mut self, line_end: bool, out: &mut String) {
        let shown = match std::mem::take(&mut self.line) {
            Line::Text(mut inline, mut wrap) => {
                let mut styled = String::new();
                inline.end(&mut styled);
                wrap.push(&styled, out);
                wrap.end(out);
                true
            }
            Line::Code => {
                out.push_str(RESET);
                true
            }
            Line::Held(line) | Line::Whole(line) => self.whole_line(line, out),
        };
        if shown && line_end {
            out.push('\n');
        }
    }

    /// A line that was held to its end. Returns whether it is shown.
    fn whole_line(&mut self, line: String, out: &mut String) -> bool {
        let trimmed = line.trim();
        if let Some((mark, length)) = self.fence {
            if trimmed.len() >= length && trimmed.chars().all(|c| c == mark) {
                self.fence = None;
                return false;
            }
            out.push_str(&line);
            return true;
        }
        if let Some(fence) = fence(trimmed) {
            self.end_table(out);
            self.fence = Some(fence);
            return false;
        }
        if trimmed.starts_with('|') {
            self.table.push(line);
            return false;
        }
        self.end_table(out);
        if trimmed.len() >= 3 && is_run_of(trimmed, &['-', '*', '_']) {
            out.push_str(DIM);
            out.push_str(&"─".repeat(24));
            out.push_str(RESET);
            return true;
        }
        let mut inline = Inline::default();
        line.trim_end().chars().for_each(|c| inline.push(c, out));
        inline.end(out);
        true
    }

    fn end_table(&mut self, out: &mut String) {
        if !self.table.is_empty() {
            table::render(&std::mem::take(&mut self.table), out);
        }
    }
}

/// The mark and length of the fence that `line` opens.
fn fence(line: &str) -> Option<(char, usize)> {
    let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = line.chars().take_while(|c| *c == mark).count();
    // Three backticks, code, and three backticks on one line are no fence.
    (length >= 3 && !line[length..].contains('`')).then_some((mark, length))
}

fn is_run_of(text: &str, marks: &[char]) -> bool {
    text.chars().next().is_some_and(|first| marks.contains(&first) && text.chars().all(|c| c == first))
}

/// What the beginning of a line is. Called with each character more until it is sure.
fn start(held: &str) -> Start {
    let text = held.trim_start();
    let indent = &held[..held.len() - text.len()];
    let text_line = |lead: String, hang: String, base, from| Start::Text { lead, hang, base, from };
    let plain = || text_line(String::new(), String::new(), "", 0);
    let Some(first) = text.chars().next() else { return Start::Unsure };
    let rest = &text[first.len_utf8()..];
    match first {
        '|' => Start::Whole,
        '`' | '~' if text.starts_with("```") || text.starts_with("~~~") => Start::Whole,
        '`' | '~' if is_run_of(text, &[first]) => Start::Unsure,
        '#' => match text.trim_start_matches('#') {
            "" if text.len() <= 6 => Start::Unsure,
            title if title.starts_with(' ') && text.len() - title.len() <= 6 => {
                text_line(String::new(), String::new(), "1;4", held.len() - title.len() + 1)
            }
            _ => plain(),
        },
        '>' if rest.is_empty() => Start::Unsure,
        '>' => {
            let from = held.len() - rest.trim_start_matches(' ').len();
            text_line(format!("{DIM}│{RESET} "), "│ ".to_owned(), "2", from)
        }
        '-' | '*' | '+' if rest.starts_with(' ') => {
            text_line(format!("{indent}• "), format!("{indent}  "), "", held.len() - rest.len() + 1)
        }
        '-' | '*' | '_' | '+' if is_run_of(text, &[first]) => Start::Unsure,
        _ => plain(),
    }
}

#[cfg(test)]
#[path = "markdown_tests.rs"]
mod tests;
