//! A figure with its reference and its goal.

use std::time::Duration;

use serde_json::{Value, json};

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
}

/// One row of the table. All numbers of a row have the same unit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    what: String,
    unit: &'static str,
    value: f64,
    p99: Option<f64>,
    reference: Option<(String, f64)>,
    goal: Option<Goal>,
    note: String,
}

impl Figure {
    /// `what` was measured, on which data.
    pub(crate) fn new(what: impl Into<String>, unit: &'static str, value: f64) -> Self {
        Self { what: what.into(), unit, value, p99: None, reference: None, goal: None, note: String::new() }
    }

    /// The median of `samples` in milliseconds, with the 99th percentile where there are enough of them.
    pub(crate) fn millis(what: impl Into<String>, samples: &Samples) -> Self {
        let mut figure = Self::new(what, "ms", samples.percentile(50));
        figure.p99 = (samples.len() >= 100).then(|| samples.percentile(99));
        figure
    }

    /// Beside what to read it.
    pub(crate) fn beside(mut self, what: impl Into<String>, value: f64) -> Self {
        self.reference = Some((what.into(), value));
        self
    }

    /// What it should be.
    pub(crate) fn goal(mut self, goal: Goal) -> Self {
        self.goal = Some(goal);
        self
    }

    /// More about it, for the line below.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// For xtask.
    pub(crate) fn json(&self) -> Value {
        let (at_most, at_least) = match self.goal {
            Some(Goal::AtMost(most)) => (Some(most), None),
            Some(Goal::AtLeast(least)) => (None, Some(least)),
            None => (None, None),
        };
        json!({
            "what": self.what,
            "unit": self.unit,
            "value": self.value,
            "p99": self.p99,
            "reference": self.reference.as_ref().map(|(what, _)| what),
            "reference_value": self.reference.as_ref().map(|(_, value)| value),
            "at_most": at_most,
            "at_least": at_least,
            "note": self.note,
        })
    }
}

/// Durations of one thing done many times, in milliseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn add(&mut self, took: Duration) {
        self.0.push(took.as_secs_f64() * 1_000.0);
    }

    pub(crate) fn append(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The smallest sample that `percent` of all do not exceed; 0 without samples.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (sorted.len() * percent).div_ceil(100);
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    pub(crate) fn median(&self) -> f64 {
        self.percentile(50)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples() {
        let mut samples = Samples::default();
        assert_eq!(samples.median(), 0.0);
        for millis in (1..=200).rev() {
            samples.add(Duration::from_millis(millis));
        }
        for (percent, expected) in [(0, 1.0), (1, 2.0), (50, 100.0), (99, 198.0), (100, 200.0)] {
            assert_eq!(samples.percentile(percent), expected, "{percent}");
        }
    }

    #[test]
    fn a_tail_is_shown_only_where_there_are_samples_for_it() {
        let mut samples = Samples::default();
        (0..99).for_each(|_| samples.add(Duration::from_millis(1)));
        assert_eq!(Figure::millis("x", &samples).json()["p99"], Value::Null);
        samples.add(Duration::from_millis(1));
        assert_eq!(Figure::millis("x", &samples).json()["p99"], 1.0);
    }
}
