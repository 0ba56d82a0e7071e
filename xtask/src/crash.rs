//! `cargo xtask crash`: kills the gateway again and again under load, and counts what that cost.
//!
//! The work is done by `soak` in `tests/it`: fake platforms, a scripted model, 50 chats, 20 messages a second, three
//! turns in ten with a tool whose effect must not come twice. Here are the options and the builds.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::report::Verdict;
use crate::shell::Shell;

/// Kinds of channels, and all of them at once.
const CHANNELS: [&str; 6] = ["telegram", "discord", "slack", "email", "websocket", "all"];

/// Names the gateway's program to the tests.
const BINARY: &str = "FACTOTUM_BIN";

/// What the command line asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    kills: u32,
    seed: u64,
    channel: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { kills: 50, seed: 1, channel: "telegram".into() }
    }
}

impl Options {
    pub(crate) fn parse(arguments: &[&str]) -> Result<Self> {
        let mut options = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{argument} wants a value"));
            match *argument {
                "--kills" => options.kills = value()?.parse().context("--kills wants a number")?,
                "--seed" => options.seed = value()?.parse().context("--seed wants a number")?,
                "--channel" => {
                    let channel = *value()?;
                    if !CHANNELS.contains(&channel) {
                        bail!("--channel wants one of: {}", CHANNELS.join(", "));
                    }
                    channel.clone_into(&mut options.channel);
                }
                other => {
                    bail!("`{other}` is no option of `crash`; there are --kills N, --seed S, --channel KIND")
                }
            }
        }
        Ok(options)
    }
}

/// Builds, kills, counts; `false` when anything was lost, doubled without need, or mixed up.
pub(crate) fn run(shell: &Shell, options: &Options) -> Result<bool> {
    for args in [
        // As it is shipped: alone, with its own features.
        &["build", "--release", "--package", "factotum"][..],
        &["build", "--package", "it", "--bin", "soak"],
    ] {
        let built = shell.show("cargo", args)?;
        if built != Verdict::Passed {
            bail!("`cargo {}`: {built}", args.join(" "));
        }
    }
    let metadata = shell.read("cargo", &["metadata", "--format-version", "1", "--no-deps"])?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let target = metadata["target_directory"].as_str().context("cargo metadata names no target directory")?;
    let target = Path::new(target);
    let (kills, seed) = (options.kills.to_string(), options.seed.to_string());
    let soak = target.join("debug/soak");
    let mut command = shell.command(&soak.to_string_lossy(), &[&kills, &seed, &options.channel]);
    let status = command.env(BINARY, target.join("release/factotum")).status();
    let status = status.with_context(|| format!("{} cannot be started", soak.display()))?;
    match status.code() {
        Some(0) => {}
        Some(1) => return Ok(false),
        _ => bail!("the run was not finished: {status}"),
    }
    // `kill -9` is not the only way to be gone: one that is only stopped comes back. And jobs come due, summaries are
    // written, notes are merged meanwhile.
    let args = [
        "test",
        "--package",
        "it",
        "--test",
        "gateway_held_up",
        "--test",
        "jobs_killed",
        "--test",
        "compaction",
        "--test",
        "consolidation",
        "--",
        "--ignored",
    ];
    println!("$ cargo {}", args.join(" "));
    let held_up = shell.command("cargo", &args).env(BINARY, target.join("release/factotum")).status()?;
    Ok(held_up.success())
}

#[cfg(test)]
mod tests {
    use super::Options;

    #[test]
    fn options_are_read_and_mistakes_named() {
        let options = Options::parse(&["--kills", "200", "--channel", "all"]).unwrap();
        assert_eq!(options, Options { kills: 200, seed: 1, channel: "all".into() });
        for (wrong, part) in [
            (&["--kills"][..], "--kills"),
            (&["--kills", "many"], "number"),
            (&["--channel", "irc"], "telegram"),
            (&["--fast"], "--fast"),
        ] {
            let error = Options::parse(wrong).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
