//! A configured key turns up nowhere.

use std::fs;
use std::path::Path;

use it::{Setup, agent, run, say};
use serde_json::json;
use servers::{ModelServer, Reply, Script, TempHome};

const CANARY: &str = "sk-train-1234567890abcdef1234567890abcdef";

/// Whether any twelve characters of the canary in a row stand in the bytes.
fn leaks(bytes: &[u8]) -> bool {
    let canary = CANARY.as_bytes();
    // The prefix `sk-train-123` is part of it, so every window is looked for.
    canary.windows(12).any(|piece| bytes.windows(12).any(|window| window == piece))
}

fn assert_absent(what: &str, text: &str) {
    assert!(!leaks(text.as_bytes()), "the canary stands in {what}:\n{text}");
}

/// Every file below the data directory, except those that a test put the canary in itself.
fn assert_not_in_files(home: &TempHome, own: &[&str]) {
    let mut todo = vec![home.path()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                todo.push(path);
            } else if !own.iter().any(|name| path.ends_with(Path::new(name))) {
                let bytes = fs::read(&path).unwrap_or_default();
                assert!(!leaks(&bytes), "the canary stands in {}", path.display());
            }
        }
    }
}

fn with_key(server: &ModelServer, more: &str) -> TempHome {
    Setup::of(server).provider("api_key = \"env:CANARY_KEY\"").more(more).home()
}

#[test]
fn errors_of_the_provider_do_not_repeat_the_key() {
    for reply in [
        Reply::html(
            500,
            &format!("<html>your key was {CANARY}, header Authorization: Bearer {CANARY}</html>"),
        ),
        Reply::error(401, &format!("Incorrect API key provided: {CANARY}")),
        Reply::error(400, &format!("odd: {CANARY}")),
        Reply::error(404, &format!("no model for {CANARY}")),
        Reply::raw([format!("data: {{\"error\":{{\"message\":\"{CANARY}\"}}}}\n\n")], servers::End::Close),
    ] {
        let server = ModelServer::start(reply);
        let home = with_key(&server, "[log]\nlevel = \"trace\"\nfile = \"factotum.log\"");
        let failed = run(agent(&home, "default", "hello").env("CANARY_KEY", CANARY)).with_code(69);
        assert_eq!(server.requests()[0].bearer(), Some(CANARY), "the key was used");
        assert_absent("the output", &failed.all());
        assert!(home.read("factotum/logs/factotum.log").is_some_and(|log| !log.is_empty()));
        assert_not_in_files(&home, &[]);
        let letters =
            run(home.command().args(["dead-letters", "list"]).env("CANARY_KEY", CANARY)).with_code(0);
        assert_absent("the dead letters", &letters.all());
    }
}

#[test]
fn logs_of_every_level_are_without_it() {
    let server = ModelServer::start(Reply::text("hello"));
    let home = with_key(&server, "");
    for flags in ["-v", "-vv", "-vvv"] {
        let output = run(agent(&home, "default", "hello").arg(flags).env("CANARY_KEY", CANARY)).with_code(0);
        assert!(!output.err.is_empty(), "{flags} logs something");
        assert_absent(flags, &output.all());
    }
    let by_url = Setup::at(server.base_url().replace("http://", &format!("http://user:{CANARY}@"))).home();
    let output = run(agent(&by_url, "default", "hello").arg("-vvv"));
    assert_absent("a log with a key in the URL", &output.all());
}

#[test]
fn commands_show_it_as_stars() {
    let server = ModelServer::start(Reply::text("hello"));
    let literal = Setup::of(&server).provider(&format!("api_key = \"{CANARY}\"")).home();
    let referred = with_key(&server, "[http]\ntoken = \"env:CANARY_KEY\"");
    for home in [&literal, &referred] {
        for arguments in [
            &["config", "show"][..],
            &["config", "show", "--json"],
            &["config", "check"],
            &["config", "check", "--json"],
            &["status"],
            &["status", "--json"],
            &["doctor"],
            &["doctor", "--json"],
            &["agent", "-m", "hello", "--json"],
        ] {
            let output = run(home.command().args(arguments).env("CANARY_KEY", CANARY));
            assert_absent(&arguments.join(" "), &output.all());
            assert!(!output.all().contains("panicked"), "{output}");
        }
    }
}

#[test]
fn a_wrong_type_or_a_slip_beside_a_key_does_not_print_it() {
    for text in [
        format!("[providers.x]\nkind = \"openai\"\napi_key = [\"{CANARY}\"]\n"),
        format!("[providers.x]\nkind = \"openai\"\napi_kye = \"{CANARY}\"\n"),
        format!("[providers.x]\nkind = \"openai\"\napi_key = \"{CANARY}\nbase_url = \"x\"\n"),
        format!("[http]\ntoken = {{ a = \"{CANARY}\" }}\n"),
        format!("[channels.telegram]\nenabled = \"{CANARY}\"\ntoken = \"{CANARY}\"\n"),
    ] {
        let home = TempHome::with_config(&text);
        for output in [run(home.command().args(["config", "check"])), say(&home, "default", "hello")] {
            assert_absent(&text, &output.all());
        }
    }
}

#[test]
fn commands_that_tools_run_do_not_see_it() {
    let server = ModelServer::start(Script::tool_then_text(
        "exec",
        json!({"command": "printenv; env; set"}),
        "that is all",
    ));
    let home = Setup::of(&server).provider("api_key = \"env:CANARY_KEY\"").exec().home();
    run(agent(&home, "default", "what is set?").env("CANARY_KEY", CANARY).env("OPENAI_API_KEY", CANARY))
        .ends(0);
    let results = server.requests()[1].tool_results();
    assert!(results[0].1.contains("PATH="), "{results:?}");
    assert!(!results[0].1.contains("CANARY_KEY="), "the environment is cleaned: {results:?}");
    assert_absent("the tool's result", &results[0].1);
    assert_not_in_files(&home, &[]);
}
