//! `list_dir`.

use std::os::fd::AsFd;

use async_trait::async_trait;
use rustix::fs::{AtFlags, Dir, FileType, statat};
use schemars::JsonSchema;
use serde::Deserialize;
use session_api::Importance;
use tool_api::{Effect, ToolContext, ToolError, ToolOutput, TypedTool};

use super::{Workspace, atomic_write::TEMPORARY, printable, workspace::explain};
use crate::blocking::blocking;

/// Most entries that are shown.
const MAX_SHOWN: usize = 500;
/// Most entries that are looked at; only of these the first by name are shown.
const MAX_SEEN: usize = 20_000;

/// Lists one directory of the workspace.
#[derive(Debug, Clone)]
pub struct ListDir {
    /// Where.
    pub workspace: Workspace,
}

/// Arguments of `list_dir`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListDirArgs {
    /// Directory in the workspace.
    #[serde(default = "here")]
    path: String,
}

/// The workspace itself, where a path may be left out.
pub(super) fn here() -> String {
    ".".to_owned()
}

#[async_trait]
impl TypedTool for ListDir {
    type Args = ListDirArgs;
    const NAME: &'static str = "list_dir";
    const DESCRIPTION: &'static str =
        "List a workspace directory: name/ = directory, name@ = link, else bytes.";
    const EFFECT: Effect = Effect::Pure;

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        let workspace = self.workspace.seen_by(context);
        blocking(context, move |stop| {
            let path = workspace.resolve(&args.path)?;
            let directory = workspace.open_dir(&path)?;
            let mut names = Vec::new();
            let mut more = false;
            for entry in Dir::read_from(&directory).map_err(|errno| explain(errno, &path))? {
                let entry = entry.map_err(|errno| explain(errno, &path))?;
                let name = entry.file_name();
                if stop.is_cancelled() {
                    return Err(ToolError::Cancelled);
                }
                if matches!(name.to_bytes(), b"." | b"..")
                    || name.to_bytes().starts_with(TEMPORARY.as_bytes())
                {
                    continue;
                }
                if names.len() == MAX_SEEN {
                    more = true;
                    break;
                }
                names.push(name.to_owned());
            }
            names.sort_unstable();
            let mut text = String::new();
            for name in names.iter().take(MAX_SHOWN) {
                let shown = printable(&name.to_string_lossy());
                let stat = statat(directory.as_fd(), name.as_c_str(), AtFlags::SYMLINK_NOFOLLOW);
                let line = match stat.map(|stat| (FileType::from_raw_mode(stat.st_mode), stat.st_size)) {
                    Ok((FileType::Directory, _)) => format!("{shown}/\n"),
                    Ok((FileType::Symlink, _)) => format!("{shown}@\n"),
                    Ok((FileType::RegularFile, size)) => format!("{shown}  {size}\n"),
                    Ok(_) => format!("{shown}  (special)\n"),
                    // Gone since the directory was read.
                    Err(_) => continue,
                };
                text.push_str(&line);
            }
            if names.is_empty() {
                text.push_str("[empty]");
            } else if names.len() > MAX_SHOWN {
                let than = if more { "more than " } else { "" };
                text.push_str(&format!(
                    "[cut: {MAX_SHOWN} of {than}{} entries; glob finds the others]",
                    names.len()
                ));
            }
            // It can be had again at any time.
            let importance = Importance::Low;
            Ok(ToolOutput { importance, ..ToolOutput::text(text) })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use tool_api::contract;

    use super::*;
    use crate::testing::{Place, call};

    #[tokio::test]
    async fn it_keeps_the_contract() {
        let place = Place::new();
        let tool = place.tool(ListDir { workspace: place.workspace() });
        contract::check(&tool, "{}").await;
        assert_eq!(call(&tool, "").await.unwrap(), "[empty]");
    }

    #[tokio::test]
    async fn entries_are_sorted_and_told_apart() {
        let place = Place::new();
        place.write("b.txt", "12345");
        place.write("a/x", "");
        place.write("odd\nname", "");
        place.write(".hidden", "");
        place.write(&format!("{TEMPORARY}1-1"), "");
        std::os::unix::fs::symlink("/etc", place.root().join("etc")).unwrap();
        let tool = place.tool(ListDir { workspace: place.workspace() });
        let expected = ".hidden  0\na/\nb.txt  5\netc@\nodd\\u{a}name  0\n";
        assert_eq!(call(&tool, r#"{"path":"."}"#).await.unwrap(), expected);
        assert_eq!(call(&tool, r#"{"path":"a"}"#).await.unwrap(), "x  0\n");
        for (path, class) in [("..", "path_outside"), ("etc", "path_outside"), ("b.txt", "path_invalid")] {
            let args = serde_json::json!({"path": path}).to_string();
            assert_eq!(call(&tool, &args).await.unwrap_err().class(), class, "{path}");
        }
    }

    #[tokio::test]
    async fn a_long_listing_is_cut_and_says_so() {
        let place = Place::new();
        for number in 0..MAX_SHOWN + 3 {
            std::fs::write(place.root().join(format!("{number:05}")), "").unwrap();
        }
        let tool = place.tool(ListDir { workspace: place.workspace() });
        let text = call(&tool, "{}").await.unwrap();
        assert!(text.ends_with("00499  0\n[cut: 500 of 503 entries; glob finds the others]"), "{text}");
    }
}
