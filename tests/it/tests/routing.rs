//! Who answers: small models with tools in plain text, and the choice between models.

use it::{Setup, history, parse_lines, run, say};
use serde_json::json;
use servers::{ModelServer, Reply, Request, Script};

/// The text of a whole request, for what stands anywhere in it.
fn sent(server: &ModelServer, n: usize) -> String {
    server.requests()[n].body.to_string()
}

#[test]
fn a_small_model_calls_tools_in_plain_text_and_hears_of_its_mistakes() {
    let block = |inner: &str| {
        Reply::text(&format!("I will write it.\n<tool_call>\n{inner}\n</tool_call>")).in_deltas(7)
    };
    let server = ModelServer::start(Script::in_order([
        block("{\"name\": \"write_file\", \"arguments\": {\"path\": \"a.txt\", \"content\": \"half"),
        block("{\"name\": \"write_file\", \"arguments\": {\"path\": \"a.txt\", \"content\": \"whole\"}}"),
        Reply::text("It is written."),
    ]));
    let home = Setup::of(&server).agent("model = \"test/gemma3:4b\"").home();
    let answer = say(&home, "default", "please write a file").with_code(0);
    assert!(answer.out.contains("It is written.") && !answer.out.contains("tool_call"), "{answer}");
    assert_eq!(home.read("factotum/workspace/a.txt").as_deref(), Some("whole"), "nothing was repaired");

    let requests = server.requests();
    assert!(requests.iter().all(|request| request.body.get("tools").is_none()));
    assert!(sent(&server, 0).contains("## write_file"), "the tools stand in the system prompt");
    for request in &requests {
        let roles = request.roles();
        assert!(roles[1..].windows(2).all(|pair| pair[0] != pair[1]), "they take turns: {roles:?}");
    }
    assert!(requests[1].last_user_text().is_some_and(|text| text.contains("nothing was called")));
    assert!(
        requests[2].last_user_text().is_some_and(|text| text.contains("<tool_result name=\"write_file\">"))
    );
    let kept = format!("{:?}", history(&home, "default").0);
    assert!(kept.contains("write_file"), "in the history it is a call like any other: {kept}");
}

#[test]
fn a_model_that_makes_the_same_mistake_again_is_not_asked_for_ever() {
    let server = ModelServer::start(Reply::text("<tool_call>\nwrite_file(a.txt)\n</tool_call>"));
    let home = Setup::of(&server).provider("tools = \"text\"").home();
    let answer = say(&home, "default", "please write a file");
    assert!(server.requests().len() <= 3, "{} requests: {answer}", server.requests().len());
}

#[test]
fn a_server_that_loads_models_just_in_time_is_asked_for_a_token_first() {
    let server = ModelServer::start(Script::in_order([
        Reply::error(503, "the model is loading"),
        Reply::text("x"),
        Reply::text("Here I am."),
    ]));
    let home = Setup::of(&server).provider("just_in_time = true").home();
    assert_eq!(say(&home, "default", "hello").with_code(0).out.trim(), "Here I am.");
    let asked: Vec<bool> = server.requests().iter().map(|request| request.body["max_tokens"] == 1).collect();
    assert_eq!(asked, [true, true, false]);
}

/// Answers by the model's name, and as a router says `specialist` to what is hard.
fn by_name() -> Script {
    Script::by(|request, _| {
        let text = request.last_user_text().unwrap_or_default();
        match request.body["model"].as_str() {
            Some("tiny") if text.contains("broken") => Reply::error(400, "no"),
            Some("tiny") if text.contains("hard") => Reply::text("{\"to\": \"specialist\"}"),
            Some("tiny") => Reply::text("{\"to\": \"main\"}"),
            Some(model) => Reply::text(&format!("from {model}")),
            None => Reply::error(400, "no model"),
        }
    })
}

