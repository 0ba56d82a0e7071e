use std::{path::Path, sync::Arc};

use tool_api::{Tool, Typed, contract};

use super::*;
use crate::testing::{Place, call};

fn tool(place: &Place, seconds: u64, max_output_bytes: usize) -> Arc<dyn Tool> {
    let config = ExecConfig { timeout_seconds: seconds, max_output_bytes, ..ExecConfig::default() };
    Arc::new(Typed::new(Exec::new(place.workspace(), &config)))
}

fn args(command: &str) -> String {
    serde_json::json!({ "command": command }).to_string()
}

/// The numbers that processes wrote into the ledger of the workspace.
fn ledger(place: &Place) -> Vec<i32> {
    let text = std::fs::read_to_string(place.root().join("ledger")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// Waits until `count` processes stand in the ledger.
async fn reached(place: &Place, count: usize) {
    while ledger(place).len() < count {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Fails when a process of the ledger is alive or unburied.
fn assert_gone(place: &Place, count: usize) {
    let pids = ledger(place);
    assert_eq!(pids.len(), count, "all of them had started");
    for pid in pids {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        assert!(stat.is_err(), "process {pid} is still there: {stat:?}");
    }
}

/// Starts processes that try each way to outlive the command; each writes its number into the ledger.
const RUNAWAYS: &str = r#"
    note='echo $BASHPID >> ledger; exec sleep 600'
    bash -c "$note" &
    nohup bash -c "$note" >/dev/null 2>&1 &
    setsid bash -c "$note" &
    (setsid bash -c "($note) & exit 0" &)
    env -i PATH="$PATH" setsid bash -c "($note) & exit 0" >/dev/null 2>&1 &
    (set -m; env -i PATH="$PATH" bash -c "$note" & exit 0)
    (trap '' TERM INT HUP; eval "$note") &
"#;
const RUNAWAY_COUNT: usize = 7;
const WAIT_FOR_RUNAWAYS: &str = "until [ -e ledger ] && [ $(wc -l < ledger) -ge 7 ]; do sleep 0.01; done";

#[tokio::test]
async fn it_keeps_the_contract() {
    let place = Place::new();
    contract::check(&tool(&place, 10, 1000), r#"{"command":"true"}"#).await;
}

#[tokio::test]
async fn commands_run_in_the_workspace_with_little_around_them() {
    let place = Place::new();
    place.write("f.txt", "text");
    let tool = tool(&place, 10, 10_000);
    let root = place.workspace().path().display().to_string();
    let table = [
        ("echo hello | tr a-z A-Z", "HELLO\n[exit code 0]".to_owned()),
        ("cat f.txt", "text\n[exit code 0]".to_owned()),
        ("pwd", format!("{root}\n[exit code 0]")),
        ("echo $HOME $TMPDIR $TERM; test -d $TMPDIR", format!("{root} {root}/.tmp dumb\n[exit code 0]")),
        ("cat; echo end", "end\n[exit code 0]".to_owned()),
        ("echo out; echo err >&2; echo out", "out\nerr\nout\n[exit code 0]".to_owned()),
        ("exit 3", "[exit code 3]".to_owned()),
        ("kill -9 $$", "[killed by signal 9]".to_owned()),
        ("echo a; if", "bash: -c: line 2: syntax error: unexpected end of file".to_owned()),
        ("printf '%s' \"$1$CARGO_MANIFEST_DIR\"", "[exit code 0]".to_owned()),
        ("mktemp -p \"$TMPDIR\" x.XXXXXX | grep -c \"$HOME\"", "1\n[exit code 0]".to_owned()),
    ];
    for (command, expected) in table {
        let text = call(&tool, &args(command)).await.unwrap();
        assert!(text.contains(&expected), "{command}: {text}");
    }
    assert_eq!(call(&tool, &args("a\0b")).await.unwrap_err().class(), "invalid_arguments");
}

#[tokio::test]
async fn a_long_output_keeps_its_head_and_tail() {
    let place = Place::new();
    let tool = tool(&place, 10, 100);
    let text = call(&tool, &args("echo first; seq 1 100000; echo last")).await.unwrap();
    assert!(text.starts_with("first\n1\n2\n") && text.ends_with("100000\nlast\n[exit code 0]"), "{text}");
    assert!(text.contains("bytes left out") && text.len() < 200, "{text}");
}

#[tokio::test]
async fn a_command_that_never_ends_times_out_with_its_output() {
    let place = Place::new();
    let tool = tool(&place, 1, 1000);
    for command in ["echo begun; sleep 600", "yes begun", "echo begun; exec sleep 600"] {
        let error = call(&tool, &args(command)).await.unwrap_err();
        assert_eq!(error.class(), "timeout", "{command}");
        assert!(error.to_string().contains("begun"), "{error}");
    }
    let short = serde_json::json!({"command": "sleep 600", "timeout_seconds": 1}).to_string();
    assert!(call(&self::tool(&place, 600, 10), &short).await.unwrap_err().to_string().contains("after 1 s"));
}

#[tokio::test]
async fn nothing_outlives_a_command_that_exits() {
    let place = Place::new();
    let command = format!("{RUNAWAYS}\n{WAIT_FOR_RUNAWAYS}\necho done");
    let text = call(&tool(&place, 30, 1000), &args(&command)).await.unwrap();
    assert!(text.starts_with("done\n[exit code 0; "), "{text}");
    assert!(text.contains("left in the background were ended"), "{text}");
    assert_gone(&place, RUNAWAY_COUNT);
}

#[tokio::test]
async fn nothing_outlives_a_command_that_times_out() {
    let place = Place::new();
    let command = format!("{RUNAWAYS}\nsleep 600");
    let error = call(&tool(&place, 2, 1000), &args(&command)).await.unwrap_err();
    assert_eq!(error.class(), "timeout");
    assert_gone(&place, RUNAWAY_COUNT);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outlives_a_call_that_is_stopped() {
    let place = Place::new();
    let tool = tool(&place, 60, 1000);
    let context = contract::context();
    let context = ToolContext { timeout: Duration::from_secs(60), ..context };
    let command = args(&format!("{RUNAWAYS}\nsleep 600"));
    let stop = async {
        reached(&place, RUNAWAY_COUNT).await;
        context.cancel.cancel();
    };
    let (result, ()) = tokio::join!(tool.call(&context, &command), stop);
    assert_eq!(result, Err(ToolError::Cancelled));
    assert_gone(&place, RUNAWAY_COUNT);
}

#[tokio::test]
async fn nothing_outlives_a_call_that_is_dropped() {
    let place = Place::new();
    let tool = tool(&place, 60, 1000);
    let context = ToolContext { timeout: Duration::from_secs(60), ..contract::context() };
    let command = args(&format!("{RUNAWAYS}\nsleep 600"));
    tokio::select! {
        result = tool.call(&context, &command) => panic!("it ended by itself: {result:?}"),
        () = reached(&place, RUNAWAY_COUNT) => {}
    }
    assert_gone(&place, RUNAWAY_COUNT);
}

#[tokio::test]
async fn one_call_does_not_end_the_processes_of_another() {
    let place = Place::new();
    let tool = tool(&place, 30, 1000);
    let long = args(
        "touch long; setsid bash -c 'until [ -e over ]; do sleep 0.01; done; echo alive' & wait; echo end",
    );
    let many = async {
        for count in 1..=5 {
            let command = format!(
                "until [ -e long ]; do sleep 0.01; done; (setsid bash -c 'echo $$ >> ledger; exec sleep 600' &); \
                 until [ -e ledger ] && [ $(wc -l < ledger) -ge {count} ]; do sleep 0.01; done"
            );
            call(&tool, &args(&command)).await.unwrap();
            assert_gone(&place, count);
        }
        place.write("over", "");
    };
    let (result, ()) = tokio::join!(call(&tool, &long), many);
    assert_eq!(result.unwrap(), "alive\nend\n[exit code 0]");
}

#[tokio::test]
async fn a_child_that_is_not_of_the_family_lives_on() {
    let place = Place::new();
    let mut other = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    call(&tool(&place, 10, 1000), &args("sleep 600 & true")).await.unwrap();
    assert_eq!(other.try_wait().unwrap(), None);
    other.kill().unwrap();
    other.wait().unwrap();
}

#[tokio::test]
async fn commands_that_fork_without_end_are_ended() {
    let place = Place::new();
    // Bounded by itself, should its end fail: each process lives a second at most and has two children at a time.
    let command =
        r#"f() { echo x >> count; [ $(wc -l < count) -gt 300 ] && sleep 600; (f &); f; }; f & sleep 600"#;
    let error = call(&tool(&place, 1, 1000), &args(command)).await.unwrap_err();
    assert_eq!(error.class(), "timeout");
    let still = process::all_since(0).into_values().filter(|it| {
        let cwd = std::fs::read_link(format!("/proc/{}/cwd", it.pid)).unwrap_or_default();
        cwd == Path::new(place.workspace().path())
    });
    assert_eq!(still.count(), 0);
}
