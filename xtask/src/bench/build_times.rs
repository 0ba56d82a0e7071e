//! How long a contributor waits for the compiler.

use std::path::Path;

use anyhow::{Result, bail};

use super::figure::Figure;
use crate::report::Verdict;
use crate::shell::{Shell, Stopwatch};

/// The domain crate whose test is built anew, and one of its files.
const DOMAIN: (&str, &str) = ("session-api", "crates/session-api/src/lib.rs");

/// A clean debug build of the binary, and the test of one domain crate after a change in it.
pub(super) fn measure(shell: &Shell, scratch: &Path) -> Result<Vec<Figure>> {
    let target = scratch.join("clean-build");
    if target.exists() {
        std::fs::remove_dir_all(&target)?;
    }
    let target_arg = target.to_string_lossy().into_owned();
    let timed = |args: &[&str]| {
        let watch = Stopwatch::start();
        match shell.show("cargo", &[args, &["--target-dir", &target_arg]].concat())? {
            Verdict::Passed => Ok(watch.elapsed().as_secs_f64()),
            verdict => bail!("`cargo {}`: {verdict}", args.join(" ")),
        }
    };
    let clean = timed(&["build", "--package", "factotum"])?;
    let (package, file) = DOMAIN;
    let test = ["test", "--package", package, "--quiet"];
    timed(&test)?;
    // The same bytes once more: for cargo the time of writing counts.
    let file = shell.root.join(file);
    std::fs::write(&file, std::fs::read(&file)?)?;
    let again = timed(&test);
    std::fs::remove_dir_all(&target)?;
    Ok(vec![
        Figure::plain("a clean debug build of the binary", "s", clean, 240.0),
        Figure::plain("test of one domain crate after a change in it", "s", again?, 10.0),
    ])
}
