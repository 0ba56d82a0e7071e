//! Markdown as Discord shows it.
//!
//! Discord reads markdown itself, so a text stays what it is, except for what Discord does not know: tables become
//! aligned text in a code block, images links, headings below the third level bold lines, and `__bold__`, which Discord
//! would underline, `**bold**`.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// Most UTF-16 units of a part before its markup.
pub(super) const TEXT_LIMIT: usize = 1900;
/// Most that Discord takes of a bot. It counts characters, which are never more than UTF-16 units.
const DISCORD_LIMIT: usize = 2000;

/// `text` for Discord. Where what is added for looks would not fit, the plainer form is taken, at last the text itself.
pub(super) fn discord(text: &str) -> String {
    for aligned in [true, false] {
        let shown = rewrite(text, aligned);
        if shown.encode_utf16().count() <= DISCORD_LIMIT {
            return shown;
        }
    }
    text.to_owned()
}

fn rewrite(text: &str, aligned: bool) -> String {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let mut events = Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter();
    while let Some((event, range)) = events.next() {
        let source = &text[range.clone()];
        match event {
            Event::Start(Tag::Table(_)) => {
                // Cells without a column and the like are shown only in the source.
                let table = Some(align(&rows(&mut events))).filter(|table| aligned && keeps(source, table));
                let body = table.unwrap_or_else(|| source.trim_end().to_owned());
                // A fence in a cell would end ours.
                if !body.contains("```") {
                    let end = if source.ends_with('\n') { "\n" } else { "" };
                    edits.push((range, format!("```\n{body}\n```{end}")));
                }
            }
            Event::Start(Tag::Image { dest_url, .. }) => {
                let mut shown = String::new();
                for (event, _) in events.by_ref() {
                    match event {
                        Event::End(TagEnd::Image) => break,
                        Event::Text(text) | Event::Code(text) => shown.push_str(&text),
                        _ => {}
                    }
                }
                // Without a name, or where the address needs brackets, the address alone.
                let plain = shown.trim().is_empty() || dest_url.contains([' ', '(', ')', '<', '>']);
                let link = if plain { dest_url.to_string() } else { format!("[{shown}]({dest_url})") };
                if keeps(source, &link) {
                    edits.push((range, link));
                }
            }
            Event::Start(Tag::Strong) if source.starts_with("__") && source.ends_with("__") => {
                edits.push((range.start..range.start + 2, "**".into()));
                edits.push((range.end - 2..range.end, "**".into()));
            }
            Event::Start(Tag::Heading { level, .. })
                if level > HeadingLevel::H3 && source.starts_with('#') =>
            {
                let line = source.trim_end();
                let words = line.trim_start_matches('#').trim();
                if !words.is_empty() && !words.contains('*') {
                    edits.push((range.start..range.start + line.len(), format!("**{words}**")));
                    // What stands inside is part of the line already.
                    for (event, _) in events.by_ref() {
                        if matches!(event, Event::End(TagEnd::Heading(_))) {
                            break;
                        }
                    }
                }
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)) if !source.contains("```") => {
                // Discord knows only fenced ones.
                let start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
                let indent = text[start..range.start].chars().all(|c| c == ' ' || c == '\t');
                if indent {
                    edits.push((start..range.end, fence(source)));
                }
            }
            _ => {}
        }
    }
    edits.sort_by_key(|(range, _)| range.start);
    let (mut out, mut at) = (String::with_capacity(text.len() + 64), 0);
    for (range, new) in edits {
        // Nested ones lie inside what was replaced already.
        if range.start >= at {
            out.push_str(&text[at..range.start]);
            out.push_str(&new);
            at = range.end;
        }
    }
    out.push_str(&text[at..]);
    out
}

/// Whether nothing that can be read is lost.
fn keeps(source: &str, shown: &str) -> bool {
    let readable = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
    readable(source) == readable(shown)
}

fn fence(source: &str) -> String {
    let lines: Vec<&str> =
        source.trim_end().lines().map(|line| line.strip_prefix("    ").unwrap_or(line)).collect();
    let end = if source.ends_with('\n') { "\n" } else { "" };
    format!("```\n{}\n```{end}", lines.join("\n"))
}

/// The cells of a table, up to its end.
fn rows<'a>(events: &mut impl Iterator<Item = (Event<'a>, Range<usize>)>) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (event, _) in events.by_ref() {
        match event {
            Event::End(TagEnd::Table) => break,
            Event::Start(Tag::TableHead | Tag::TableRow) => rows.push(Vec::new()),
            Event::Start(Tag::TableCell) => {
                if let Some(row) = rows.last_mut() {
                    row.push(String::new());
                }
            }
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                // A code block shows no links: the address stands before its name.
                push(&mut rows, &format!("{dest_url} "));
            }
            Event::Text(text) | Event::Code(text) | Event::Html(text) | Event::InlineHtml(text) => {
                push(&mut rows, &text);
            }
            Event::SoftBreak | Event::HardBreak => push(&mut rows, " "),
            _ => {}
        }
    }
    rows
}

fn push(rows: &mut [Vec<String>], text: &str) {
    if let Some(cell) = rows.last_mut().and_then(|row| row.last_mut()) {
        cell.push_str(text);
    }
}

fn align(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = widths.iter().enumerate().map(|(at, width)| {
            let cell = row.get(at).map(String::as_str).unwrap_or_default();
            format!("{cell:width$}")
        });
        cells.collect::<Vec<_>>().join(" | ").trim_end().to_owned()
    };
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    lines.insert(1.min(lines.len()), rule.join("-|-"));
    lines.join("\n")
}

#[cfg(test)]
#[path = "markup_tests.rs"]
mod tests;
