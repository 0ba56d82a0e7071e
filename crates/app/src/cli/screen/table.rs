//! A table whose rows are all there.

use super::inline::{Inline, RESET};

/// Cells with their width in columns, or the line under the head.
enum Row {
    Cells(Vec<(String, usize)>),
    Rule,
}

/// Gives out the rows with their columns aligned.
pub(super) fn render(rows: &[String], out: &mut String) {
    let rows: Vec<Row> = rows.iter().map(|row| parse(row)).collect();
    let mut widths: Vec<usize> = Vec::new();
    for row in &rows {
        let Row::Cells(cells) = row else { continue };
        widths.resize(widths.len().max(cells.len()), 0);
        for (width, (_, cell)) in widths.iter_mut().zip(cells) {
            *width = (*width).max(*cell);
        }
    }
    for row in rows {
        match row {
            Row::Rule => {
                let lines: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
                out.push_str("\x1b[2m");
                out.push_str(&lines.join("──"));
                out.push_str(RESET);
            }
            Row::Cells(cells) => {
                let last = cells.len().saturating_sub(1);
                for (index, ((text, shown), width)) in cells.iter().zip(&widths).enumerate() {
                    out.push_str(text);
                    if index < last {
                        out.push_str(&" ".repeat(width - shown + 2));
                    }
                }
            }
        }
        out.push('\n');
    }
}

fn parse(row: &str) -> Row {
    let row = row.trim();
    let row = row.strip_prefix('|').unwrap_or(row);
    let row = row.strip_suffix('|').unwrap_or(row);
    if row.contains('-') && row.chars().all(|c| matches!(c, '-' | ':' | '|' | ' ')) {
        return Row::Rule;
    }
    Row::Cells(row.split('|').map(|cell| styled(cell.trim())).collect())
}

fn styled(cell: &str) -> (String, usize) {
    let (mut inline, mut text) = (Inline::default(), String::new());
    cell.chars().for_each(|c| inline.push(c, &mut text));
    inline.end(&mut text);
    (text, inline.width)
}
