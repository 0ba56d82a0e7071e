//! What may stand in the lock file: `cargo deny`, in a part that needs no network and a part that does.

use anyhow::Result;

use crate::provision;
use crate::report::Verdict;
use crate::shell::Shell;

/// cargo-deny leaves the clone to git, which would wait for ever on a line that is open and silent.
const FETCH: &[&str] =
    &["GIT_HTTP_LOW_SPEED_LIMIT=1", "GIT_HTTP_LOW_SPEED_TIME=30", "cargo", "deny", "fetch", "db"];

/// Licences, bans and sources: decided by the lock file and `deny.toml` alone.
pub(crate) fn offline(shell: &Shell) -> Result<Verdict> {
    match provision::cargo_tool(shell, &provision::DENY)? {
        Some(skip) => Ok(skip),
        None => shell.show("cargo", &["deny", "check", "bans", "licenses", "sources"]),
    }
}

/// Known vulnerabilities and yanked versions.
///
/// The database is a git repository on GitHub. Fetching is a step of its own, so that "the network is not there"
/// and "a dependency has a hole" cannot be mistaken for one another.
pub(crate) fn advisories(shell: &Shell) -> Result<Verdict> {
    if let Some(skip) = provision::cargo_tool(shell, &provision::DENY)? {
        return Ok(skip);
    }
    match shell.show("env", FETCH)? {
        Verdict::Passed => shell.show("cargo", &["deny", "check", "advisories"]),
        _ => Ok(Verdict::Unreachable("the advisory database (GitHub) cannot be fetched from here".into())),
    }
}