#[test]
fn rules_and_a_small_model_choose_who_answers_and_the_bill_and_the_log_say_so() {
    let server = ModelServer::start(by_name());
    let home = Setup::of(&server)
        .agent("local = \"test/mine\"")
        .more(
            "[routing]\nmodel = \"test/tiny\"\nspecialist = \"test/expert\"\n\
             [routing.rules.code]\nmatch = \"compile\"\nmodel = \"test/coder\"\n\
             [routing.rules.clock]\nmatch = \"^what time\"\ntool = \"current_datetime\"",
        )
        .home();
    for (text, answer) in [
        ("hello", "from scripted"),
        ("a hard one", "from expert"),
        ("a broken one", "from scripted"),
        ("why does it not compile?", "from coder"),
    ] {
        assert_eq!(say(&home, "default", text).with_code(0).out.trim(), answer, "{text}");
    }
    let before = server.requests().len();
    let clock = say(&home, "default", "What time is it?").with_code(0);
    assert!(clock.out.contains("20"), "{clock}");
    assert_eq!(server.requests().len(), before, "no model was asked");
    for (text, answer) in [
        ("/local", "This conversation now uses test/mine."),
        ("a hard one", "from mine"),
        ("/local", "This conversation uses the default model, test/scripted."),
        ("a hard one", "from expert"),
    ] {
        assert_eq!(say(&home, "default", text).with_code(0).out.trim(), answer, "{text}");
    }
    let bill = run(home.command().args(["usage", "--by", "purpose", "--json"])).with_code(0);
    assert!(bill.out.contains("routing"), "{bill}");
}

#[test]
fn a_router_that_cannot_be_had_is_named_at_the_start() {
    let server = ModelServer::start(Reply::text("hi"));
    for (more, named) in [
        ("[routing]\nmodel = \"test/\"", "routing.model"),
        ("[routing]\nspecialist = \"test/expert\"", "routing.specialist"),
        ("[routing.rules.odd]\nmatch = \"(\"", "routing.rules.odd.match"),
        ("[routing.rules.odd]\nmatch = \"a\"\nmodel = \"test/a\"\ntool = \"b\"", "routing.rules.odd"),
    ] {
        let home = Setup::of(&server).more(more).home();
        let answer = say(&home, "default", "hello").with_code(78);
        assert!(answer.err.contains(named), "{named}: {answer}");
        // What needs no key to be seen is seen without starting.
        if named != "routing.model" {
            let checked = run(home.command().args(["config", "check"])).with_code(78);
            assert!(checked.all().contains(named), "{named}: {checked}");
        }
    }
    assert!(server.requests().is_empty());
}

/// How many results of tools a request holds.
fn results_in(request: &Request) -> usize {
    request.roles().iter().filter(|role| **role == "tool").count()
}

#[test]
fn a_worker_runs_the_tool_loop_and_the_main_model_answers() {
    let server = ModelServer::start(Script::by(|request, _| {
        match (request.body["model"].as_str(), results_in(request)) {
            (Some("cheap"), 1) => Reply::tool("calculate_expression", json!({"expression": "2 + 3"})),
            (Some("cheap"), _) => Reply::text("nobody reads this"),
            (_, 0) => Reply::tool("current_datetime", json!({})),
            _ => Reply::text("the answer"),
        }
    }));
    let home = Setup::of(&server).more("[routing]\nworker = \"test/cheap\"").home();
    let answer = say(&home, "default", "look around").with_code(0);
    assert_eq!(answer.out.trim(), "the answer", "{answer}");
    let asked: Vec<bool> = server.requests().iter().map(|request| request.body["model"] == "cheap").collect();
    assert_eq!(asked, [false, true, true, false]);
    assert_eq!(results_in(&server.requests()[3]), 2, "the main model sees all that was found");
    let bill = run(home.command().args(["usage", "--by", "model", "--json"])).with_code(0);
    let calls = parse_lines(&bill.out);
    assert!(calls.iter().all(|line| line["calls"] == 2) && calls.len() == 2, "{bill}");
    let wrong = Setup::of(&server).more("[routing]\nworker = \"test/\"").home();
    let refused = say(&wrong, "default", "hello").with_code(78);
    assert!(refused.err.contains("routing.worker"), "{refused}");
}
