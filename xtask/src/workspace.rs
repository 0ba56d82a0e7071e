//! The workspace as `cargo metadata` describes it, reduced to what the checks ask.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::shell::Shell;

/// For what a dependency is compiled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Dev,
    Build,
}

impl Kind {
    /// The word for it in a message.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Dev => "dev",
            Self::Build => "build",
        }
    }
}

/// One crate of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) manifest: PathBuf,
    /// Dependencies on other crates of this workspace only.
    pub(crate) internal: Vec<(String, Kind)>,
    pub(crate) examples: Vec<String>,
}

/// All crates of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Workspace {
    pub(crate) members: Vec<Member>,
}

impl Workspace {
    pub(crate) fn read(shell: &Shell) -> Result<Self> {
        let text = shell.read("cargo", &["metadata", "--format-version", "1", "--no-deps"])?;
        Self::parse(&serde_json::from_str(&text)?)
    }

    /// Reads the answer of `cargo metadata --no-deps`, in which every package is a member.
    pub(crate) fn parse(metadata: &Value) -> Result<Self> {
        let members = list(metadata, "packages")?.iter().map(member).collect::<Result<Vec<_>>>()?;
        Ok(Self { members })
    }

    /// Pairs of package and example.
    pub(crate) fn examples(&self) -> Vec<(String, String)> {
        let of = |member: &Member| {
            let name = member.name.clone();
            member.examples.iter().map(move |example| (name.clone(), example.clone())).collect::<Vec<_>>()
        };
        self.members.iter().flat_map(of).collect()
    }
}

fn member(package: &Value) -> Result<Member> {
    let mut internal = Vec::new();
    for dependency in list(package, "dependencies")? {
        // Only path dependencies carry `path`, and all of ours are in the workspace. `name` is the package's name
        // even where the manifest renames it, so an alias hides nothing.
        if dependency.get("path").is_some_and(Value::is_string) {
            let kind = match dependency.get("kind").and_then(Value::as_str) {
                Some("dev") => Kind::Dev,
                Some("build") => Kind::Build,
                _ => Kind::Normal,
            };
            internal.push((text(dependency, "name")?, kind));
        }
    }
    let mut examples = Vec::new();
    for target in list(package, "targets")? {
        if list(target, "kind")?.iter().any(|kind| kind == "example") {
            examples.push(text(target, "name")?);
        }
    }
    Ok(Member {
        name: text(package, "name")?,
        manifest: text(package, "manifest_path")?.into(),
        internal,
        examples,
    })
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    value.get(key).and_then(Value::as_array).with_context(|| format!("cargo metadata has no list `{key}`"))
}

fn text(value: &Value, key: &str) -> Result<String> {
    let found = value.get(key).and_then(Value::as_str);
    Ok(found.with_context(|| format!("cargo metadata has no text `{key}`"))?.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_path_dependencies_are_internal_and_kinds_are_kept() {
        let metadata = json!({ "packages": [{
            "name": "tools", "manifest_path": "/w/crates/tools/Cargo.toml",
            "dependencies": [
                { "name": "serde", "kind": null, "path": null },
                { "name": "tool-api", "kind": null, "path": "/w/crates/tool-api", "rename": "t" },
                { "name": "servers", "kind": "dev", "path": "/w/tests/servers" },
                { "name": "session-api", "kind": "build", "path": "/w/crates/session-api" },
            ],
            "targets": [{ "name": "tools", "kind": ["lib"] }, { "name": "embed", "kind": ["example"] }],
        }]});
        let workspace = Workspace::parse(&metadata).unwrap();
        assert_eq!(
            workspace.members[0].internal,
            [
                ("tool-api".to_owned(), Kind::Normal),
                ("servers".to_owned(), Kind::Dev),
                ("session-api".to_owned(), Kind::Build)
            ]
        );
        assert_eq!(workspace.examples(), [("tools".to_owned(), "embed".to_owned())]);
    }

    #[test]
    fn metadata_of_another_shape_names_what_is_missing() {
        let error = Workspace::parse(&json!({ "packages": [{ "name": "x" }] })).unwrap_err();
        assert!(error.to_string().contains("dependencies"), "{error}");
    }
}
