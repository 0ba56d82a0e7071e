//! `glob`.

use async_trait::async_trait;
use globset::{GlobBuilder, GlobMatcher};
use schemars::JsonSchema;
use serde::Deserialize;
use session_api::Importance;
use tool_api::{Effect, ToolContext, ToolError, ToolOutput, TypedTool};

use super::{
    RelativePath, Workspace,
    list_dir::here,
    path::{invalid, outside},
    printable,
    walk::{Go, walk},
};
use crate::blocking::blocking;

/// Most paths in a result.
const MAX_PATHS: usize = 300;
/// Longest pattern in bytes.
const MAX_PATTERN: usize = 500;

/// Finds files of the workspace by name.
#[derive(Debug, Clone)]
pub struct Glob {
    /// Where.
    pub workspace: Workspace,
}

/// Arguments of `glob`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GlobArgs {
    /// Like `**/*.rs` or `src/*.{c,h}`.
    pattern: String,
    /// Directory to start in.
    #[serde(default = "here")]
    path: String,
}

#[async_trait]
impl TypedTool for Glob {
    type Args = GlobArgs;
    const NAME: &'static str = "glob";
    const DESCRIPTION: &'static str = "Find workspace files and directories by name pattern.";
    const EFFECT: Effect = Effect::Pure;

    async fn run(&self, context: &ToolContext, args: Self::Args) -> Result<ToolOutput, ToolError> {
        let workspace = self.workspace.seen_by(context);
        blocking(context, move |stop| {
            let mut start = workspace.resolve(&args.path)?;
            let matcher = compile(&relative_pattern(&workspace, &args.pattern)?)?;
            if args.pattern.starts_with('/') {
                start = RelativePath::root();
            }
            let directory = workspace.open_dir(&start)?;
            let prefix = if start.is_root() { String::new() } else { format!("{}/", start.as_str()) };
            let mut paths = Vec::new();
            let left_out = walk(directory, stop, &mut |found| {
                if matcher.is_match(found.path) && !workspace.hides(&format!("{prefix}{}", found.path)) {
                    if paths.len() == MAX_PATHS {
                        paths.push(String::new());
                        return Ok(Go::Stop);
                    }
                    let slash = if found.is_dir { "/" } else { "" };
                    paths.push(format!("{prefix}{}{slash}\n", printable(found.path)));
                }
                Ok(Go::On)
            })?;
            let mut notes = left_out.notes();
            if paths.len() > MAX_PATHS {
                notes.push(format!("cut after {MAX_PATHS} paths; use a narrower pattern"));
            }
            if paths.is_empty() {
                notes.insert(0, "nothing matches".to_owned());
            }
            let mut text = paths.concat();
            if !notes.is_empty() {
                text.push_str(&format!("[{}]", notes.join("; ")));
            }
            // It can be had again at any time.
            let importance = Importance::Low;
            Ok(ToolOutput { importance, ..ToolOutput::text(text) })
        })
        .await
    }
}

/// The pattern as one of relative paths.
fn relative_pattern(workspace: &Workspace, pattern: &str) -> Result<String, ToolError> {
    if pattern.contains('\0') {
        return Err(invalid("the pattern contains a NUL character"));
    }
    if pattern.split(['/', '{', '}', ',']).any(|part| part == "..") {
        return Err(outside("a pattern with `..` leads out of the directory"));
    }
    if !pattern.starts_with('/') {
        return Ok(pattern.trim_start_matches("./").to_owned());
    }
    // Only the part before the first wildcard is a path; it must lie in the workspace.
    let special = pattern.find(['*', '?', '[', '{', '\\']).unwrap_or(pattern.len());
    let fixed = pattern[..special].rfind('/').map_or(0, |slash| slash + 1);
    let (base, rest) = pattern.split_at(fixed);
    let base = workspace.resolve(base)?;
    if base.is_root() { Ok(rest.to_owned()) } else { Ok(format!("{}/{rest}", base.as_str())) }
}

/// Makes a matcher whose `*` and `?` stop at `/`.
pub(super) fn compile(pattern: &str) -> Result<GlobMatcher, ToolError> {
    if pattern.len() > MAX_PATTERN {
        return Err(ToolError::InvalidArguments(format!("a pattern has at most {MAX_PATTERN} bytes")));
    }
    GlobBuilder::new(pattern)
        .literal_separator(true)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| ToolError::InvalidArguments(format!("`{pattern}` is no pattern: {}", error.kind())))
}

#[cfg(test)]
mod tests {
    use tool_api::contract;

    use super::*;
    use crate::testing::{Place, call};

    #[tokio::test]
    async fn it_keeps_the_contract() {
        let place = Place::new();
        let tool = place.tool(Glob { workspace: place.workspace() });
        contract::check(&tool, r#"{"pattern":"*"}"#).await;
    }

    #[tokio::test]
    async fn names_are_matched_below_the_workspace_only() {
        let place = Place::new();
        for path in ["a.rs", "src/b.rs", "src/deep/c.rs", "src/d.txt"] {
            place.write(path, "");
        }
        std::os::unix::fs::symlink("/etc", place.root().join("etc")).unwrap();
        let tool = place.tool(Glob { workspace: place.workspace() });
        let root = place.root().display().to_string();
        let ok: &[(&str, &str, &str)] = &[
            ("*.rs", ".", "a.rs\n"),
            ("./*.rs", ".", "a.rs\n"),
            ("**/*.rs", ".", "a.rs\nsrc/b.rs\nsrc/deep/c.rs\n"),
            ("*.{rs,txt}", "src", "src/b.rs\nsrc/d.txt\n"),
            ("s*", ".", "src/\n"),
            ("etc/*", ".", "[nothing matches]"),
            (&format!("{root}/src/*.rs"), ".", "src/b.rs\n"),
            (&format!("{root}/src/*.rs"), "src", "src/b.rs\n"),
        ];
        for (pattern, path, expected) in ok {
            let args = serde_json::json!({"pattern": pattern, "path": path}).to_string();
            assert_eq!(call(&tool, &args).await.as_deref(), Ok(*expected), "{pattern} in {path}");
        }
        let bad: &[(&str, &str, &str)] = &[
            ("/etc/*", ".", "path_outside"),
            ("/*", ".", "path_outside"),
            ("../*", ".", "path_outside"),
            ("src/../../*", ".", "path_outside"),
            ("{..,src}/*", ".", "path_outside"),
            (&format!("{root}/../*"), ".", "path_outside"),
            (&format!("{root}-evil/*"), ".", "path_outside"),
            ("*", "..", "path_outside"),
            ("*", "etc", "path_outside"),
            ("*", "/etc", "path_outside"),
            ("a\0", ".", "path_invalid"),
            ("[", ".", "invalid_arguments"),
        ];
        for (pattern, path, class) in bad {
            let args = serde_json::json!({"pattern": pattern, "path": path}).to_string();
            assert_eq!(call(&tool, &args).await.unwrap_err().class(), *class, "{pattern} in {path}");
        }
    }

    #[tokio::test]
    async fn a_long_result_is_cut_and_says_so() {
        let place = Place::new();
        for number in 0..=MAX_PATHS {
            std::fs::write(place.root().join(format!("{number}")), "").unwrap();
        }
        let tool = place.tool(Glob { workspace: place.workspace() });
        let text = call(&tool, r#"{"pattern":"*"}"#).await.unwrap();
        assert!(text.ends_with("[cut after 300 paths; use a narrower pattern]"), "{text}");
        assert_eq!(text.lines().count(), MAX_PATHS + 1);
    }
}
