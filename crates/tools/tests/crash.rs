//! A process that is killed while it writes leaves the old file or the new one.

#![expect(clippy::unwrap_used, reason = "a test may panic and print")]

use std::{
    collections::BTreeSet,
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

/// The file's bytes, which must be those of one write.
fn whole(file: &Path) -> u8 {
    let bytes = std::fs::read(file).unwrap();
    assert_eq!(bytes.len(), SIZE, "a part of a file");
    assert!(bytes == vec![bytes[0]; SIZE], "half of one and half of another");
    bytes[0]
}

#[test]
fn a_killed_write_leaves_the_old_or_the_new_and_never_half() {
    for lines in [1, 2, 5] {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("dir/file");
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "writes_until_it_is_killed"])
            .current_dir(place.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut written = BufReader::new(writer.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert_eq!(written.by_ref().filter(|line| line == "written").take(lines).count(), lines);
        // What others see at a moment is what a kill at that moment leaves: it is looked at more often than one can
        // kill.
        let mut seen = BTreeSet::new();
        while seen.len() < 5 {
            assert_eq!(writer.try_wait().unwrap(), None, "it writes all the while");
            seen.insert(whole(&file));
        }
        writer.kill().unwrap();
        writer.wait().unwrap();
        whole(&file);
    }
}
