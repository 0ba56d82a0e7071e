//! `cargo xtask`: every check that a change must pass, in one command that needs nothing but Rust.
//!
//! The work is in the modules: `check` runs the steps in order, `arrows` knows which crate may know which,
//! `tidy` reads the files as text, `provision` finds or installs the programs that the steps need, `bench` measures,
//! `crash` kills.
#![expect(clippy::print_stdout, reason = "a report on the terminal is what this program is for")]

mod arrows;
mod bench;
mod check;
mod crash;
mod examples;
mod litellm;
mod policy;
mod provision;
mod report;
mod shell;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::report::Verdict;
use crate::shell::Shell;

const HELP: &str = "\
Checks for the Factotum workspace.

Usage: cargo xtask <command>

Commands:
  check [--fast] [--install] [--only STEP]...
          Every step, in order; all run even when one fails. The tests come last, so that the
          last lines are the test runner's own summary. Exit status 1 when any step failed.
            --fast     leave out policy, documentation, doc tests, examples and litellm (refused where CI=true)
            --install  may install what is missing: cargo-deny by cargo, LiteLLM by pip, system packages by apt-get as root
            --only     run this step alone; may be given again. Steps: packages, format, lint, policy,
                       advisories, arrows, tidy, docs, doctests, examples, binary, litellm, tests
  arrows  Which crate may know which, and what the domain crates may pull in
  tidy    File sizes, crate documentation, left-over marks, required documents
  bench [NAME]... [--json] [--full] [--build-times]
          How fast and how small it is, each figure beside a reference of the same run; some minutes.
          A goal that is missed is said and fails nothing. Names:
%BENCHMARKS%            --json         one object in place of the table
            --full         more runs, and a history of a million messages
            --build-times  also a clean debug build and the test of one crate after a change
  crash [--kills N] [--seed S] [--channel KIND]
          Kills the gateway N times (50) at random moments under load, on a fake platform (telegram), and
          counts what was lost, doubled or mixed up. KIND is also discord, slack, email, websocket or all.
          Exit status 1 when anything was. Ends with one that is stopped for a minute and goes on.
  help    This text

With CI=true missing programs are installed, and a step that had to be skipped counts as failed.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Runs one command; `false` means that it ran and found something wrong.
fn dispatch(args: &[&str]) -> Result<bool> {
    match args {
        [] | ["help" | "--help" | "-h", ..] | [_, "--help" | "-h"] => {
            println!("{}", HELP.replace("%BENCHMARKS%", &bench::list()));
            Ok(true)
        }
        ["check", flags @ ..] => {
            let options = check::Options::parse(flags)?;
            check::run(&Shell::from_environment(options.install), &options)
        }
        ["bench", arguments @ ..] => {
            bench::run(&Shell::from_environment(false), &bench::Options::parse(arguments)?)
        }
        ["crash", arguments @ ..] => {
            crash::run(&Shell::from_environment(false), &crash::Options::parse(arguments)?)
        }
        ["arrows"] => alone("arrows", arrows::step),
        ["tidy"] => alone("tidy", tidy::step),
        [other, ..] => {
            bail!("`{other}` is no command, or has arguments it does not take; see `cargo xtask help`")
        }
    }
}

fn alone(name: &str, step: fn(&Shell) -> Result<Verdict>) -> Result<bool> {
    let verdict = step(&Shell::from_environment(false))?;
    println!("{name}: {verdict}");
    Ok(!verdict.fails(false))
}

#[cfg(test)]
mod tests {
    use super::dispatch;

    #[test]
    fn unknown_command_is_named_and_points_to_help() {
        for args in [&["chek"][..], &["tidy", "--fix"]] {
            let error = dispatch(args).unwrap_err().to_string();
            assert!(error.contains(args[0]) && error.contains("cargo xtask help"), "{error}");
        }
    }
}
