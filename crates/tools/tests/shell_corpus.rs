//! Those entries of the shared corpus of commands that make sense without a sandbox: what ends, what is passed on, what
//! must simply work. Skipped visibly where the corpus is not at hand.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test may panic and print"
)]

use std::{fs, path::Path, sync::Arc, time::Duration};

use serde_json::{Value, json};
use session_api::Part;
use tool_api::{Tool, ToolContext, ToolError, Typed, contract};
use tools::{Exec, ExecConfig, Workspace};

/// What asks for a sandbox: reads outside, the network, resources, signals to others.
const NEEDS_SANDBOX: &[&str] = &[
    "$OUTSIDE",
    "{O}",
    "curl",
    "urllib",
    "ssh",
    "fork while",
    "/dev/zero",
    "killall",
    "/etc/",
    "/proc",
    "socket",
    "nc ",
    "wget",
    "ping",
    "fallocate",
    "truncate",
    "kill -9 1",
];

fn corpus() -> Option<Value> {
    let mut here = Some(Path::new(env!("CARGO_MANIFEST_DIR")));
    while let Some(directory) = here {
        if let Ok(text) = fs::read_to_string(directory.join("shared/corpora/security/shell.json")) {
            return Some(serde_json::from_str(&text).expect("the corpus is JSON"));
        }
        here = directory.parent();
    }
    println!("skipped: there is no shared/corpora/security/shell.json");
    None
}

/// Processes whose working directory is `root` or lies in it.
fn processes_in(root: &Path) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(root)))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

#[tokio::test]
async fn entries_that_need_no_sandbox_hold() {
    let Some(corpus) = corpus() else { return };
    let mut left_out = Vec::new();
    for entry in corpus["entries"].as_array().unwrap() {
        let (id, input) = (entry["id"].as_str().unwrap(), &entry["input"]);
        let command = input["command"].as_str().unwrap();
        if NEEDS_SANDBOX.iter().any(|sign| command.contains(sign)) {
            left_out.push(id);
            continue;
        }
        let place = tempfile::tempdir().unwrap();
        for step in input["setup"].as_array().unwrap() {
            let at = place.path().join(step["at"].as_str().unwrap());
            match step["op"].as_str().unwrap() {
                "mkdir" => fs::create_dir_all(at).unwrap(),
                _ => fs::write(at, step["content"].as_str().unwrap()).unwrap(),
            }
        }
        let timeout_seconds = input["timeout_s"].as_u64().unwrap();
        let config = ExecConfig { timeout_seconds, ..ExecConfig::default() };
        let workspace = Workspace::open(place.path()).unwrap();
        let root = workspace.path().to_owned();
        let tool: Arc<dyn Tool> = Arc::new(Typed::new(Exec::new(workspace, &config)));
        let context = ToolContext { timeout: Duration::from_secs(60), ..contract::context() };
        let limit = Duration::from_secs(timeout_seconds + 3);
        let args = json!({"command": command}).to_string();
        let result = tokio::time::timeout(limit, tool.call(&context, &args)).await.expect("it ends in time");
        let text = match &result {
            Ok(output) => output.content.iter().filter_map(Part::as_text).collect::<String>(),
            Err(error) => error.to_string(),
        };
        assert_eq!(processes_in(&root), Vec::<String>::new(), "{id}: processes are left");
        assert!(!text.contains(env!("CARGO_MANIFEST_DIR")), "{id}: the environment of this test came out");
        for wanted in entry["expect"]["asserts"].as_array().unwrap().iter().filter_map(Value::as_str) {
            if let Some(part) = wanted.strip_prefix("output has ") {
                assert!(text.contains(part), "{id}: {text}");
            } else if wanted == "exit 0" {
                assert!(text.contains("[exit code 0"), "{id}: {text}");
            }
        }
        if entry["expect"]["verdict"] == "ok" {
            assert!(result.is_ok(), "{id}: {text}");
        }
        let timed_out = matches!(&result, Err(ToolError::Limit { class: "timeout", .. }));
        assert!(result.is_ok() || timed_out, "{id}: {text}");
    }
    println!("left to the sandbox: {left_out:?}");
}
