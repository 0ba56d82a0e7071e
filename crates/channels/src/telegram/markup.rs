//! Markdown to Telegram's HTML.
//!
//! Telegram knows bold, italic, strike-through, code, links and quotes. The rest becomes text that reads well: headings
//! bold, list items with a dot or their number, tables in a block of even columns. No character of the text is lost.

use std::collections::BTreeSet;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::table::Table;

/// The HTML of a markdown text; `None` where nothing would be visible, as for a lone `**`.
pub(super) fn html(markdown: &str) -> Option<String> {
    let options = Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS;
    let mut parser = Parser::new_ext(markdown, options).into_offset_iter();
    let mut writer = Writer::default();
    let mut cell_end = 0;
    for (event, range) in parser.by_ref() {
        match &event {
            Event::End(TagEnd::TableCell) => cell_end = range.end,
            // Markdown drops the cells that a row has beyond its head.
            Event::End(TagEnd::TableRow) => {
                writer.more_cells(markdown.get(cell_end..range.end).unwrap_or_default());
            }
            _ => {}
        }
        writer.event(event);
    }
    // Markdown hides definitions of links; one that no link uses would be lost.
    let unused = parser.reference_definitions().iter().filter(|(label, _)| !writer.used.contains(*label));
    let mut unused: Vec<(String, usize)> =
        unused.map(|(label, link)| (format!("[{label}]: {}", link.dest), link.span.start)).collect();
    unused.sort_by_key(|(_, at)| *at);
    for (line, _) in unused {
        writer.text(&line);
        writer.want(1);
    }
    writer.visible.then_some(writer.out)
}

/// Escapes what has a meaning in HTML.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape(text, &mut out);
    out
}

#[derive(Default)]
struct Writer {
    out: String,
    /// Whether anything but space was written.
    visible: bool,
    /// How many line breaks are due before the next piece.
    gap: usize,
    /// The open lists: the next number, or `None` for dots.
    lists: Vec<Option<u64>>,
    /// How many quotes are open; Telegram shows only the outermost.
    quotes: usize,
    heading: bool,
    /// The open links and pictures: where their text began, and where they lead.
    links: Vec<(usize, String)>,
    table: Option<Table>,
    /// Labels of link definitions that were used.
    used: BTreeSet<String>,
}

