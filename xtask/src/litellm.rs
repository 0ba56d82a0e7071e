//! The three wire formats against a proxy of `LiteLLM`: another hand's idea of them, on loopback.

use std::time::Duration;

use anyhow::Result;

use crate::report::Verdict;
use crate::shell::Shell;

const SCRIPT: &str = "tests/servers/conformance/litellm.sh";
/// Below the workspace's root. Kept, since installing takes longer than the tests.
const ENVIRONMENT: &str = "target/conformance-litellm";
const PACKAGE: &str = "litellm[proxy]";
/// The script bounds the tests by itself; this bounds a proxy that does not come up.
const LIMIT: Duration = Duration::from_secs(900);

/// Runs the script in a Python environment that is kept; made where that is allowed, else the commands for it are named.
pub(crate) fn step(shell: &Shell) -> Result<Verdict> {
    let python = format!("{ENVIRONMENT}/bin/python");
    let there = || shell.works(&format!("{ENVIRONMENT}/bin/litellm"), &["--version"]);
    if !there() {
        let (make, install) = (
            ["-m", "venv", ENVIRONMENT],
            ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE],
        );
        if !shell.works("python3", &["--version"]) || !shell.may_install {
            return Ok(Verdict::Skipped(format!(
                "LiteLLM is missing: `python3 {} && {python} -m pip install '{PACKAGE}'`, or run this with --install",
                make.join(" ")
            )));
        }
        shell.show("python3", &make)?;
        shell.show(&python, &install)?;
        if !there() {
            return Ok(Verdict::Skipped(format!("{PACKAGE} could not be installed from PyPI")));
        }
    }
    // The flags of the other steps, so that nothing is compiled once more.
    let mut command = shell.command(SCRIPT, &[ENVIRONMENT, "--workspace", "--all-features"]);
    Shell::show_within(&mut command, LIMIT)
}
