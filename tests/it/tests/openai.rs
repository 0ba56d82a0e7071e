//! Any OpenAI-compatible server: from the environment or from the configuration.

use std::path::Path;

use it::{Proc, Setup, agent, run, say, until, valid};
use serde_json::json;
use servers::{Gate, Hold, ModelServer, Reply, Request, Script, TempHome};

/// A home without a configuration, and a command that finds the server by the environment.
fn by_environment(server: &ModelServer, home: &TempHome, text: &str) -> std::process::Command {
    let mut command = agent(home, "default", text);
    command.env("OPENAI_API_KEY", "sk-of-the-test").env("OPENAI_BASE_URL", server.base_url());
    command
}

#[test]
fn a_key_and_a_base_url_are_enough_to_stream_call_tools_and_write_a_file() {
    let server = ModelServer::with_models(
        Script::in_order([
            Reply::tool("write_file", json!({"path": "notes/a.txt", "content": "hello from the model"}))
                .arguments_in(5),
            Reply::text("The file is written.").in_deltas(4),
        ]),
        &["first-of-the-list", "second"],
    );
    let home = TempHome::new();
    let answer = run(&mut by_environment(&server, &home, "please write a file")).with_code(0);
    assert_eq!(answer.out.trim(), "The file is written.", "{answer}");
    assert_eq!(home.read("factotum/workspace/notes/a.txt").as_deref(), Some("hello from the model"));

    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    let first = &requests[0];
    assert_eq!(first.bearer(), Some("sk-of-the-test"));
    assert_eq!(first.body["model"], "first-of-the-list", "the first that /models lists");
    assert!(first.wants_stream() && first.wants_usage());
    assert_eq!(first.roles().first(), Some(&"system"));
    for tool in ["read_file", "write_file", "edit_file", "list_dir", "glob", "grep", "calculate_expression"] {
        assert!(first.tools().contains(&tool), "{tool}: {:?}", first.tools());
    }
    assert!(!first.tools().contains(&"exec"), "exec is off unless it is written out");
    assert_eq!(requests[1].tool_results().len(), 1);
    requests.iter().for_each(valid);
}

#[test]
fn the_model_of_the_environment_counts() {
    let server = ModelServer::start(Reply::text("yes"));
    let home = TempHome::new();
    run(by_environment(&server, &home, "hello").env("OPENAI_MODEL", "named-here")).ends(0);
    assert_eq!(server.requests()[0].body["model"], "named-here");
    let status = run(home
        .command()
        .args(["status", "--json"])
        .env("OPENAI_API_KEY", "sk-of-the-test")
        .env("OPENAI_BASE_URL", server.base_url()))
    .with_code(0);
    assert!(status.out.contains("OPENAI_API_KEY is set"), "{status}");
    assert!(!status.all().contains("sk-of-the-test"), "{status}");
}

#[test]
fn text_appears_while_the_model_still_writes() {
    let gate = Gate::new();
    let reply =
        Reply::deltas(["Once upon ", "a time.", " The end."]).hold_after(3, Hold::Until(gate.clone()));
    let server = ModelServer::start(reply);
    let home = Setup::of(&server).home();
    let running = Proc::start(&mut agent(&home, "default", "tell me a story"));
    until("the first words", || running.out_so_far().contains("Once upon").then_some(()));
    assert!(!running.out_so_far().contains("The end"));
    gate.open();
    let answer = running.wait().with_code(0);
    assert_eq!(answer.out.trim(), "Once upon a time. The end.");
}

#[test]
fn the_first_request_with_all_tools_is_small() {
    let server = ModelServer::start(Reply::text("hi"));
    let home = Setup::of(&server).exec().home();
    run(home.command().args(["onboard", "--yes"])).ends(0);
    say(&home, "default", "hello").ends(0);
    let request = &server.requests()[0];
    println!("first request: {} bytes, {} tools", request.raw.len(), request.tools().len());
    assert!(request.tools().contains(&"exec"), "{:?}", request.tools());
    assert!(request.raw.len() <= 19 * 1024, "{} bytes", request.raw.len());
}

#[test]
fn keys_come_from_the_environment_a_file_or_a_program() {
    let server = ModelServer::start(Reply::text("hi"));
    let home = TempHome::new();
    let file = home.write("key.txt", "key-of-the-file\n");
    let program = home.write("key.sh", "#!/bin/sh\necho key-of-the-program\n");
    let made = std::process::Command::new("chmod").arg("700").args([&program, &file]).status();
    assert!(made.is_ok_and(|status| status.success()));
    let place = |path: &Path| path.display().to_string();
    for (reference, expected) in [
        ("env:MY_OWN_KEY".to_owned(), "key-of-the-environment"),
        (format!("file:{}", place(&file)), "key-of-the-file"),
        (format!("cmd:{}", place(&program)), "key-of-the-program"),
    ] {
        let text = Setup::of(&server).provider(&format!("api_key = \"{reference}\"")).text();
        home.write("factotum/config.toml", text);
        let answer = run(agent(&home, "default", "hello").env("MY_OWN_KEY", "key-of-the-environment"));
        let answer = answer.with_code(0);
        assert_eq!(server.requests().last().and_then(Request::bearer), Some(expected), "{answer}");
        let shown = run(home.command().args(["config", "show"]).env("MY_OWN_KEY", "key-of-the-environment"));
        assert!(!shown.all().contains(expected), "{shown}");
    }
}

