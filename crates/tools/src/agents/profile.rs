//! The folder of profiles, read anew at each use.

use std::{collections::BTreeMap, io::Read as _};

use rustix::fs::{Dir, FileType};
use subagents::{LONGEST, Profile, ProfileError};
use tool_api::{ToolContext, ToolError};

use super::Agents;
use crate::{Workspace, blocking::blocking};

/// The folder, in the workspace.
const FOLDER: &str = "profiles";
/// Most profiles that are read.
const MOST: usize = 200;

/// Reads what can be read of the profile `name`.
fn one(workspace: &Workspace, name: &str, tools: &[String]) -> Result<Profile, ProfileError> {
    let wrong = |reason: String| ProfileError { name: name.to_owned(), reason };
    // Refuses names that lead elsewhere before any file is touched.
    Profile::parse(name, "prompt: x", tools)?;
    let path =
        workspace.resolve(&format!("{FOLDER}/{name}.yaml")).map_err(|error| wrong(error.to_string()))?;
    let limit = LONGEST as u64;
    let file = workspace.open_file(&path, limit).map_err(|error| wrong(error.to_string()))?;
    let mut text = String::new();
    file.take(limit + 1).read_to_string(&mut text).map_err(|error| wrong(error.to_string()))?;
    Profile::parse(name, &text, tools)
}

/// The names of the files in the folder, sorted; none where there is no folder.
fn names(workspace: &Workspace) -> Vec<String> {
    let opened = workspace.resolve(FOLDER).and_then(|path| workspace.open_dir(&path));
    let Some(entries) = opened.ok().and_then(|directory| Dir::read_from(&directory).ok()) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type() != FileType::Directory)
        .filter_map(|entry| entry.file_name().to_str().ok()?.strip_suffix(".yaml").map(str::to_owned))
        .filter(|name| !name.is_empty() && !name.starts_with('.'))
        .take(MOST)
        .collect();
    names.sort();
    names
}

/// All profiles of a workspace by name; one that cannot be used says why and stands in no other's way. `tools`: the names
/// that there are.
#[must_use]
pub fn profiles(workspace: &Workspace, tools: &[String]) -> BTreeMap<String, Result<Profile, ProfileError>> {
    let read = |name: String| {
        let profile = one(workspace, &name, tools);
        (name, profile)
    };
    names(workspace).into_iter().map(read).collect()
}

/// As [`profiles`], for a tool.
pub(super) async fn listed(
    agents: &Agents,
    context: &ToolContext,
) -> Result<BTreeMap<String, Result<Profile, ProfileError>>, ToolError> {
    let (workspace, known) = (agents.workspace.clone(), agents.known.clone());
    blocking(context, move |_| Ok(profiles(&workspace, known.get().map_or(&[], Vec::as_slice)))).await
}

/// The profile `name`.
pub(super) async fn read(agents: &Agents, context: &ToolContext, name: &str) -> Result<Profile, ToolError> {
    let (workspace, known, name) = (agents.workspace.clone(), agents.known.clone(), name.to_owned());
    blocking(context, move |_| {
        let names = names(&workspace);
        if !names.contains(&name) {
            let shown: String = name.chars().take(64).collect();
            let there = if names.is_empty() {
                "there are none".to_owned()
            } else {
                format!("there are {}", names.join(", "))
            };
            return Err(ToolError::InvalidArguments(format!(
                "profile: there is no profile `{shown}`; {there}"
            )));
        }
        one(&workspace, &name, known.get().map_or(&[], Vec::as_slice))
            .map_err(|error| ToolError::Failed(error.to_string()))
    })
    .await
}
