//! `cargo xtask check`: the steps, their order, and the one exit status.

use anyhow::{Result, bail};

use crate::report::{Report, Verdict};
use crate::shell::{Shell, Stopwatch};
use crate::{arrows, examples, policy, provision, tidy};

/// What the command line asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) fast: bool,
    pub(crate) install: bool,
}

impl Options {
    pub(crate) fn parse(flags: &[&str]) -> Result<Self> {
        let mut options = Self::default();
        for flag in flags {
            match *flag {
                "--fast" => options.fast = true,
                "--install" => options.install = true,
                other => bail!("`{other}` is no option of `check`; there are --fast and --install"),
            }
        }
        Ok(options)
    }
}

/// When a step runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    /// Left out by `--fast`.
    Full,
}

struct Step {
    name: &'static str,
    when: When,
    run: fn(&Shell) -> Result<Verdict>,
}

/// Every step but the tests, which come last because their summary must be the last thing on the screen.
const STEPS: &[Step] = &[
    Step { name: "system packages", when: When::Always, run: provision::step },
    Step {
        name: "format",
        when: When::Always,
        run: |shell| shell.show("cargo", &["fmt", "--all", "--check"]),
    },
    Step { name: "lint", when: When::Always, run: lint },
    Step { name: "licences, bans, sources", when: When::Full, run: policy::offline },
    Step { name: "advisories", when: When::Full, run: policy::advisories },
    Step { name: "arrows", when: When::Always, run: arrows::step },
    Step { name: "tidy", when: When::Always, run: tidy::step },
    Step { name: "documentation", when: When::Full, run: documentation },
    Step {
        name: "doc tests",
        when: When::Full,
        run: |shell| shell.show("cargo", &["test", "--workspace", "--all-features", "--doc", "--quiet"]),
    },
    Step { name: "examples", when: When::Full, run: examples::step },
    // The end-to-end tests drive this file as a user would, so it is built as it is shipped: alone, with its own features.
    Step {
        name: "binary",
        when: When::Always,
        run: |shell| shell.show("cargo", &["build", "--package", "factotum"]),
    },
];

/// Runs everything; `false` when any step failed.
pub(crate) fn run(shell: &Shell, options: &Options) -> Result<bool> {
    if options.fast && shell.ci {
        bail!("--fast leaves steps out, and with CI=true nothing may be left out");
    }
    let whole = Stopwatch::start();
    let mut report = Report::default();
    for step in STEPS {
        heading(step.name);
        let watch = Stopwatch::start();
        let verdict = if options.fast && step.when == When::Full {
            Verdict::LeftOut
        } else {
            // A step that cannot even start must not hide what the others would find.
            (step.run)(shell).unwrap_or_else(|error| Verdict::Failed(format!("{error:#}")))
        };
        let took = watch.elapsed();
        println!("{}: {verdict} ({:.1} s)", step.name, took.as_secs_f64());
        report.add(step.name, took, verdict);
    }
    let failed = report.failures(shell.ci);
    heading("summary of everything but the tests");
    print!("{}", report.render(shell.ci));
    println!(
        "  {:.1} s so far; the tests follow, and their own summary ends this output",
        whole.elapsed().as_secs_f64()
    );
    if !failed.is_empty() {
        println!("  whatever the tests say, the exit status will be 1");
    }
    heading("tests");
    Ok(!tests(shell)?.fails(shell.ci) && failed.is_empty())
}

fn heading(name: &str) {
    println!("\n===== {name} =====");
}

fn lint(shell: &Shell) -> Result<Verdict> {
    shell.show("cargo", &["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"])
}

fn documentation(shell: &Shell) -> Result<Verdict> {
    // `env` sets it for this command alone: in the environment of the others it would build the doc tests anew.
    shell.show(
        "env",
        &["RUSTDOCFLAGS=-D warnings", "cargo", "doc", "--workspace", "--no-deps", "--all-features"],
    )
}

fn tests(shell: &Shell) -> Result<Verdict> {
    if shell.works("cargo", &["nextest", "--version"]) {
        return shell.show("cargo", &["nextest", "run", "--workspace", "--all-features", "--profile", "ci"]);
    }
    println!(
        "cargo-nextest is not installed, so `cargo test` runs them: without a time limit for a test that hangs"
    );
    // The targets are named because doc tests have their own step.
    shell.show(
        "cargo",
        &["test", "--workspace", "--all-features", "--no-fail-fast", "--lib", "--bins", "--tests"],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_in_any_order_and_others_refused() {
        assert_eq!(Options::parse(&[]).unwrap(), Options::default());
        assert_eq!(Options::parse(&["--install", "--fast"]).unwrap(), Options { fast: true, install: true });
        assert!(Options::parse(&["--quick"]).unwrap_err().to_string().contains("--quick"));
    }

    #[test]
    fn fast_is_refused_in_ci_before_anything_runs() {
        let shell = Shell { root: crate::shell::root(), ci: true, may_install: false };
        let error = run(&shell, &Options { fast: true, install: false }).unwrap_err();
        assert!(error.to_string().contains("CI=true"), "{error}");
    }

    #[test]
    fn every_step_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = STEPS.iter().map(|step| step.name).collect();
        assert_eq!(names.len(), STEPS.len());
    }
}
