//! Markdown to Slack's mrkdwn.
//!
//! mrkdwn has no headings, no tables and no nesting of lists, and nothing to escape its signs with but `&amp;`, `&lt;`
//! and `&gt;`. What it cannot show becomes what a person would type instead.

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};

/// What stands around a block of code.
const FENCE: &str = "```";

/// The same text in Slack's markup. No `<` of the text survives, so nothing in it can ping a person or a channel.
pub(super) fn to_mrkdwn(markdown: &str) -> String {
    let options = Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS;
    let mut writer = Writer::default();
    for event in Parser::new_ext(markdown, options) {
        writer.event(event);
    }
    writer.out.truncate(writer.out.trim_end().len());
    writer.out
}

/// The text with Slack's three special characters escaped, and nothing else done to it.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A link that is being written.
#[derive(Debug)]
struct Link {
    url: String,
    /// Where its text begins in the output.
    from: usize,
}

#[derive(Debug)]
struct Writer {
    out: String,
    /// Line ends that are due before the next text.
    due: usize,
    /// Whether the next text begins a line.
    fresh: bool,
    /// The sign of a list's item that has no text yet.
    marker: Option<String>,
    /// For each open list the number of its next item, where it is numbered.
    lists: Vec<Option<u64>>,
    links: Vec<Link>,
    quotes: usize,
    code: bool,
    heading: bool,
    /// Rows of the table that is being read; its text goes there.
    table: Option<Vec<Vec<String>>>,
}

impl Default for Writer {
    fn default() -> Self {
        Self {
            out: String::new(),
            due: 0,
            fresh: true,
            marker: None,
            lists: Vec::new(),
            links: Vec::new(),
            quotes: 0,
            code: false,
            heading: false,
            table: None,
        }
    }
}

