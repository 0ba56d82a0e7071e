//! Sections of a markdown file: a heading and what follows it, up to the next heading of its level or above.

use std::ops::Range;

/// A heading, with where its section lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section<'a> {
    pub(super) level: usize,
    pub(super) title: &'a str,
    /// From the heading to the end.
    pub(super) range: Range<usize>,
}

/// All sections, in order. Headings inside fenced blocks are none.
pub(super) fn sections(text: &str) -> Vec<Section<'_>> {
    let mut found: Vec<Section<'_>> = Vec::new();
    let (mut at, mut fenced) = (0, false);
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        if trimmed.starts_with("```") || trimmed.starts_with("~~~") {
            fenced = !fenced;
        } else if !fenced && let Some((level, title)) = heading(trimmed) {
            for section in found.iter_mut().filter(|section| section.range.end == text.len()) {
                if section.level >= level {
                    section.range.end = at;
                }
            }
            found.push(Section { level, title, range: at..text.len() });
        }
        at += line.len();
    }
    found
}

fn heading(line: &str) -> Option<(usize, &str)> {
    let title = line.trim_start_matches('#');
    let level = line.len() - title.len();
    let title = title.strip_prefix(' ')?.trim();
    (1..=6).contains(&level).then_some((level, title))
}

/// The section of that title, `#` marks and letter case left out of account; the error says why it cannot be told.
pub(super) fn find<'a>(text: &'a str, title: &str) -> Result<Option<Section<'a>>, String> {
    let wanted = title.trim().trim_start_matches('#').trim();
    let fits = |section: &Section<'_>| section.title.to_lowercase() == wanted.to_lowercase();
    let mut found = sections(text).into_iter().filter(fits);
    let first = found.next();
    match found.next() {
        Some(_) => Err(format!("there are several sections “{wanted}”; change the file with edit_file")),
        None => Ok(first),
    }
}

/// `text` with the section replaced by `body` under its heading, taken out where `body` is empty, or added at the end where
/// it is new.
pub(super) fn replaced(text: &str, title: &str, body: &str) -> Result<String, String> {
    let body = body.trim();
    let title = title.trim().trim_start_matches('#').trim();
    let (before, heading, after) = match find(text, title)? {
        Some(section) => {
            let whole = &text[section.range.clone()];
            let heading = whole.lines().next().unwrap_or_default().trim_end().to_owned();
            (&text[..section.range.start], heading, &text[section.range.end..])
        }
        None if body.is_empty() => return Err(format!("there is no section “{title}” to take out")),
        None => (text, format!("## {title}"), ""),
    };
    // A model often repeats the heading.
    let body = match body.lines().next().and_then(|line| self::heading(line.trim())) {
        Some((_, first)) if first.to_lowercase() == title.to_lowercase() => {
            body.split_once('\n').map_or("", |(_, rest)| rest).trim()
        }
        _ => body,
    };
    let section = if body.is_empty() { String::new() } else { format!("{heading}\n\n{body}") };
    let parts = [before.trim_end(), &section, after.trim()];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.trim().is_empty()).collect();
    Ok(if parts.is_empty() { String::new() } else { format!("{}\n", parts.join("\n\n")) })
}
