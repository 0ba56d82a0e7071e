//! Tool calls that ask first.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use it::{Output, Setup, history, in_terminal, questions, run, runnable, say, skip, until, valid, words};
use serde_json::json;
use servers::{ModelServer, Reply, Script, TempHome};

/// A home in which `exec` asks, and a model that wants to leave a line in its ledger for each `w-run…`.
fn asking() -> (TempHome, ModelServer) {
    let place = TempHome::new();
    let ledger = place.ledger().path().display().to_string();
    let server = ModelServer::start(Script::by(move |request, _| {
        let word = words(request).last().cloned().unwrap_or_default();
        if let Some((_, result)) = request.tool_results().first() {
            return Reply::text(&format!("The tool said: {result}"));
        }
        if word.starts_with("w-run") {
            return Reply::tool(
                "exec",
                json!({"command": format!("echo {word} >> {ledger}; echo done-{word}")}),
            );
        }
        Reply::text(&format!("answer to {word}"))
    }));
    let text = Setup::of(&server).agent("ask = [\"exec\"]").exec().text();
    place.write("factotum/config.toml", text);
    (place, server)
}

fn answer(home: &TempHome, decision: &str, id: &str) -> Output {
    run(home.command().args(["approvals", decision, id]))
}

fn asked(home: &TempHome) -> String {
    let run = say(home, "default", "w-run").with_code(3);
    for part in ["exec", "factotum approvals list", "factotum approvals allow", "factotum approvals deny"] {
        assert!(run.err.contains(part), "{part}: {run}");
    }
    let open = questions(home);
    assert_eq!(open.len(), 1, "{open:?}");
    assert!(run.err.contains(&open[0]), "the id is named: {run}");
    assert!(home.ledger().lines().is_empty(), "nothing ran without an answer");
    open[0].clone()
}

#[test]
fn an_allowed_call_runs_exactly_once_and_its_answer_is_printed() {
    let (home, server) = asking();
    let id = asked(&home);
    let listed = run(home.command().args(["approvals", "list"])).with_code(0);
    assert!(listed.out.contains(&id) && listed.out.contains("exec"), "{listed}");
    let allowed = answer(&home, "allow", &id).with_code(0);
    assert!(allowed.out.contains("done-w-run"), "{allowed}");
    assert_eq!(home.ledger().lines(), ["w-run"]);
    assert!(questions(&home).is_empty());

    for decision in ["allow", "deny"] {
        let again = answer(&home, decision, &id).with_code(66);
        assert!(again.err.contains(&id), "{again}");
    }
    assert_eq!(home.ledger().lines(), ["w-run"]);
    let next = say(&home, "default", "w-next").with_code(0);
    assert!(next.out.contains("answer to w-next") && !next.out.contains("[resumed]"), "{next}");
    server.requests().iter().for_each(valid);
}

#[test]
fn a_denied_call_does_not_run_and_the_model_is_told() {
    let (home, server) = asking();
    let id = asked(&home);
    let denied = answer(&home, "deny", &id).with_code(0);
    assert!(denied.out.contains("The tool said"), "{denied}");
    assert!(home.ledger().lines().is_empty());
    let results = server.requests().last().map(servers::Request::tool_results).unwrap_or_default();
    let told = results.first().map(|(_, text)| text.to_lowercase()).unwrap_or_default();
    assert!(told.contains("denied") || told.contains("refused"), "{results:?}");
    say(&home, "default", "w-next").ends(0);
    server.requests().iter().for_each(valid);
}

#[test]
fn the_next_run_shows_the_open_question_and_accepts_nothing() {
    let (home, server) = asking();
    let id = asked(&home);
    for text in ["w-next", "w-next-again"] {
        let next = say(&home, "default", text).with_code(3);
        assert!(next.err.contains(&id) && next.err.contains("factotum approvals"), "{next}");
        assert_eq!(questions(&home), [id.as_str()], "the question stays");
    }
    assert_eq!(history(&home, "default").count("w-next"), 0);
    assert_eq!(server.requests().len(), 1);
    // Another session is free.
    let other = say(&home, "other", "w-other").with_code(0);
    assert!(other.out.contains("answer to w-other"), "{other}");
    answer(&home, "allow", &id).ends(0);
    assert_eq!(home.ledger().lines(), ["w-run"]);
    assert_eq!(history(&home, "default").count("w-next"), 0, "it was never accepted");
}

#[test]
fn slash_commands_answer_too() {
    for (command, lines) in [("/approve", 1), ("/deny", 0)] {
        let (home, _server) = asking();
        let id = asked(&home);
        let answered = say(&home, "default", &format!("{command} {id}")).with_code(0);
        assert!(answered.out.contains("The tool said"), "{answered}");
        assert_eq!(home.ledger().lines().len(), lines, "{answered}");
        assert!(questions(&home).is_empty());
        say(&home, "default", "w-next").ends(0);
    }
}

#[test]
fn a_stop_ends_a_turn_that_waits_for_an_answer() {
    let (home, server) = asking();
    asked(&home);
    let stopped = say(&home, "default", "/stop");
    assert!(matches!(stopped.code, Some(0 | 130)), "{stopped}");
    assert!(questions(&home).is_empty());
    assert!(home.ledger().lines().is_empty());
    let next = say(&home, "default", "w-next").with_code(0);
    assert!(next.out.contains("answer to w-next"), "{next}");
    server.requests().iter().for_each(valid);
}

