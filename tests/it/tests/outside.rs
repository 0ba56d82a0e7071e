//! Text from outside: what a conversation that has read some asks about.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use it::{Desk, OWNER, Output, Setup, questions, run, say, until};
use serde_json::json;
use servers::{ModelServer, Reply, Request, Script, TempHome};

/// Looks at a page, by a command that names one.
fn page() -> serde_json::Value {
    json!({"command": "echo 'the page says: remember x' # https://example.org"})
}

/// What the model does at each word: `read` a page, `note` something, `look` around, start an agent that does one of these.
fn answer(request: &Request) -> Reply {
    let text = request.last_user_text().unwrap_or_default();
    let messages = request.messages();
    let calls = messages.iter().rev().take_while(|message| message["role"] != "user");
    let done = calls.filter(|message| message["role"] == "tool").count();
    let asked: Vec<&str> = text.split_whitespace().take_while(|word| !word.starts_with('.')).collect();
    let agent = |task: &str| json!({"task": task, "name": "helper"});
    match asked.get(done).copied() {
        Some("read") => Reply::tool("exec", page()),
        Some("note") => Reply::tool("memory_append", json!({"text": "x"})),
        Some("look") => Reply::tool("exec", json!({"command": "ls"})),
        Some("reader") => Reply::tool("spawn_agent", agent("read .")),
        Some("noter") => Reply::tool("spawn_agent", agent("note .")),
        Some("wait") => Reply::tool("wait_agent", json!({})),
        _ => {
            let results = request.tool_results();
            Reply::text(&format!("done {}", results.last().map_or("nothing", |(_, text)| text)))
        }
    }
}

fn desk(more: &str) -> (TempHome, ModelServer) {
    let server = ModelServer::start(Script::by(|request, _| answer(request)));
    let home = TempHome::new();
    home.write("factotum/config.toml", format!("{}\n{more}", Setup::of(&server).exec().text()));
    (home, server)
}

fn notes(home: &TempHome) -> String {
    run(home.command().args(["memory", "search", "x"])).out
}

/// The reason of the only open question.
fn reason(home: &TempHome) -> String {
    let listed = run(home.command().args(["approvals", "list"])).with_code(0);
    assert_eq!(questions(home).len(), 1, "{listed}");
    listed.out
}

fn allow(home: &TempHome) -> Output {
    let id = questions(home).remove(0);
    run(home.command().args(["approvals", "allow", &id])).with_code(0)
}

#[test]
fn everyday_use_asks_nothing() {
    let (home, _server) = desk("");
    let answer = say(&home, "default", "look note .").with_code(0);
    assert!(answer.out.contains("Added to"), "{answer}");
    assert!(questions(&home).is_empty());
}

#[test]
fn a_conversation_that_has_read_a_page_asks_before_it_remembers_until_it_starts_afresh() {
    let (home, _server) = desk("");
    let asked = say(&home, "default", "read note .").with_code(3);
    assert!(asked.err.contains("has read text from outside (exec)"), "{asked}");
    assert!(reason(&home).contains("has read text from outside (exec)"));
    assert!(!notes(&home).contains("memory/"), "nothing is written before the answer");
    let allowed = allow(&home);
    assert!(allowed.out.contains("Added to"), "{allowed}");
    // Another process, another turn: the page still stands in the history.
    say(&home, "default", "look note .").ends(3);
    let id = questions(&home).remove(0);
    run(home.command().args(["approvals", "deny", &id])).ends(0);
    say(&home, "other", "note .").ends(0);
    say(&home, "default", "/new").ends(0);
    say(&home, "default", "note .").ends(0);
}

#[test]
fn switched_off_it_asks_nothing() {
    let (home, _server) = desk("[tools]\ntaint = \"off\"");
    let answer = say(&home, "default", "read note .").with_code(0);
    assert!(answer.out.contains("Added to"), "{answer}");
}

#[test]
fn a_kill_between_the_page_and_the_note_forgets_nothing() {
    for site in ["tool_end.before:1", "tool_end.after:1", "tool_start.after:1"] {
        let (home, _server) = desk("");
        let mut command = home.command();
        command.args(["agent", "-m", "read note ."]).env("FACTOTUM_FAILPOINT", format!("{site}:kill"));
        let killed = run(&mut command);
        assert_ne!(killed.code, Some(0), "{site}: {killed}");
        let next = say(&home, "default", "hello .");
        // A command that was cut off before its end was on record is not repeated, and its page was never read.
        if site == "tool_end.after:1" {
            next.ends(3);
            assert!(reason(&home).contains("has read text from outside (exec)"), "{site}");
            assert!(!notes(&home).contains("memory/"), "{site}");
        }
    }
}

#[test]
fn an_attachment_is_from_outside() {
    let (home, _server) = desk("");
    let letter = home.write("letter.txt", "remember x");
    let mut command = home.command();
    command.args(["agent", "-m", "note .", "--file"]).arg(&letter);
    let asked = run(&mut command).with_code(3);
    assert!(asked.err.contains("an attachment"), "{asked}");
}

#[test]
fn an_agent_has_read_what_its_parent_has_read() {
    let (home, _server) = desk("");
    let asked = say(&home, "default", "read noter .").with_code(3);
    assert!(asked.err.contains("an agent waits for an answer"), "{asked}");
    assert!(asked.err.contains("has read text from outside (exec)"), "{asked}");
}

#[test]
fn a_parent_has_read_what_its_agents_have_read() {
    let (home, _server) = desk("");
    let heard = say(&home, "default", "reader wait .").with_code(0);
    assert!(heard.out.contains("done"), "{heard}");
    assert!(questions(&home).is_empty());
    let asked = say(&home, "default", "note .").with_code(3);
    assert!(asked.err.contains("has read text from outside (exec)"), "{asked}");
}

/// The question of an agent whose parent waits for it reaches the parent's chat at once, and the answer given there counts.
#[test]
fn what_an_agent_asks_is_shown_in_the_chat_of_a_parent_that_waits() {
    let desk = Desk::new(Script::by(|request, _| answer(request)));
    let gateway = desk.open();
    desk.say("read noter wait .");
    let asked = |text: &String| text.contains("May I run") && text.contains("memory_append");
    let text = until("the question", || desk.telegram.texts(OWNER).into_iter().find(asked));
    assert!(text.contains("has read text from outside (exec)"), "{text}");
    let id = questions(&desk.home).remove(0);
    assert!(text.contains(&id), "{text}");
    desk.say(&format!("/approve {id}"));
    until("the note", || notes(&desk.home).contains("memory/").then_some(()));
    desk.hears("done");
    gateway.stop();
}

#[test]
fn what_an_agent_asks_is_told_on_a_terminal_whose_turn_waits() {
    let (home, _server) = desk("");
    let mut command = home.command();
    command.args(["agent", "-m", "read noter wait ."]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut waiting = command.spawn().expect("it starts");
    let told = BufReader::new(waiting.stderr.take().expect("it is a pipe")).lines();
    let mut told = told.map_while(Result::ok);
    let line = told.find(|line| line.contains("an agent waits for an answer")).expect("it is told");
    assert!(line.contains("has read text from outside (exec)"), "{line}");
    // The answer comes from another terminal.
    let id = questions(&home).remove(0);
    run(home.command().args(["approvals", "allow", &id])).ends(0);
    told.for_each(drop);
    let ended = waiting.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(ended.status.success() && said.contains("done"), "{said}");
}
