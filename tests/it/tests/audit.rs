//! What was done can be looked at, and shows when somebody changed it.

use it::{Output, Setup, run, say};
use servers::{ModelServer, Reply, Script, TempHome};

fn audit(home: &TempHome, arguments: &[&str]) -> Output {
    run(home.command().arg("audit").args(arguments))
}

/// Changes the database as somebody with a tool of their own would.
fn tamper(home: &TempHome, sql: &str) {
    let script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()";
    let file = home.path().join("factotum.db");
    let done = std::process::Command::new("python3").args(["-c", script]).arg(&file).arg(sql).output();
    assert!(done.is_ok_and(|done| done.status.success()), "{sql}");
}

fn worked() -> (ModelServer, TempHome) {
    let server = ModelServer::start(Script::in_order([
        Reply::tool_raw("write_file", r#"{"path":"notes/a.txt","content":"sk-test-0123456789abcdefghijkl"}"#),
        Reply::tool_raw("read_file", r#"{"path":"none.txt"}"#),
        Reply::text("I wrote notes/a.txt and sent it to ann@example.org with `message`."),
    ]));
    let home = Setup::of(&server).agent("verify = \"flag\"").home();
    (server, home)
}

#[test]
fn every_call_is_on_record_without_its_secrets() {
    let (_server, home) = worked();
    say(&home, "default", "go").ends(0);
    let rows = audit(&home, &["show", "--session", "default", "--json"]).with_code(0);
    let rows: Vec<serde_json::Value> =
        rows.out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let calls: Vec<&serde_json::Value> = rows
        .iter()
        .filter(|row| row["kind"].as_str().is_some_and(|kind| kind.starts_with("tool.")))
        .collect();
    let kinds: Vec<_> = calls.iter().map(|row| (row["kind"].as_str(), row["subject"].as_str())).collect();
    assert_eq!(kinds, [(Some("tool.error"), Some("read_file")), (Some("tool.ok"), Some("write_file"))]);
    let wrote = calls[1];
    let arguments = wrote["payload"]["arguments"].as_str().unwrap_or_default();
    assert!(arguments.contains("notes/a.txt") && !arguments.contains("0123456789abcdef"), "{arguments}");
    assert!(
        wrote["payload"]["arguments_digest"].as_str().is_some_and(|digest| digest.len() >= 32),
        "{wrote}"
    );
    assert_eq!(wrote["principal"], "owner");
    let turn = wrote["turn"].as_str().unwrap_or_default();
    let of_turn = audit(&home, &["show", "--turn", turn, "--json"]).with_code(0);
    assert_eq!(of_turn.out.lines().count(), rows.len());
    assert!(audit(&home, &["show"]).with_code(0).out.contains("tool.ok write_file"));
    audit(&home, &["show", "--turn", "nonsense"]).ends(65);
    assert!(audit(&home, &["verify"]).with_code(0).out.contains("every chain holds"));
}

#[test]
fn a_claim_without_a_call_is_flagged_and_one_with_a_call_is_not() {
    let (_server, home) = worked();
    say(&home, "default", "go").ends(0);
    let flagged = audit(&home, &["show", "--json"]).with_code(0);
    let row =
        flagged.out.lines().find(|line| line.contains("claim.unsupported")).unwrap_or_default().to_owned();
    assert!(row.contains("ann@example.org") && row.contains("\"message\""), "{flagged}");
    assert!(!row.contains("notes/a.txt"), "{row}");
}

#[test]
fn a_row_that_was_changed_or_taken_away_is_named() {
    for sql in [
        "UPDATE audit SET body = replace(body, 'write_file', 'read_file') WHERE place = 1",
        "DELETE FROM audit WHERE place = 1",
        "UPDATE audit SET hash = 'x' WHERE place = 1",
    ] {
        let (_server, home) = worked();
        say(&home, "default", "go").ends(0);
        tamper(&home, sql);
        let told = audit(&home, &["verify"]).with_code(1);
        let row = if sql.starts_with("DELETE") { "row 2" } else { "row 1" };
        assert!(
            told.out.contains("cli:local:default is broken at ") && told.out.contains(row),
            "{sql}: {told}"
        );
        let json = audit(&home, &["verify", "--json"]).with_code(1);
        assert!(json.out.contains("\"intact\":false"), "{json}");
    }
}

/// What the check of the chains alone cannot see: the end is gone, or a conversation with all of its rows.
#[test]
fn rows_that_were_taken_from_the_end_are_missed() {
    for (sql, told) in [
        ("DELETE FROM audit WHERE no = (SELECT max(no) FROM audit)", " rows were written, and the "),
        ("DELETE FROM audit WHERE no > (SELECT min(no) FROM audit)", "and the 1 that are there"),
        ("DELETE FROM audit WHERE session LIKE '%:other'", " rows were written, and the "),
        ("DELETE FROM audit", "and the 0 that are there"),
        ("UPDATE audit_heads SET hash = 'x'", " rows were written, and the "),
        ("DELETE FROM audit_heads", "The head that covers the newest "),
    ] {
        let (_server, home) = worked();
        say(&home, "default", "go").ends(0);
        say(&home, "other", "tool:calculate_expression {\"expression\": \"1 + 1\"}").ends(0);
        assert!(audit(&home, &["verify"]).with_code(0).out.contains(" Head of 2"));
        tamper(&home, sql);
        let found = audit(&home, &["verify"]).with_code(1);
        assert!(found.out.contains(told), "{sql}: {found}");
        let json = audit(&home, &["verify", "--json"]).with_code(1);
        assert!(json.out.contains("\"intact\":false"), "{json}");
        assert!(run(home.command().arg("doctor")).all().contains("rows were taken away"), "{sql}");
    }
}

#[test]
fn a_conversation_that_is_deleted_takes_its_payloads_with_it_and_the_log_holds() {
    let (_server, home) = worked();
    say(&home, "default", "go").ends(0);
    assert!(audit(&home, &["show"]).out.contains("notes/a.txt"));
    run(home.command().args(["sessions", "delete", "default"])).ends(0);
    let shown = audit(&home, &["show", "--json"]).with_code(0);
    assert!(!shown.out.contains("notes/a.txt") && shown.out.contains("\"audit.erased\""), "{shown}");
    assert!(shown.out.contains("\"write_file\""), "that it was called stays on record: {shown}");
    assert!(audit(&home, &["verify"]).with_code(0).out.contains("every chain holds"));
}