#[test]
fn a_reference_that_leads_nowhere_is_named() {
    let server = ModelServer::start(Reply::text("hi"));
    for reference in ["env:NOT_SET_ANYWHERE", "file:/no/such/file", "cmd:/no/such/program"] {
        let home = Setup::of(&server).provider(&format!("api_key = \"{reference}\"")).home();
        let answer = say(&home, "default", "hello").with_code(78);
        let name = &reference[reference.find(':').map_or(0, |at| at + 1)..];
        assert!(answer.err.contains(name) && answer.err.contains("providers.test.api_key"), "{answer}");
        assert!(answer.out.is_empty(), "{answer}");
    }
    assert!(server.requests().is_empty());
}

#[test]
fn models_are_chosen_by_the_configuration_by_a_flag_and_by_a_command() {
    let server = ModelServer::start(Reply::text("hi"));
    let home = Setup::of(&server).agent("model = \"test/configured\"").home();
    let model = || server.requests().last().map(|request| request.body["model"].clone());
    say(&home, "default", "hello").ends(0);
    assert_eq!(model(), Some(json!("configured")));
    run(agent(&home, "default", "hello").args(["--model", "test/by-flag"])).ends(0);
    assert_eq!(model(), Some(json!("by-flag")));
    say(&home, "default", "/model test/by-command").ends(0);
    say(&home, "default", "hello").ends(0);
    assert_eq!(model(), Some(json!("by-command")));
    say(&home, "another", "hello").ends(0);
    assert_eq!(model(), Some(json!("configured")), "the command counts in its conversation only");
    let offline =
        run(agent(&home, "default", "what is 3 * 3").args(["--model", "offline/offline"])).with_code(0);
    assert!(offline.out.contains('9') && offline.out.contains("offline provider"), "{offline}");
}

#[test]
fn the_workspace_can_be_anywhere() {
    let elsewhere = TempHome::new();
    let absolute = elsewhere.root().join("my files");
    for (line, folder) in [
        (format!("workspace = {:?}", absolute.display().to_string()), absolute),
        ("workspace = \"beside/it\"".to_owned(), "factotum/beside/it".into()),
    ] {
        let call = json!({"path": "a.txt", "content": "here"});
        let server = ModelServer::start(Script::tool_then_text("write_file", call, "done"));
        let home = Setup::of(&server).agent(&line).home();
        say(&home, "default", "write it").ends(0);
        let written = home.root().join(folder).join("a.txt");
        assert_eq!(std::fs::read_to_string(&written).ok().as_deref(), Some("here"), "{}", written.display());
    }
}

#[test]
fn several_calls_of_one_reply_are_answered_in_their_order() {
    let server = ModelServer::start(Script::by(|request, _| {
        if request.tool_results().is_empty() {
            Reply::tool("read_file", json!({"path": "a.txt"}))
                .and_tool("write_file", json!({"path": "b.txt", "content": "new"}))
                .and_tool("read_file", json!({"path": "b.txt"}))
                .and_tool("calculate_expression", json!({"expression": "6*7"}))
                .and_tool("kv_memory", json!({"action": "save", "key": "k", "value": "v"}))
                .arguments_in(3)
        } else {
            Reply::text("all of it")
        }
    }));
    let home = Setup::of(&server).home();
    home.write("factotum/workspace/a.txt", "first");
    home.write("factotum/workspace/b.txt", "old");
    say(&home, "default", "do all of it").ends(0);
    let request = &server.requests()[1];
    let results = request.tool_results();
    assert_eq!(results.len(), 5, "{results:?}");
    for ((id, text), (n, part)) in results.iter().zip(["first", "b.txt", "new", "42", "k"].iter().enumerate())
    {
        assert!(id.ends_with(&format!("_{n}")) && text.contains(part), "{results:?}");
    }
    valid(request);
}

#[test]
fn what_the_model_thinks_is_shown_only_when_asked_for() {
    let server = ModelServer::start(Reply::text("the answer").reasoning(["let me ", "think hard"]));
    let home = Setup::of(&server).home();
    let plain = say(&home, "default", "hello").with_code(0);
    assert!(plain.out.trim() == "the answer" && !plain.all().contains("think hard"), "{plain}");
    let shown = run(agent(&home, "default", "hello").arg("--show-reasoning")).with_code(0);
    assert!(shown.all().contains("think hard") && shown.out.contains("the answer"), "{shown}");
    assert!(!server.requests()[1].body.to_string().contains("think hard"), "thoughts are not sent back");
}
