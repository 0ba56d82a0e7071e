//! Dependency arrows: knowledge points inward only, and the domain stays free of runtimes, databases and HTTP.
//!
//! A wrong arrow is one line in a manifest that a reviewer overlooks; the table in `arrows/table.rs` does not.

mod table;
#[cfg(test)]
mod tests;

use anyhow::Result;

use self::table::{BANNED, CRATES, FOR_TESTS, Layer, Rule, TOKIO_FEATURES};
use crate::report::Verdict;
use crate::shell::Shell;
use crate::workspace::{Kind, Member, Workspace};

/// Where a person adds a row.
const TABLE: &str = "CRATES in xtask/src/arrows/table.rs";

/// The step: every wrong arrow is printed with its reason.
pub(crate) fn step(shell: &Shell) -> Result<Verdict> {
    let problems = violations(shell)?;
    for problem in &problems {
        println!("{problem}");
    }
    Ok(match problems.len() {
        0 => Verdict::Noted(format!("{} crates", CRATES.len())),
        n => Verdict::Failed(format!("{n} wrong")),
    })
}

/// All that is wrong in the real workspace.
fn violations(shell: &Shell) -> Result<Vec<String>> {
    let workspace = Workspace::read(shell)?;
    let mut problems = internal(&workspace, CRATES);
    for rule in CRATES.iter().filter(|rule| rule.layer == Layer::Domain) {
        // A crate that is gone has been reported above.
        if workspace.members.iter().any(|member| member.name == rule.name) {
            problems.extend(outside(rule.name, &tree(shell, rule.name)?));
        }
    }
    Ok(problems)
}

/// The normal dependency tree of one package as lines `name version|feature,feature`.
///
/// `cargo tree` rather than the `resolve` of `cargo metadata`: the latter shows features as the whole workspace
/// unites them, and there tokio always has a runtime. `--all-features` so that no optional dependency hides.
fn tree(shell: &Shell, package: &str) -> Result<String> {
    shell.read(
        "cargo",
        &[
            "tree",
            "--package",
            package,
            "--edges",
            "normal",
            "--all-features",
            "--prefix",
            "none",
            "--format",
            "{p}|{f}",
        ],
    )
}

/// Compares the manifests with the table.
fn internal(workspace: &Workspace, rules: &[Rule]) -> Vec<String> {
    let mut problems = Vec::new();
    for member in &workspace.members {
        match rules.iter().find(|rule| rule.name == member.name) {
            Some(rule) => problems.extend(wrong_arrows(member, rule, rules)),
            None => problems.push(format!(
                "`{}` ({}) is a new crate: add a row for it to {TABLE}",
                member.name,
                member.manifest.display()
            )),
        }
    }
    for rule in rules {
        if !workspace.members.iter().any(|member| member.name == rule.name) {
            problems.push(format!(
                "`{}` is no crate of the workspace any more: remove its row from {TABLE}",
                rule.name
            ));
        }
    }
    problems
}

fn wrong_arrows(member: &Member, rule: &Rule, rules: &[Rule]) -> Vec<String> {
    let mut problems = Vec::new();
    for (target, kind) in &member.internal {
        if allowed(rule, target, *kind) {
            continue;
        }
        let may_use = match rule.may_use {
            [] => "no crate of the workspace".to_owned(),
            names => format!("only {}", names.join(", ")),
        };
        problems.push(format!(
            "{}: `{}` → `{target}` ({} dependency) points the wrong way: `{}` may use {may_use}; {}",
            member.manifest.display(),
            rule.name,
            kind.word(),
            rule.name,
            reason(rule, target, rules)
        ));
    }
    problems
}

fn allowed(rule: &Rule, target: &str, kind: Kind) -> bool {
    let normal = rule.may_use.contains(&target);
    match kind {
        Kind::Normal => normal,
        // Nothing of ours writes code for a build script.
        Kind::Build => false,
        // A crate may name itself for its tests: that is how it turns on its own feature `contract`.
        Kind::Dev if target == rule.name => true,
        Kind::Dev => match rule.layer {
            Layer::Domain | Layer::Tooling => normal,
            Layer::Leaf => target == "servers",
            Layer::Adapter | Layer::App => normal || FOR_TESTS.contains(&target),
        },
    }
}

/// The wall that the arrow runs through, in one sentence.
fn reason(rule: &Rule, target: &str, rules: &[Rule]) -> &'static str {
    let target_layer = rules.iter().find(|other| other.name == target).map(|other| other.layer);
    match (rule.layer, target_layer) {
        (Layer::Adapter, Some(Layer::Adapter)) => "adapters do not know one another",
        (Layer::Domain, _) => "the domain points inward only",
        (Layer::Leaf, _) => "a leaf knows nothing of the workspace",
        (Layer::App, Some(Layer::Tooling)) => "test servers are for tests only",
        (_, Some(Layer::App)) => "only the binary knows all, and nothing knows it",
        _ => "see the table",
    }
}

/// What a domain crate must not pull in, found in its tree.
fn outside(package: &str, tree: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for line in tree.lines() {
        let (left, right) = line.split_once('|').unwrap_or((line, ""));
        let name = left.split_whitespace().next().unwrap_or_default();
        if BANNED.contains(&name) {
            problems.push(format!(
                "`{package}` is a domain crate and pulls in `{name}`; `cargo tree -p {package} --all-features -e normal -i {name}` shows how"
            ));
        }
        if name == "tokio" {
            // A node seen before is repeated with the mark `(*)`, with or without its features.
            let features =
                right.trim_end_matches("(*)").trim().split(',').filter(|feature| !feature.is_empty());
            let extra: Vec<_> = features.filter(|feature| !TOKIO_FEATURES.contains(feature)).collect();
            if !extra.is_empty() {
                problems.push(format!(
                    "`{package}` is a domain crate and turns on tokio's {}; it may have `sync` and `macros` only \
                     (`cargo tree -p {package} --all-features -e features,normal -i tokio` shows how)",
                    extra.join(", ")
                ));
            }
        }
    }
    problems.sort();
    problems.dedup();
    problems
}