impl Writer {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Code(text) => {
                self.open("<code>");
                self.text(&text);
                self.close("</code>");
            }
            Event::SoftBreak | Event::HardBreak => self.text(if self.heading { " " } else { "\n" }),
            Event::Rule => {
                self.text("———");
                self.want(2);
            }
            Event::TaskListMarker(done) => self.text(if done { "☑ " } else { "☐ " }),
            Event::Html(text) | Event::InlineHtml(text) if is_break(&text) => self.text("\n"),
            Event::Text(text)
            | Event::Html(text)
            | Event::InlineHtml(text)
            | Event::InlineMath(text)
            | Event::DisplayMath(text)
            | Event::FootnoteReference(text) => self.text(&text),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { .. } => {
                self.open("<b>");
                self.heading = true;
            }
            Tag::Strong if !self.heading => self.open("<b>"),
            Tag::Emphasis => self.open("<i>"),
            Tag::Strikethrough => self.open("<s>"),
            Tag::BlockQuote(_) => {
                if self.quotes == 0 {
                    self.open("<blockquote>");
                }
                self.quotes += 1;
            }
            Tag::CodeBlock(kind) => {
                let language = match &kind {
                    CodeBlockKind::Fenced(info) => info.split_whitespace().next().unwrap_or_default(),
                    CodeBlockKind::Indented => "",
                };
                if language.is_empty() {
                    self.open("<pre>");
                } else {
                    self.open(&format!("<pre><code class=\"language-{}\">", escaped(language)));
                }
            }
            Tag::List(first) => {
                self.want(usize::from(!self.lists.is_empty()));
                self.lists.push(first);
            }
            Tag::Item => self.item(),
            Tag::Link { dest_url, id, .. } | Tag::Image { dest_url, id, .. } => {
                self.used.insert(id.to_string());
                self.flush();
                self.links.push((self.out.len(), dest_url.to_string()));
            }
            Tag::Table(_) => self.table = Some(Table::default()),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock => self.block_ends(),
            TagEnd::Heading(_) => {
                self.heading = false;
                self.close("</b>");
                self.block_ends();
            }
            TagEnd::Strong if !self.heading => self.close("</b>"),
            TagEnd::Emphasis => self.close("</i>"),
            TagEnd::Strikethrough => self.close("</s>"),
            TagEnd::BlockQuote(_) => {
                self.quotes = self.quotes.saturating_sub(1);
                if self.quotes == 0 {
                    self.close("</blockquote>");
                }
                self.block_ends();
            }
            TagEnd::CodeBlock => {
                while self.out.ends_with('\n') {
                    self.out.pop();
                }
                let start = self.out.rfind("<pre>").unwrap_or(0);
                let named = self.out[start..].starts_with("<pre><code");
                self.close(if named { "</code></pre>" } else { "</pre>" });
                self.block_ends();
            }
            TagEnd::List(_) => {
                self.lists.pop();
                self.block_ends();
            }
            TagEnd::Item => self.want(1),
            TagEnd::Link | TagEnd::Image => self.link_ends(),
            TagEnd::TableCell => {
                if let Some(table) = &mut self.table {
                    table.end_cell();
                }
            }
            TagEnd::TableRow | TagEnd::TableHead => {
                if let Some(table) = &mut self.table {
                    table.end_row();
                }
            }
            TagEnd::Table => {
                if let Some(table) = self.table.take() {
                    self.open("<pre>");
                    self.text(&table.finish());
                    self.close("</pre>");
                    self.block_ends();
                }
            }
            _ => {}
        }
    }

    /// Begins a list item.
    fn item(&mut self) {
        let depth = self.lists.len().saturating_sub(1);
        let mark = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{}. ", number.saturating_sub(1))
            }
            _ => "• ".to_owned(),
        };
        // Breaks come before the indent; a mark alone is nothing that anybody would want to see.
        self.flush();
        self.out.push_str(&"  ".repeat(depth));
        self.out.push_str(&mark);
    }

    fn link_ends(&mut self) {
        let Some((start, to)) = self.links.pop() else { return };
        if let Some(table) = &mut self.table {
            table.text(&format!(" ({to})"));
            return;
        }
        let text = self.out.split_off(start);
        let target = escaped(&to);
        if text.trim().is_empty() {
            self.text(&to);
        } else if text == target || to.strip_prefix("mailto:").is_some_and(|mail| escaped(mail) == text) {
            // Clients make links of these by themselves.
            self.out.push_str(&text);
        } else if self.links.is_empty() && can_lead(&to) {
            self.out.push_str(&format!("<a href=\"{target}\">{text}</a>"));
        } else {
            self.out.push_str(&text);
            if !to.is_empty() {
                self.out.push_str(&format!(" ({target})"));
            }
        }
    }

    fn more_cells(&mut self, source: &str) {
        let Some(table) = &mut self.table else { return };
        for cell in source.split('|').map(str::trim).filter(|cell| !cell.is_empty()) {
            table.text(cell);
            table.end_cell();
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(table) = &mut self.table {
            table.text(text);
            return;
        }
        if text.is_empty() {
            return;
        }
        self.flush();
        self.visible |= !text.trim().is_empty();
        escape(text, &mut self.out);
    }

    fn open(&mut self, tag: &str) {
        if self.table.is_none() {
            self.flush();
            self.out.push_str(tag);
        }
    }

    fn close(&mut self, tag: &str) {
        if self.table.is_none() {
            self.out.push_str(tag);
        }
    }

    fn block_ends(&mut self) {
        self.want(if self.lists.is_empty() { 2 } else { 1 });
    }

    fn want(&mut self, breaks: usize) {
        self.gap = self.gap.max(breaks);
    }

    /// Writes the breaks that are due. None at the very beginning, and none right after a quote has begun.
    fn flush(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("<blockquote>") {
            self.out.extend(std::iter::repeat_n('\n', self.gap));
        }
        self.gap = 0;
    }
}

/// Whether Telegram makes a link of such an address; it silently drops all others.
fn can_lead(to: &str) -> bool {
    let to = to.to_ascii_lowercase();
    ["http://", "https://", "tg://", "mailto:", "tel:"].iter().any(|scheme| to.starts_with(scheme))
}

fn is_break(html: &str) -> bool {
    let inside = html.trim().strip_prefix("<br").and_then(|rest| rest.strip_suffix('>'));
    inside.is_some_and(|rest| rest.trim_matches([' ', '/']).is_empty())
}

#[cfg(test)]
#[path = "markup_tests.rs"]
mod tests;
