//! A table as a block of even columns, since Telegram has none.

/// A table in the making.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    row: Vec<String>,
    cell: String,
}

impl Table {
    /// Adds to the open cell. A break would tear the row apart.
    pub(super) fn text(&mut self, text: &str) {
        self.cell.extend(text.chars().map(|c| if c == '\n' { ' ' } else { c }));
    }

    pub(super) fn end_cell(&mut self) {
        self.row.push(std::mem::take(&mut self.cell).trim().to_owned());
    }

    pub(super) fn end_row(&mut self) {
        self.rows.push(std::mem::take(&mut self.row));
    }

    /// The lines; the first row is the head.
    pub(super) fn finish(self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut lines = Vec::with_capacity(self.rows.len() + 1);
        for (index, row) in self.rows.iter().enumerate() {
            let cells = widths
                .iter()
                .enumerate()
                .map(|(column, width)| format!("{:width$}", row.get(column).map_or("", String::as_str)));
            lines.push(cells.collect::<Vec<_>>().join(" | ").trim_end().to_owned());
            if index == 0 {
                let rule = widths.iter().map(|width| "-".repeat(*width));
                lines.push(rule.collect::<Vec<_>>().join("-+-"));
            }
        }
        lines.join("\n")
    }
}
