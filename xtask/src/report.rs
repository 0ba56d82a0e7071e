//! What a step ended with, and the table of all of them.

use std::fmt;
use std::time::Duration;

/// The outcome of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Ran, and found nothing wrong.
    Passed,
    /// Ran, found nothing wrong, and has something to tell.
    Noted(String),
    /// Ran and found something; the details stand above the table.
    Failed(String),
    /// Could not run because something is missing that can be installed. In CI this is a failure.
    Skipped(String),
    /// Could not run because of the network alone, which nobody here can mend. No failure, but never silent.
    Unreachable(String),
    /// Not wanted: `--fast`.
    LeftOut,
}

impl Verdict {
    /// Whether this verdict makes the whole check fail.
    pub(crate) fn fails(&self, ci: bool) -> bool {
        match self {
            Self::Failed(_) => true,
            Self::Skipped(_) => ci,
            Self::Passed | Self::Noted(_) | Self::Unreachable(_) | Self::LeftOut => false,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => write!(f, "ok"),
            Self::Noted(note) => write!(f, "ok ({note})"),
            Self::Failed(why) => write!(f, "FAILED: {why}"),
            Self::Skipped(why) => write!(f, "SKIPPED: {why}"),
            Self::Unreachable(why) => write!(f, "NOT CHECKED: {why}"),
            Self::LeftOut => write!(f, "left out (--fast)"),
        }
    }
}

/// The rows so far, in the order in which the steps ran.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<(&'static str, Duration, Verdict)>,
}

impl Report {
    pub(crate) fn add(&mut self, name: &'static str, took: Duration, verdict: Verdict) {
        self.rows.push((name, took, verdict));
    }

    /// Names of the steps that make the check fail.
    pub(crate) fn failures(&self, ci: bool) -> Vec<&'static str> {
        self.rows.iter().filter(|(_, _, verdict)| verdict.fails(ci)).map(|(name, ..)| *name).collect()
    }

    /// The table: step, seconds, verdict; then one sentence that sums it up.
    pub(crate) fn render(&self, ci: bool) -> String {
        let width = self.rows.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
        let mut text = String::new();
        for (name, took, verdict) in &self.rows {
            let ci_note =
                if ci && matches!(verdict, Verdict::Skipped(_)) { " (a failure in CI)" } else { "" };
            text += &format!("  {name:width$}  {:>7.1} s  {verdict}{ci_note}\n", took.as_secs_f64());
        }
        let failed = self.failures(ci);
        text += &match failed.len() {
            0 => format!("  {} steps, none failed\n", self.rows.len()),
            n => format!("  {n} of {} steps FAILED: {}\n", self.rows.len(), failed.join(", ")),
        };
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::default();
        report.add("format", Duration::from_millis(1_240), Verdict::Passed);
        report.add("policy", Duration::ZERO, Verdict::Skipped("cargo-deny is missing".into()));
        report.add("advisories", Duration::ZERO, Verdict::Unreachable("no database".into()));
        report.add("docs", Duration::ZERO, Verdict::LeftOut);
        report
    }

    #[test]
    fn a_skip_fails_only_in_ci() {
        assert_eq!(report().failures(false), Vec::<&str>::new());
        assert_eq!(report().failures(true), ["policy"]);
    }

    #[test]
    fn table_shows_every_step_with_its_reason() {
        assert_eq!(
            report().render(true),
            "  format          1.2 s  ok\n\
             \x20 policy          0.0 s  SKIPPED: cargo-deny is missing (a failure in CI)\n\
             \x20 advisories      0.0 s  NOT CHECKED: no database\n\
             \x20 docs            0.0 s  left out (--fast)\n\
             \x20 1 of 4 steps FAILED: policy\n"
        );
        assert!(report().render(false).ends_with("  4 steps, none failed\n"));
    }

    #[test]
    fn failed_step_is_named_in_the_last_line() {
        let mut report = report();
        report.add("lint", Duration::ZERO, Verdict::Failed("exit status 101".into()));
        assert!(report.render(false).ends_with("  1 of 5 steps FAILED: lint\n"));
    }
}
