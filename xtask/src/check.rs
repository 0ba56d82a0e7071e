//! `cargo xtask check`: the steps, their order, and the one exit status.

use anyhow::{Result, bail};

use crate::report::{Report, Verdict};
use crate::shell::{Shell, Stopwatch};
use crate::{arrows, examples, litellm, policy, provision, tidy};

/// What the command line asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) fast: bool,
    pub(crate) install: bool,
    /// Names of the steps to run; empty means all.
    pub(crate) only: Vec<String>,
}

impl Options {
    pub(crate) fn parse(flags: &[&str]) -> Result<Self> {
        let mut options = Self::default();
        let mut flags = flags.iter();
        while let Some(flag) = flags.next() {
            match *flag {
                "--fast" => options.fast = true,
                "--install" => options.install = true,
                "--only" => match flags.next() {
                    Some(name) if names().any(|known| known == *name) => {
                        options.only.push((*name).to_owned());
                    }
                    _ => bail!("--only wants one of: {}", names().collect::<Vec<_>>().join(", ")),
                },
                other => bail!("`{other}` is no option of `check`; there are --fast, --install, --only STEP"),
            }
        }
        Ok(options)
    }

    /// Whether the step `name` was asked for.
    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }
}

/// The last step: its summary must be the last thing on the screen, so it stands outside the table.
const TESTS: &str = "tests";

fn names() -> impl Iterator<Item = &'static str> {
    STEPS.iter().map(|step| step.name).chain([TESTS])
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

/// Every step but the tests, in the order in which they run.
const STEPS: &[Step] = &[
    Step { name: "packages", when: When::Always, run: provision::step },
    Step {
        name: "format",
        when: When::Always,
        run: |shell| shell.show("cargo", &["fmt", "--all", "--check"]),
    },
    Step { name: "lint", when: When::Always, run: lint },
    Step { name: "policy", when: When::Full, run: policy::offline },
    Step { name: "advisories", when: When::Full, run: policy::advisories },
    Step { name: "arrows", when: When::Always, run: arrows::step },
    Step { name: "tidy", when: When::Always, run: tidy::step },
    Step { name: "docs", when: When::Full, run: documentation },
    Step {
        name: "doctests",
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
    Step { name: "litellm", when: When::Full, run: litellm::step },
];

/// Runs what is wanted; `false` when any step failed.
pub(crate) fn run(shell: &Shell, options: &Options) -> Result<bool> {
    if shell.ci && (options.fast || !options.only.is_empty()) {
        bail!("--fast and --only leave steps out, and with CI=true nothing may be left out");
    }
    let whole = Stopwatch::start();
    let mut report = Report::default();
    for step in STEPS.iter().filter(|step| options.wants(step.name)) {
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
    heading("summary");
    print!("{}", report.render(shell.ci));
    println!("  {:.1} s", whole.elapsed().as_secs_f64());
    let sound = report.failures(shell.ci).is_empty();
    if !options.wants(TESTS) {
        return Ok(sound);
    }
    println!("  The tests follow; their own summary ends this output.");
    if !sound {
        println!("  Whatever they say, the exit status will be 1.");
    }
    heading(TESTS);
    Ok(!tests(shell)?.fails(shell.ci) && sound)
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
    fn options_are_read_in_any_order() {
        assert_eq!(Options::parse(&[]).unwrap(), Options::default());
        assert_eq!(
            Options::parse(&["--only", "tidy", "--install", "--only", "tests", "--fast"]).unwrap(),
            Options { fast: true, install: true, only: vec!["tidy".into(), "tests".into()] }
        );
    }

    #[test]
    fn unknown_option_and_unknown_step_are_named() {
        for (flags, named) in [
            (&["--quick"][..], "--quick"),
            (&["--only"][..], "one of: packages, format, lint"),
            (&["--only", "lunch"][..], "doctests, examples, binary, litellm, tests"),
        ] {
            let error = Options::parse(flags).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn nothing_may_be_left_out_in_ci() {
        let shell = Shell { root: crate::shell::root(), ci: true, may_install: false };
        for flags in [&["--fast"][..], &["--only", "tidy"][..]] {
            let error = run(&shell, &Options::parse(flags).unwrap()).unwrap_err();
            assert!(error.to_string().contains("CI=true"), "{error}");
        }
    }

    #[test]
    fn a_step_that_was_not_asked_for_does_not_run() {
        let only = Options::parse(&["--only", "tidy"]).unwrap();
        assert!(only.wants("tidy") && !only.wants("lint") && !only.wants(TESTS));
        assert!(names().all(|name| Options::default().wants(name)));
    }

    #[test]
    fn help_names_every_step() {
        for name in names() {
            assert!(crate::HELP.contains(name), "{name}");
        }
    }

    #[test]
    fn every_step_has_a_name_of_its_own() {
        let unique: std::collections::BTreeSet<_> = names().collect();
        assert_eq!(unique.len(), STEPS.len() + 1);
    }
}
