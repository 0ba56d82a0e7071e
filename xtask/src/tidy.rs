//! What no compiler checks: file sizes, crate documentation, left-over marks, required documents.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::report::Verdict;
use crate::shell::Shell;
use crate::workspace::Workspace;

/// Folders with code of ours. In them no file may outgrow [`MAX_LINES`].
const CODE: &[&str] = &["crates", "tests", "xtask"];

/// Folders and files with text of ours, read for left-over marks besides the code.
const TEXT: &[&str] = &[
    "docs",
    "deploy",
    "skills",
    ".ci",
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "config.example.toml",
];

/// A file beyond this has more than one subject: split it.
const MAX_LINES: usize = 450;
/// From here on the file is listed, so that the split can be planned.
const WARN_LINES: usize = 400;

/// What somebody who opens the repository must find.
const REQUIRED: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "config.example.toml",
    "docs",
];

/// Marks of unfinished work; in two pieces, so that this file does not accuse itself.
const MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Endings of the files that are read for marks; data such as recorded transcripts is not ours to judge.
const READ_FOR_MARKS: &[&str] = &["rs", "toml", "sql", "md", "sh", "yml", "yaml", "service"];

/// The step: problems fail it, warnings are printed and counted.
pub(crate) fn step(shell: &Shell) -> Result<Verdict> {
    let mut found = scan(&shell.root)?;
    for member in &Workspace::read(shell)?.members {
        let folder = member.manifest.parent().context("a manifest stands in a folder")?;
        found.problems.extend(undocumented(&folder.join("src"))?);
    }
    for warning in &found.warnings {
        println!("warning: {warning}");
    }
    for problem in &found.problems {
        println!("{problem}");
    }
    Ok(match (found.problems.len(), found.warnings.len()) {
        (0, 0) => Verdict::Passed,
        (0, n) => Verdict::Noted(format!("{n} files grow long")),
        (n, _) => Verdict::Failed(format!("{n} found")),
    })
}

/// What one pass over the files found.
#[derive(Debug, Default)]
struct Found {
    problems: Vec<String>,
    warnings: Vec<String>,
}

fn scan(root: &Path) -> Result<Found> {
    let mut found = Found::default();
    for name in REQUIRED {
        let path = root.join(name);
        let there = if path.is_dir() { fs::read_dir(&path)?.next().is_some() } else { path.is_file() };
        if !there {
            found.problems.push(format!("{name} is missing"));
        }
    }
    for (folders, is_code) in [(CODE, true), (TEXT, false)] {
        for folder in folders {
            for path in files(&root.join(folder))? {
                let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
                judge(&mut found, &path, &shown, is_code)?;
            }
        }
    }
    Ok(found)
}

fn judge(found: &mut Found, path: &Path, shown: &str, is_code: bool) -> Result<()> {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let script = shown.starts_with(".ci");
    if !script && !READ_FOR_MARKS.contains(&ending) {
        return Ok(());
    }
    let text = fs::read_to_string(path).with_context(|| format!("{shown} cannot be read as text"))?;
    for (index, line) in text.lines().enumerate() {
        if let Some(mark) = MARKS.iter().find(|mark| has_word(line, mark)) {
            found.problems.push(format!("{shown}:{}: `{mark}`: finish it, or open an issue", index + 1));
        }
    }
    let lines = text.lines().count();
    if is_code && matches!(ending, "rs" | "sql") {
        if lines > MAX_LINES {
            found
                .problems
                .push(format!("{shown} has {lines} lines, more than {MAX_LINES}: split it by subject"));
        } else if lines > WARN_LINES {
            found.warnings.push(format!("{shown} has {lines} lines, and {MAX_LINES} are allowed"));
        }
    }
    Ok(())
}

/// Whether `word` stands in `line` as a word of its own.
fn has_word(line: &str, word: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word)
        .any(|(start, _)| !line[..start].ends_with(inside) && !line[start + word.len()..].starts_with(inside))
}

/// The roots of a crate that do not start with its documentation.
fn undocumented(src: &Path) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for name in ["lib.rs", "main.rs"] {
        let path = src.join(name);
        if !path.is_file() {
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        let documented = text.lines().any(|line| line.starts_with("//! ") || line.starts_with("#![doc ="));
        if !documented {
            problems.push(format!("{} has no `//!` documentation: say what the crate is", path.display()));
        }
    }
    Ok(problems)
}

/// All files under `path` in a fixed order; a file is its own list, and what does not exist is empty.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut found = Vec::new();
    if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
        let mut entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        entries.sort();
        for entry in entries {
            found.extend(files(&entry)?);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree in which nothing is wrong, to which a case adds one file.
    fn tree_with(name: &str, text: &str) -> Found {
        let root = tempfile::tempdir().unwrap();
        for required in REQUIRED.iter().filter(|name| **name != "docs") {
            fs::write(root.path().join(required), "text\n").unwrap();
        }
        for (name, text) in [("docs/guide.md", "text\n"), (name, text)] {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        scan(root.path()).unwrap()
    }

    #[test]
    fn long_file_fails_and_a_growing_one_warns() {
        for (lines, problems, warnings) in [(400, 0, 0), (401, 0, 1), (450, 0, 1), (451, 1, 0)] {
            let found = tree_with("crates/a/src/long.rs", &"// a line\n".repeat(lines));
            assert_eq!(
                (found.problems.len(), found.warnings.len()),
                (problems, warnings),
                "{lines}: {found:?}"
            );
        }
    }

    #[test]
    fn recorded_data_may_be_long_and_say_anything() {
        let found = tree_with("crates/a/tests/recorded.json", &format!("{}\n", MARKS[0]).repeat(1_000));
        assert!(found.problems.is_empty(), "{found:?}");
    }

    #[test]
    fn mark_is_reported_with_file_and_line() {
        for name in ["crates/a/src/lib.rs", "docs/plan.md", ".ci/run", "xtask/Cargo.toml"] {
            let found = tree_with(name, &format!("fine\n# {}: later\n", MARKS[1]));
            assert_eq!(found.problems.len(), 1, "{name}: {found:?}");
            assert!(found.problems[0].starts_with(&format!("{name}:2: ")), "{}", found.problems[0]);
        }
    }

    #[test]
    fn mark_inside_a_word_is_none() {
        let mark = MARKS[2];
        for (line, expected) in [
            (format!("mktemp /tmp/a.{mark}{mark}"), false),
            (format!("\\u{mark}X"), false),
            (format!("MY_{mark}"), false),
            (format!("({mark})"), true),
            (mark.to_owned(), true),
        ] {
            assert_eq!(has_word(&line, mark), expected, "{line}");
        }
    }

    #[test]
    fn missing_documents_are_named() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("docs")).unwrap();
        let problems = scan(root.path()).unwrap().problems;
        assert_eq!(problems.len(), REQUIRED.len(), "an empty docs folder is missing too: {problems:?}");
    }

    #[test]
    fn crate_without_documentation_is_named() {
        for (text, expected) in [
            ("//! What it is.\n", 0),
            ("#![expect(x)]\n//! What it is.\n", 0),
            ("#![doc = include_str!(\"../README.md\")]\n", 0),
            ("// a comment only\npub fn f() {}\n", 1),
        ] {
            let src = tempfile::tempdir().unwrap();
            fs::write(src.path().join("lib.rs"), text).unwrap();
            assert_eq!(undocumented(src.path()).unwrap().len(), expected, "{text}");
        }
    }
}
