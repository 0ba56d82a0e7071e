//! What keeps a turn from going on for ever, and a model's mistakes from ending it.

use it::{Setup, history, say, valid};
use serde_json::json;
use servers::{ModelServer, Reply, Request, Script};

#[test]
fn the_third_identical_call_ends_the_turn() {
    let server = ModelServer::start(Reply::tool("list_dir", json!({"path": "."})));
    let home = Setup::of(&server).home();
    let ended = say(&home, "default", "look around").with_code(1);
    assert!(ended.all().contains("list_dir") && ended.all().contains("three times"), "{ended}");
    assert_eq!(server.requests().len(), 3);
    assert_eq!(ended.all().matches("three times").count(), 1, "told once: {ended}");
    say(&home, "default", "again").ends(1);
    server.requests().iter().for_each(valid);
}

#[test]
fn the_second_identical_failure_ends_the_turn() {
    let server = ModelServer::start(Reply::tool("read_file", json!({"path": "no-such-file.txt"})));
    let home = Setup::of(&server).home();
    let ended = say(&home, "default", "read it").with_code(1);
    assert!(ended.all().contains("read_file") && ended.all().contains("twice"), "{ended}");
    assert_eq!(server.requests().len(), 2);
    say(&home, "default", "again").ends(1);
    server.requests().iter().for_each(valid);
}

#[test]
fn limits_come_from_the_configuration_and_are_named() {
    let different =
        || Script::by(|_, n| Reply::tool("calculate_expression", json!({"expression": format!("{n} + 1")})));
    for (line, named, requests) in
        [("model_calls = 4", "4 model calls", 4), ("tool_calls = 2", "2 tool calls", 3)]
    {
        let server = ModelServer::start(different());
        let home = Setup::of(&server).more(&format!("[agent.limits]\n{line}")).home();
        let ended = say(&home, "default", "count").with_code(1);
        assert!(ended.all().contains(named), "{ended}");
        assert!(server.requests().len() <= requests, "{}", server.requests().len());
        server.requests().iter().for_each(valid);
    }
}

#[test]
fn wall_time_has_a_limit() {
    let server = ModelServer::start(Script::by(|_, n| {
        Reply::tool("exec", json!({"command": format!("sleep 0.4; echo {n}")}))
    }));
    let home = Setup::of(&server).exec().more("[agent.limits]\nseconds = 1").home();
    let ended = say(&home, "default", "take your time").with_code(1);
    assert!(ended.all().contains("1 s"), "{ended}");
    server.requests().iter().for_each(valid);
}

#[test]
fn the_model_is_told_what_was_wrong_with_its_call() {
    for (what, reply, expected) in [
        ("an unknown tool", Reply::tool("no_such_tool", json!({})).unoffered(), "no_such_tool"),
        ("the wrong case", Reply::tool("Read_File", json!({"path": "a"})).unoffered(), "read_file"),
        ("no JSON", Reply::tool_raw("read_file", "{bad}"), "no valid JSON"),
        ("no object", Reply::tool_raw("read_file", "null"), "object"),
        ("a missing argument", Reply::tool("read_file", json!({})), "path"),
        ("an unknown argument", Reply::tool("read_file", json!({"path": "a", "colour": 1})), "colour"),
        ("a wrong type", Reply::tool("read_file", json!({"path": 5})), "path"),
    ] {
        let server = ModelServer::start(Script::by(move |request, _| {
            if request.tool_results().is_empty() { reply.clone() } else { Reply::text("I see.") }
        }));
        let home = Setup::of(&server).home();
        let answer = say(&home, "default", "go").with_code(0);
        assert!(answer.out.contains("I see."), "{what}: {answer}");
        let requests = server.requests();
        let results = requests.last().map(Request::tool_results).unwrap_or_default();
        assert_eq!(results.len(), 1, "{what}: {results:?}");
        assert!(results[0].1.contains(expected), "{what}: {results:?}");
        requests.iter().for_each(valid);
        assert_eq!(history(&home, "default").parts("tool_result")[0]["status"], "error", "{what}");
    }
}

#[test]
fn an_empty_answer_is_asked_for_once_more() {
    let server = ModelServer::start([Reply::text(""), Reply::text("Now then.")]);
    let home = Setup::of(&server).home();
    let answer = say(&home, "default", "hello");
    assert!(matches!(answer.code, Some(0 | 69)), "{answer}");
    assert!(!answer.all().contains("panicked"), "{answer}");
    server.requests().iter().for_each(valid);
}

#[test]
fn a_long_result_is_cut_where_it_says_so_and_read_on_by_page() {
    let server = ModelServer::start(Script::by(|request, n| {
        let results = request.tool_results();
        let id = results.first().and_then(|(_, text)| {
            let at = text.find("read_result id=")? + "read_result id=".len();
            Some(
                text[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect::<String>(),
            )
        });
        match (n, id) {
            (0, _) => Reply::tool("read_file", json!({"path": "long.txt"})),
            (1, Some(id)) => Reply::tool("read_result", json!({"id": id, "offset": 50_000, "limit": 200})),
            _ => Reply::text("read"),
        }
    }));
    let home = Setup::of(&server).more("[agent.budget]\nresult_chars = 2000").home();
    home.write("factotum/workspace/long.txt", "0123456789\n".repeat(5_000));
    say(&home, "default", "read the long file").ends(0);
    let requests = server.requests();
    assert_eq!(requests.len(), 3, "{:?}", requests.last().map(Request::tool_results));
    let cut = &requests[1].tool_results()[0].1;
    assert!(cut.contains("[truncated: ") && cut.chars().count() < 2_400, "{cut}");
    assert!(requests[2].tool_results()[0].1.contains("0123456789"), "{:?}", requests[2].tool_results());
}
