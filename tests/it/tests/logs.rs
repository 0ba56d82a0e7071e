//! Logs that programs read.

use it::{Setup, agent, parse_lines, run};
use serde_json::{Value, json};
use servers::{ModelServer, Script};

fn server() -> ModelServer {
    ModelServer::start(Script::tool_then_text("calculate_expression", json!({"expression": "1+1"}), "two"))
}

/// Whether a JSON value holds this key somewhere, with a value that is not empty.
fn holds(value: &Value, key: &str) -> bool {
    match value {
        Value::Object(map) => map
            .iter()
            .any(|(name, inner)| (name == key && !inner.is_null() && inner != "") || holds(inner, key)),
        Value::Array(list) => list.iter().any(|inner| holds(inner, key)),
        _ => false,
    }
}

#[test]
fn every_json_line_of_a_turn_has_session_turn_and_correlation() {
    let server = server();
    let home = Setup::of(&server).more("[log]\nformat = \"json\"\nlevel = \"info,agent_core=debug\"").home();
    let output = run(&mut agent(&home, "my-session", "count")).with_code(0);
    assert_eq!(output.out.trim(), "two");
    let lines =
        parse_lines(&output.err.lines().filter(|line| line.starts_with('{')).collect::<Vec<_>>().join("\n"));
    let of_turn: Vec<_> = lines
        .iter()
        .filter(|line| line["target"].as_str().is_some_and(|t| t.starts_with("agent_core::driver")))
        .collect();
    assert!(!of_turn.is_empty(), "{output}");
    for line in of_turn {
        for key in ["session", "turn", "correlation"] {
            assert!(holds(line, key), "{key} is missing in {line}");
        }
        assert!(line.to_string().contains("my-session"), "{line}");
    }
}

#[test]
fn every_logfmt_line_of_a_turn_has_session_turn_and_correlation() {
    let server = server();
    let home = Setup::of(&server)
        .more("[log]\nformat = \"logfmt\"\nlevel = \"info,agent_core=debug\"\nfile = \"factotum.log\"")
        .home();
    let output = run(&mut agent(&home, "my-session", "count")).with_code(0);
    assert!(!output.err.contains("level="), "the log goes to its file: {output}");
    let log = home.read("factotum/logs/factotum.log").unwrap_or_default();
    let of_turn: Vec<_> = log.lines().filter(|line| line.contains("target=agent_core::driver")).collect();
    assert!(!of_turn.is_empty(), "{log}");
    for line in of_turn {
        for key in ["session=", "turn=", "correlation="] {
            assert!(line.contains(key), "{key} is missing in {line}");
        }
    }
}

#[test]
fn nothing_is_logged_on_a_good_day() {
    let server = server();
    let home = Setup::of(&server).home();
    let output = run(agent(&home, "default", "count").arg("-q")).with_code(0);
    assert_eq!((output.out.trim(), output.err.as_str()), ("two", ""), "{output}");
}

#[test]
fn levels_that_make_no_sense_are_named() {
    let server = server();
    let home = Setup::of(&server).home();
    let output = run(agent(&home, "default", "count").env("FACTOTUM_LOG", "loud"));
    assert!(matches!(output.code, Some(1 | 78)), "{output}");
    assert!(output.err.contains("FACTOTUM_LOG") && output.err.contains("loud"), "{output}");
}
