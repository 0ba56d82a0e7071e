//! Programs that the checks need: found, installed where that is allowed, else named.

use anyhow::{Result, bail};

use crate::report::Verdict;
use crate::shell::Shell;

/// A package of the system's package manager (Debian's name) that a build or a test needs.
struct Package {
    name: &'static str,
    why: &'static str,
    /// A command that succeeds when the package is there.
    probe: &'static [&'static str],
}

/// The one table of system packages. Add a row when a test needs a program that Rust does not bring.
const PACKAGES: &[Package] = &[
    Package {
        name: "build-essential",
        why: "bundled SQLite and ring are compiled from C",
        probe: &["cc", "--version"],
    },
    Package {
        name: "dovecot-imapd",
        why: "the email channel is tested against a real mail server",
        probe: &["dovecot", "--version"],
    },
];

/// A subcommand of cargo that comes from crates.io.
pub(crate) struct CargoTool {
    /// The crate to install.
    pub(crate) krate: &'static str,
    /// The word after `cargo`.
    pub(crate) subcommand: &'static str,
}

/// Licences, bans, sources and advisories.
pub(crate) const DENY: CargoTool = CargoTool { krate: "cargo-deny", subcommand: "deny" };

/// Makes sure that `tool` works.
///
/// Returns `None` when it does, else the skip that the step ends with.
pub(crate) fn cargo_tool(shell: &Shell, tool: &CargoTool) -> Result<Option<Verdict>> {
    let there = || shell.works("cargo", &[tool.subcommand, "--version"]);
    if there() {
        return Ok(None);
    }
    let install = ["install", "--locked", tool.krate];
    if shell.may_install {
        shell.show("cargo", &install)?;
        if there() {
            return Ok(None);
        }
        return Ok(Some(Verdict::Skipped(format!("{} is missing and could not be installed", tool.krate))));
    }
    Ok(Some(Verdict::Skipped(format!(
        "{} is missing: `cargo {}`, or run this with --install",
        tool.krate,
        install.join(" ")
    ))))
}

/// The step: every row of the table is probed; what is missing is installed, or the command for it is printed.
pub(crate) fn step(shell: &Shell) -> Result<Verdict> {
    ensure(shell, PACKAGES)
}

fn ensure(shell: &Shell, packages: &[Package]) -> Result<Verdict> {
    let missing = || packages.iter().filter(|package| !present(shell, package)).collect::<Vec<_>>();
    let wanted = missing();
    if wanted.is_empty() {
        return Ok(Verdict::Passed);
    }
    for package in &wanted {
        println!("{} is missing: {}", package.name, package.why);
    }
    let mut install = vec!["install", "-y"];
    install.extend(wanted.iter().map(|package| package.name));
    if shell.may_install && is_root(shell)? {
        shell.show("apt-get", &install)?;
        if missing().is_empty() {
            return Ok(Verdict::Passed);
        }
    }
    Ok(Verdict::Skipped(format!("install by hand: `apt-get {}`", install.join(" "))))
}

fn present(shell: &Shell, package: &Package) -> bool {
    match package.probe {
        [program, args @ ..] => shell.works(program, args),
        [] => false,
    }
}

fn is_root(shell: &Shell) -> Result<bool> {
    match shell.read("id", &["-u"])?.trim() {
        "" => bail!("`id -u` printed nothing"),
        uid => Ok(uid == "0"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn careful() -> Shell {
        Shell { root: crate::shell::root(), ci: false, may_install: false }
    }

    #[test]
    fn present_packages_pass_and_missing_ones_are_named_with_the_command() {
        let table = [
            Package { name: "coreutils", why: "is there", probe: &["true"] },
            Package {
                name: "moon-cheese",
                why: "is not there",
                probe: &["no-such-program-here", "--version"],
            },
        ];
        assert_eq!(ensure(&careful(), &table[..1]).unwrap(), Verdict::Passed);
        assert_eq!(
            ensure(&careful(), &table).unwrap(),
            Verdict::Skipped("install by hand: `apt-get install -y moon-cheese`".into())
        );
    }

    #[test]
    fn missing_cargo_tool_is_a_skip_that_says_how_to_get_it() {
        let tool = CargoTool { krate: "cargo-moon-cheese", subcommand: "moon-cheese" };
        let Some(Verdict::Skipped(why)) = cargo_tool(&careful(), &tool).unwrap() else {
            panic!("must be a skip")
        };
        assert!(why.contains("cargo install --locked cargo-moon-cheese"), "{why}");
    }

    #[test]
    fn every_package_says_why_and_can_be_probed() {
        for package in PACKAGES {
            assert!(!package.why.is_empty() && !package.probe.is_empty(), "{}", package.name);
        }
    }
}
