//! A process that is killed while it writes leaves the old file or the new one.

#![expect(clippy::unwrap_used, reason = "a test may panic and print")]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use tool_api::{Tool, Typed, contract};
use tools::{Workspace, WriteFile};

/// Large enough for a write to be cut in two.
const SIZE: usize = 1 << 20;

fn content(round: usize) -> String {
    char::from(b'a' + u8::try_from(round % 26).unwrap()).to_string().repeat(SIZE)
}

/// Run only by the test below, in a process of its own: writes until it is killed, a line after each write.
#[test]
#[ignore = "it never ends; the test below starts it"]
fn writes_until_it_is_killed() {
    let workspace = Workspace::open(Path::new(".")).unwrap();
    let tool: Arc<dyn Tool> = Arc::new(Typed::new(WriteFile { workspace }));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for round in 0usize.. {
        let args = serde_json::json!({"path": "dir/file", "content": content(round)}).to_string();
        runtime.block_on(tool.call(&contract::context(), &args)).unwrap();
        println!("\nwritten");
    }
}

#[test]
fn a_killed_write_leaves_the_old_or_the_new_and_never_half() {
    for lines in [1, 1, 2, 2, 3, 5, 8, 13] {
        let place = tempfile::tempdir().unwrap();
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "writes_until_it_is_killed"])
            .current_dir(place.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let written = BufReader::new(writer.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert_eq!(written.filter(|line| line == "written").take(lines).count(), lines);
        // It is in one of the next writes now.
        writer.kill().unwrap();
        writer.wait().unwrap();
        let bytes = std::fs::read(place.path().join("dir/file")).unwrap();
        assert_eq!(bytes.len(), SIZE);
        assert!(bytes.iter().all(|byte| *byte == bytes[0]), "half of one and half of another");
    }
}
