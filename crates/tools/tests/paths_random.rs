//! No path, however it is put together, brings a file tool out of the workspace.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::Arc,
};

use proptest::prelude::*;
use serde_json::{Value, json};
use session_api::Part;
use tool_api::{Tool, Typed, TypedTool, contract};
use tools::{EditFile, Glob, Grep, ListDir, ReadFile, Workspace, WriteFile};

const CANARY: &str = "CANARY-9f31";

/// A workspace full of ways out, beside a directory with a secret.
fn scene() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let (ws, outside) = (place.path().join("ws"), place.path().join("outside"));
    fs::create_dir_all(ws.join("real/deep")).unwrap();
    fs::create_dir_all(outside.join("d")).unwrap();
    for file in [outside.join("secret"), outside.join("d/secret")] {
        fs::write(file, CANARY).unwrap();
    }
    fs::write(ws.join("file"), "inside").unwrap();
    fs::write(ws.join("real/secret"), "inside").unwrap();
    symlink("../outside", ws.join("up")).unwrap();
    symlink(&outside, ws.join("abs")).unwrap();
    symlink("../../outside/d", ws.join("real/up")).unwrap();
    symlink("../outside/secret", ws.join("one")).unwrap();
    symlink("../outside/new", ws.join("new")).unwrap();
    symlink("real", ws.join("in")).unwrap();
    symlink("..", ws.join("real/back")).unwrap();
    symlink("loop", ws.join("loop")).unwrap();
    symlink("/proc/self/cwd", ws.join("magic")).unwrap();
    (place, ws, outside)
}

fn listing(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.push((path.clone(), Vec::new()));
            all.extend(listing(&path));
        } else {
            all.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}

fn tool<T: TypedTool + 'static>(tool: T) -> Arc<dyn Tool> {
    Arc::new(Typed::new(tool))
}

fn calls(workspace: &Workspace, path: &str) -> Vec<(Arc<dyn Tool>, Value)> {
    let (workspace, max_bytes) = (workspace.clone(), 10_000);
    vec![
        (tool(ReadFile { workspace: workspace.clone(), max_bytes }), json!({"path": path})),
        (tool(ListDir { workspace: workspace.clone() }), json!({"path": path})),
        (tool(Glob { workspace: workspace.clone() }), json!({"pattern": format!("{path}/*")})),
        (tool(Glob { workspace: workspace.clone() }), json!({"pattern": "**", "path": path})),
        (tool(Grep { workspace: workspace.clone(), max_bytes }), json!({"pattern": ".", "path": path})),
        (tool(EditFile { workspace: workspace.clone() }), json!({"path": path, "old": CANARY, "new": "x"})),
        (tool(WriteFile { workspace }), json!({"path": path, "content": "x"})),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_path_leads_outside(
        parts in proptest::collection::vec(
            "\\.\\.|\\.|up|abs|real|in|back|one|new|loop|magic|deep|secret|d|outside|file|ws|~|%2e%2e|\\.\\. |[a-z]?",
            1..7,
        ),
        start in 0usize..4,
    ) {
        let (_place, ws, outside) = scene();
        let prefix = match start {
            0 => format!("{}/", ws.display()),
            1 => "/".to_owned(),
            _ => String::new(),
        };
        let path = format!("{prefix}{}", parts.join("/"));
        let workspace = Workspace::open(&ws).unwrap();
        let before = listing(&outside);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for (tool, args) in calls(&workspace, &path) {
            let name = tool.spec().name.clone();
            let result = runtime.block_on(tool.call(&contract::context(), &args.to_string()));
            let shown = match result {
                Ok(output) => output.content.iter().filter_map(Part::as_text).collect(),
                Err(error) => error.to_string(),
            };
            prop_assert!(!shown.contains(CANARY), "{name} {path}: {shown}");
            prop_assert_eq!(&listing(&outside), &before, "{} {}", name, path);
        }
    }
}
