//! The outside world of this program: processes, the environment, the clock.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::report::Verdict;

/// How commands run here.
#[derive(Debug)]
pub(crate) struct Shell {
    /// The workspace's root; every command runs in it.
    pub(crate) root: PathBuf,
    /// `CI=true`: nothing may be skipped, and what is missing may be installed.
    pub(crate) ci: bool,
    /// Whether missing programs may be installed: asked for by `--install`, or CI.
    pub(crate) may_install: bool,
}

impl Shell {
    #[expect(clippy::disallowed_methods, reason = "CI=true is how every CI service announces itself")]
    pub(crate) fn from_environment(install: bool) -> Self {
        let ci = std::env::var("CI").is_ok_and(|value| value == "true" || value == "1");
        Self { root: root(), ci, may_install: ci || install }
    }

    /// A command in the workspace's root.
    ///
    /// `cargo run` describes *this* package in the environment. Build scripts such as ring's watch those variables,
    /// so a child cargo that inherited them would compile ring again after each `cargo build` by hand.
    pub(crate) fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.root).stdin(Stdio::null());
        #[expect(
            clippy::disallowed_methods,
            reason = "a tool of the developers: it hands its environment on"
        )]
        let inherited = std::env::vars_os();
        for (name, _) in inherited {
            if describes_this_package(&name) {
                command.env_remove(name);
            }
        }
        command
    }

    /// Runs a command whose output the reader should see, and turns its exit into a verdict.
    ///
    /// Both of its streams go to our standard output: one stream keeps the order, also through a pipe.
    pub(crate) fn show(&self, program: &str, args: &[&str]) -> Result<Verdict> {
        println!("$ {program} {}", args.join(" "));
        Ok(verdict(one_stream(&mut self.command(program, args))?.wait()?))
    }

    /// The same for a command made by [`Shell::command`], ended when `limit` has passed.
    pub(crate) fn show_within(command: &mut Command, limit: Duration) -> Result<Verdict> {
        let watch = Stopwatch::start();
        let mut child = one_stream(command)?;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(verdict(status));
            }
            if watch.elapsed() > limit {
                child.kill()?;
                child.wait()?;
                return Ok(Verdict::Failed(format!("did not end within {} s", limit.as_secs())));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Standard output of a command that must succeed.
    pub(crate) fn read(&self, program: &str, args: &[&str]) -> Result<String> {
        let output =
            self.command(program, args).output().with_context(|| format!("`{program}` cannot be started"))?;
        if !output.status.success() {
            bail!(
                "`{program} {}` failed: {}",
                args.join(" "),
                String::from_utf8_lossy(&output.stderr).trim_end()
            );
        }
        String::from_utf8(output.stdout)
            .with_context(|| format!("`{program}` printed something else than text"))
    }

    /// Whether a command can be started and succeeds; it is silent.
    pub(crate) fn works(&self, program: &str, args: &[&str]) -> bool {
        let mut command = self.command(program, args);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

/// The workspace's root, known when this program was compiled.
pub(crate) fn root() -> PathBuf {
    let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest_dir.parent().unwrap_or(manifest_dir).to_path_buf()
}

fn describes_this_package(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}

fn one_stream(command: &mut Command) -> Result<Child> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdout(std::io::stdout()).stderr(std::io::stdout());
    command.spawn().with_context(|| format!("`{program}` cannot be started"))
}

fn verdict(status: ExitStatus) -> Verdict {
    if status.success() { Verdict::Passed } else { Verdict::Failed(status.to_string()) }
}

/// Time since a moment, for the report and for limits.
#[derive(Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "a developer's tool measures real time; no test depends on it"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell() -> Shell {
        Shell { root: root(), ci: false, may_install: false }
    }

    #[test]
    fn failing_command_is_a_failed_verdict_with_its_status() {
        assert_eq!(shell().show("true", &[]).unwrap(), Verdict::Passed);
        let Verdict::Failed(why) = shell().show("false", &[]).unwrap() else { panic!("must fail") };
        assert!(why.contains('1'), "{why}");
    }

    #[test]
    fn missing_program_is_named() {
        let error = shell().show("no-such-program-here", &[]).unwrap_err();
        assert!(format!("{error:#}").contains("no-such-program-here"));
        assert!(!shell().works("no-such-program-here", &[]));
    }

    #[test]
    fn command_past_its_limit_is_ended() {
        let mut command = shell().command("sleep", &["600"]);
        let verdict = Shell::show_within(&mut command, Duration::ZERO).unwrap();
        assert_eq!(verdict, Verdict::Failed("did not end within 0 s".into()));
    }

    #[test]
    fn children_do_not_inherit_the_description_of_this_package() {
        for (name, removed) in [
            ("CARGO_PKG_NAME", true),
            ("CARGO_MANIFEST_DIR", true),
            ("CARGO_TARGET_DIR", false),
            ("CARGO_HOME", false),
        ] {
            assert_eq!(describes_this_package(&name.into()), removed, "{name}");
        }
    }
}
