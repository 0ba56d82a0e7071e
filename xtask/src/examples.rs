//! Examples are documentation that can rot, so each is built and run.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::report::Verdict;
use crate::shell::Shell;
use crate::workspace::Workspace;

/// An example shows one thing and ends; one that takes longer waits for something that is not there.
const LIMIT: Duration = Duration::from_secs(120);

/// A reader's own keys must neither be used up nor change what an example prints.
const KEYS: &[&str] = &["OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "ANTHROPIC_API_KEY"];

/// Builds all examples, then runs one after the other, each in a data directory of its own.
pub(crate) fn step(shell: &Shell) -> Result<Verdict> {
    let built = shell.show("cargo", &["build", "--workspace", "--examples", "--all-features"])?;
    if built != Verdict::Passed {
        return Ok(built);
    }
    let examples = Workspace::read(shell)?.examples();
    let mut failed = Vec::new();
    for (package, example) in &examples {
        let args = ["run", "--quiet", "--package", package, "--all-features", "--example", example];
        let home = shell.root.join("target/xtask/examples").join(example);
        if home.exists() {
            // What an earlier run left would let an example pass that fails on a fresh clone.
            std::fs::remove_dir_all(&home)
                .with_context(|| format!("{} cannot be emptied", home.display()))?;
        }
        std::fs::create_dir_all(&home).with_context(|| format!("{} cannot be made", home.display()))?;
        println!("$ cargo {}", args.join(" "));
        let mut command = shell.command("cargo", &args);
        command.env("FACTOTUM_HOME", &home);
        for key in KEYS {
            command.env_remove(key);
        }
        if let Verdict::Failed(why) = Shell::show_within(&mut command, LIMIT)? {
            failed.push(format!("{example}: {why}"));
        }
    }
    Ok(match failed.len() {
        0 => Verdict::Noted(format!("{} ran", examples.len())),
        _ => Verdict::Failed(failed.join("; ")),
    })
}