impl Writer {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => self.words(&text),
            Event::InlineHtml(text) | Event::InlineMath(text) | Event::DisplayMath(text) => self.words(&text),
            Event::FootnoteReference(text) => self.words(&text),
            Event::Html(text) => self.lines(&text),
            Event::Code(code) if self.table.is_some() => self.words(&code),
            Event::Code(code) => self.put(&format!("`{}`", escape(&code))),
            Event::SoftBreak | Event::HardBreak => self.line_end(1),
            Event::Rule => {
                self.line_end(1);
                self.put("───");
                self.line_end(2);
            }
            Event::TaskListMarker(done) => self.put(if done { "☑ " } else { "☐ " }),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { .. } => {
                self.line_end(2);
                self.put("*");
                self.heading = true;
            }
            Tag::BlockQuote(_) => {
                self.line_end(1);
                // A blank line before the quote is not a part of it.
                self.flush();
                self.quotes += 1;
            }
            Tag::CodeBlock(_) => {
                self.line_end(1);
                // Without the language, which would show as the first line of the code.
                self.put(FENCE);
                self.code = true;
                self.due = 1;
            }
            Tag::List(next) => {
                self.line_end(1);
                self.lists.push(next);
            }
            Tag::Item => {
                self.line_end(1);
                let sign = match self.lists.last_mut() {
                    Some(Some(next)) => {
                        *next += 1;
                        format!("{}. ", *next - 1)
                    }
                    _ => "• ".to_owned(),
                };
                self.marker = Some(format!("{}{sign}", self.indent()));
            }
            Tag::Table(_) => {
                self.line_end(1);
                self.table = Some(Vec::new());
            }
            Tag::TableHead | Tag::TableRow => {
                if let Some(rows) = &mut self.table {
                    rows.push(Vec::new());
                }
            }
            Tag::TableCell => {
                if let Some(row) = self.table.as_mut().and_then(|rows| rows.last_mut()) {
                    row.push(String::new());
                }
            }
            Tag::Emphasis => self.mark("_"),
            Tag::Strong => self.mark("*"),
            Tag::Strikethrough => self.mark("~"),
            Tag::Link { link_type, dest_url, .. } if self.table.is_none() => {
                let scheme = if link_type == LinkType::Email { "mailto:" } else { "" };
                self.link(format!("{scheme}{dest_url}"));
            }
            Tag::Image { dest_url, .. } if self.table.is_none() => self.link(dest_url.into_string()),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph => self.line_end(if self.lists.is_empty() { 2 } else { 1 }),
            TagEnd::Heading(_) => {
                self.heading = false;
                self.put("*");
                self.line_end(1);
            }
            TagEnd::BlockQuote(_) => {
                self.quotes = self.quotes.saturating_sub(1);
                self.line_end(2);
            }
            TagEnd::CodeBlock => {
                self.line_end(1);
                self.put(FENCE);
                self.code = false;
                self.line_end(2);
            }
            TagEnd::List(_) => {
                self.lists.pop();
                self.line_end(if self.lists.is_empty() { 2 } else { 1 });
            }
            TagEnd::Item => {
                if self.marker.is_some() {
                    self.put("");
                }
                self.line_end(1);
            }
            TagEnd::Table => self.table_end(),
            TagEnd::HtmlBlock => self.line_end(2),
            TagEnd::Emphasis => self.mark("_"),
            TagEnd::Strong => self.mark("*"),
            TagEnd::Strikethrough => self.mark("~"),
            TagEnd::Link | TagEnd::Image if self.table.is_none() => self.link_end(),
            _ => {}
        }
    }

    /// Text of the source.
    fn words(&mut self, text: &str) {
        if let Some(cell) = self.table.as_mut().and_then(|rows| rows.last_mut()?.last_mut()) {
            cell.push_str(text);
        } else if self.code {
            // A fence inside of the code would end it.
            self.lines(&text.replace(FENCE, "`\u{200B}`\u{200B}`"));
        } else {
            self.put(&escape(text));
        }
    }

    /// Text of the source that may hold line ends, each of which counts.
    fn lines(&mut self, text: &str) {
        for (number, line) in text.split('\n').enumerate() {
            self.due += usize::from(number > 0);
            if !line.is_empty() {
                self.put(&escape(line));
            }
        }
    }

    /// A sign of markup around words. It would be a letter inside of a table, which becomes code.
    fn mark(&mut self, sign: &str) {
        if self.table.is_none() && !(self.heading && sign == "*") {
            self.put(sign);
        }
    }

    fn line_end(&mut self, least: usize) {
        self.due = self.due.max(least);
    }

    fn indent(&self) -> String {
        "    ".repeat(self.lists.len().saturating_sub(1))
    }

    /// Writes the line ends that are due.
    fn flush(&mut self) {
        if self.due > 0 && !self.out.is_empty() {
            for _ in 1..self.due {
                self.out.push('\n');
                self.out.push_str(if self.quotes > 0 { ">" } else { "" });
            }
            self.out.push('\n');
            self.fresh = true;
        }
        self.due = 0;
    }

    /// Finished text, after the line ends that are due and with what stands at the beginning of a line.
    fn put(&mut self, text: &str) {
        self.flush();
        let quote = if self.quotes > 0 { "> " } else { "" };
        if std::mem::take(&mut self.fresh) {
            self.out.push_str(quote);
            match self.marker.take() {
                Some(marker) => self.out.push_str(&marker),
                None if self.code || self.lists.is_empty() => {}
                None => self.out.push_str(&format!("{}   ", self.indent())),
            }
        }
        self.out.push_str(text);
    }

    fn link(&mut self, url: String) {
        // Whatever is due belongs in front of the link.
        self.put("");
        // An image inside a link is its text; Slack knows no links inside of links.
        let url = if self.links.is_empty() { url } else { String::new() };
        self.links.push(Link { url, from: self.out.len() });
    }

    fn link_end(&mut self) {
        let Some(Link { url, from }) = self.links.pop() else { return };
        if url.is_empty() {
            return;
        }
        let label = self.out.split_off(from.min(self.out.len())).replace('\n', " ");
        let shown = escape(&url);
        let linked = ["http://", "https://", "mailto:"].iter().any(|start| url.starts_with(start));
        let target =
            shown.replace("&lt;", "%3C").replace("&gt;", "%3E").replace('|', "%7C").replace(' ', "%20");
        let same =
            label.trim().is_empty() || label == shown || url.strip_prefix("mailto:") == Some(label.as_str());
        let text = match (linked, same) {
            (true, true) => format!("<{target}>"),
            (true, false) => format!("<{target}|{label}>"),
            (false, true) => shown,
            (false, false) => format!("{label} ({shown})"),
        };
        self.out.push_str(&text);
    }

    /// A table becomes code with aligned columns.
    fn table_end(&mut self) {
        let rows = self.table.take().unwrap_or_default();
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        self.put(FENCE);
        self.code = true;
        for (number, row) in rows.iter().enumerate() {
            let cells = widths.iter().enumerate().map(|(column, width)| {
                let cell = row.get(column).map_or("", String::as_str);
                format!("{cell:<width$}").replace(FENCE, "'''")
            });
            let line = cells.collect::<Vec<_>>().join(" | ");
            self.line_end(1);
            self.put(&escape(line.trim_end()));
            if number == 0 {
                self.line_end(1);
                let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                self.put(&rule.join("-+-"));
            }
        }
        self.line_end(1);
        self.put(FENCE);
        self.code = false;
        self.line_end(2);
    }
}
