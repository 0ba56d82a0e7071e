//! One figure with its reference and its goal, and the table of all.

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

/// MiB that the stripped release binary may have at this stage.
const BINARY: f64 = 12.0;

/// What was measured. All numbers have the same unit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    pub(super) what: String,
    pub(super) unit: String,
    /// The median, or the one value there is.
    pub(super) value: f64,
    pub(super) p99: Option<f64>,
    /// What the same run measured beside it.
    pub(super) reference: Option<(String, f64)>,
    pub(super) at_most: Option<f64>,
    pub(super) at_least: Option<f64>,
    pub(super) note: String,
}

impl Figure {
    /// Reads a line of the program that measures.
    pub(crate) fn parse(line: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(line).with_context(|| format!("not a figure: {line}"))?;
        if let Some(error) = value["error"].as_str() {
            bail!("{error}");
        }
        let text = |key: &str| value[key].as_str().map(str::to_owned);
        let number = |key: &str| value[key].as_f64();
        Ok(Self {
            what: text("what").with_context(|| format!("not a figure: {line}"))?,
            unit: text("unit").unwrap_or_default(),
            value: number("value").with_context(|| format!("no value: {line}"))?,
            p99: number("p99"),
            reference: text("reference").zip(number("reference_value")),
            at_most: number("at_most"),
            at_least: number("at_least"),
            note: text("note").unwrap_or_default(),
        })
    }

    /// A figure without a reference: `what` should be at most `at_most`.
    pub(super) fn plain(what: &str, unit: &str, value: f64, at_most: f64) -> Self {
        Self {
            what: what.to_owned(),
            unit: unit.to_owned(),
            value,
            p99: None,
            reference: None,
            at_most: Some(at_most),
            at_least: None,
            note: String::new(),
        }
    }

    pub(super) fn binary_size(bytes: u64) -> Self {
        Self::plain("the stripped release binary", "MiB", bytes as f64 / f64::from(1 << 20), BINARY)
    }

    /// `met`, by how much it was missed, or nothing where there is no goal.
    fn verdict(&self) -> String {
        let missed = match (self.at_most, self.at_least) {
            (Some(most), _) if self.value > most => self.value - most,
            (_, Some(least)) if self.value < least => least - self.value,
            (None, None) => return String::new(),
            _ => return "met".into(),
        };
        let goal = self.at_most.or(self.at_least).unwrap_or_default();
        format!("missed by {} {} ({:.0} %)", number(missed), self.unit, 100.0 * missed / goal)
    }

    /// For `--json`.
    pub(super) fn json(&self, name: &str) -> Value {
        json!({
            "name": name,
            "what": self.what,
            "unit": self.unit,
            "value": self.value,
            "p99": self.p99,
            "reference": self.reference.as_ref().map(|(what, value)| json!({ "what": what, "value": value })),
            "ratio": self.reference.as_ref().map(|(_, value)| self.value / value),
            "at_most": self.at_most,
            "at_least": self.at_least,
            "met": (self.at_most.is_some() || self.at_least.is_some()).then(|| self.verdict() == "met"),
            "note": self.note,
        })
    }

    fn cells(&self, name: &str) -> [String; 7] {
        let unit = &self.unit;
        let value = match self.p99 {
            Some(p99) => format!("{} {unit}, p99 {}", number(self.value), number(p99)),
            None => format!("{} {unit}", number(self.value)),
        };
        let (reference, ratio) = match &self.reference {
            Some((what, reference)) => {
                (format!("{what}: {} {unit}", number(*reference)), format!("{:.2} x", self.value / reference))
            }
            None => (String::new(), String::new()),
        };
        let goal = match (self.at_most, self.at_least) {
            (Some(most), _) => format!("<= {} {unit}", number(most)),
            (None, Some(least)) => format!(">= {} {unit}", number(least)),
            (None, None) => String::new(),
        };
        [name.to_owned(), self.what.clone(), value, reference, ratio, goal, self.verdict()]
    }
}

/// As many digits as mean something.
fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        medium if medium >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

const HEAD: [&str; 7] =
    ["name", "what, on which data", "median", "reference of the same run", "ratio", "goal", ""];

/// All figures, one a row, each note in a line below.
pub(super) fn table(figures: &[(&str, Figure)]) -> String {
    let rows: Vec<[String; 7]> = figures.iter().map(|(name, figure)| figure.cells(name)).collect();
    let mut widths = HEAD.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String; 7]| {
        let padded: Vec<String> =
            cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let mut text = line(&HEAD.map(str::to_owned));
    for (row, (_, figure)) in rows.iter().zip(figures) {
        text += &line(row);
        if !figure.note.is_empty() {
            text += &format!("{:width$}  ({})\n", "", figure.note, width = widths[0]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(value: f64, at_most: Option<f64>, at_least: Option<f64>) -> Figure {
        Figure { at_most, at_least, ..Figure::plain("a turn", "ms", value, 0.0) }
    }

    #[test]
    fn a_goal_is_met_or_missed_by_so_much() {
        for (figure, expected) in [
            (figure(2.0, Some(2.0), None), "met"),
            (figure(2.5, Some(2.0), None), "missed by 0.50 ms (25 %)"),
            (figure(600.0, None, Some(600.0)), "met"),
            (figure(450.0, None, Some(600.0)), "missed by 150 ms (25 %)"),
            (figure(450.0, None, None), ""),
        ] {
            assert_eq!(figure.verdict(), expected, "{figure:?}");
        }
    }

    #[test]
    fn a_row_shows_value_reference_ratio_and_goal() {
        let line = r#"{"what":"a turn","unit":"ms","value":9.0,"p99":20.0,"reference":"2 x fsync","reference_value":6.0,
            "at_most":8.0,"at_least":null,"note":"on a slow disk"}"#;
        let text = table(&[("turn", Figure::parse(line).unwrap())]);
        for part in [
            "9.00 ms, p99 20.0",
            "2 x fsync: 6.00 ms",
            "1.50 x",
            "<= 8.00 ms",
            "missed by 1.00 ms",
            "(on a slow",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn an_error_of_the_program_is_told() {
        let error = Figure::parse(r#"{"error":"no answer"}"#).unwrap_err().to_string();
        assert_eq!(error, "no answer");
        assert!(Figure::parse("thread 'main' panicked").is_err());
    }
}