#[test]
fn an_expired_question_is_a_denied_one() {
    if !runnable("sqlite3", &["--version"]) {
        return skip("there is no sqlite3 to move the clock of a question with");
    }
    let (home, server) = asking();
    let id = asked(&home);
    let moved = Command::new("sqlite3")
        .arg(home.path().join("factotum.db"))
        .arg("UPDATE approvals SET expires_at = 1, body = json_set(body, '$.expires_at', 1); UPDATE turns SET wake_at = 1")
        .output();
    assert!(moved.is_ok_and(|output| output.status.success()));
    let late = answer(&home, "allow", &id).with_code(66);
    assert!(late.err.contains("expired"), "{late}");
    let next = say(&home, "default", "w-next").with_code(0);
    assert!(next.out.contains("[resumed]") && next.out.contains("answer to w-next"), "{next}");
    assert!(home.ledger().lines().is_empty(), "an expired question never runs anything");
    server.requests().iter().for_each(valid);
}

#[test]
fn unknown_questions_have_their_own_exit_code() {
    let (home, _server) = asking();
    for decision in ["allow", "deny"] {
        answer(&home, decision, "01890a5d-ac96-774b-bcce-b302099a8057").ends(66);
        let nonsense = answer(&home, decision, "nonsense");
        assert!(nonsense.code == Some(66) || nonsense.code == Some(65), "{nonsense}");
        assert!(nonsense.err.contains("factotum approvals list"), "{nonsense}");
    }
}

#[test]
fn two_calls_of_one_reply_are_asked_about_together() {
    let place = TempHome::new();
    let ledger = place.ledger().path().display().to_string();
    let server = ModelServer::start(Script::by(move |request, _| {
        let call = |line: &str| json!({"command": format!("echo {line} >> {ledger}; echo {line}")});
        match request.tool_results().len() {
            0 => Reply::tool("exec", call("first")).and_tool("exec", call("second")),
            _ => Reply::text("both are through"),
        }
    }));
    place.write("factotum/config.toml", Setup::of(&server).agent("ask = [\"exec\"]").exec().text());
    say(&place, "default", "do two things").ends(3);
    let open = questions(&place);
    assert_eq!(open.len(), 2);
    answer(&place, "allow", &open[0]).ends(3);
    let last = answer(&place, "deny", &open[1]).with_code(0);
    assert!(last.out.contains("both are through"), "{last}");
    assert_eq!(place.ledger().lines(), ["first"]);
    server.requests().iter().for_each(valid);
}

#[test]
fn json_output_names_the_question_and_ends_with_its_code() {
    let (home, _server) = asking();
    let run = run(home.command().args(["agent", "-m", "w-run", "--json"])).with_code(3);
    let lines = it::parse_lines(&run.out);
    assert_eq!(lines.len(), 1, "{run}");
    assert_eq!(lines[0]["stop_reason"], "suspended", "{run}");
}

#[test]
fn ctrl_c_at_a_question_leaves_it_open() {
    if !runnable("script", &["-qec", "true", "/dev/null"]) {
        return skip("there is no `script` to make a terminal with");
    }
    let (home, _server) = asking();
    let mut command = in_terminal(&home, "agent -m w-run");
    let mut terminal =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (mut keys, mut screen) = (terminal.stdin.take().unwrap(), terminal.stdout.take().unwrap());
    let (mut seen, mut piece) = (String::new(), [0; 512]);
    while !seen.contains("[n]o") {
        let count = screen.read(&mut piece).unwrap();
        assert!(count > 0, "it ended: {seen}");
        seen.push_str(&String::from_utf8_lossy(&piece[..count]));
    }
    keys.write_all(b"\x03").unwrap();
    let status = until("its end", || terminal.try_wait().unwrap());
    assert_eq!((status.code(), questions(&home).len()), (Some(3), 1), "{seen}");
}

#[test]
fn a_question_outlives_the_terminal_that_showed_it() {
    if !runnable("script", &["-qec", "true", "/dev/null"]) || !runnable("pgrep", &["-V"]) {
        return skip("there is no `script` to make a terminal with, or no `pgrep` to find what runs in it");
    }
    let (home, server) = asking();
    let mut command = in_terminal(&home, "agent -m w-run");
    // Its input stays open and silent, as a person who thinks about it.
    let mut terminal =
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let id = until("the question", || questions(&home).first().cloned());
    let children = Command::new("pgrep").args(["-P", &terminal.id().to_string()]).output().unwrap();
    for pid in String::from_utf8_lossy(&children.stdout).lines() {
        let _ = Command::new("kill").args(["-9", pid]).status();
    }
    let _ = terminal.kill();
    let _ = terminal.wait();
    let next = say(&home, "default", "w-next").with_code(3);
    assert!(next.err.contains(&id), "{next}");
    assert_eq!(history(&home, "default").count("w-next"), 0);
    answer(&home, "allow", &id).ends(0);
    assert_eq!(home.ledger().lines(), ["w-run"]);
    server.requests().iter().for_each(valid);
}
