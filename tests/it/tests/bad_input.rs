//! Messages, arguments and configurations that make no sense.

use std::os::unix::ffi::OsStrExt as _;

use it::{Setup, dead_letters, in_terminal, run, run_with_input, runnable, say, skip};
use serde_json::Value;
use servers::{ModelServer, Reply, Script, TempHome, bytes_of, entries};

/// One sentence on standard error, nothing on standard output, this code, and no session.
fn refused(home: &TempHome, output: it::Output, code: i32) -> String {
    let output = output.with_code(code);
    assert!(output.out.is_empty(), "{output}");
    assert!(output.err.starts_with("error: ") && output.err.lines().count() <= 3, "{output}");
    let listed = run(home.command().args(["sessions", "list", "--json"]));
    assert!(listed.out.is_empty(), "there must be no session: {listed}");
    output.err
}

#[test]
fn messages_that_cannot_be_used_have_their_own_exit_code() {
    let home = TempHome::new();
    let piped = |input: Vec<u8>| run_with_input(home.command().args(["agent", "-m", "-"]), input);
    let argument =
        |bytes: &[u8]| run(home.command().args(["agent", "-m"]).arg(std::ffi::OsStr::from_bytes(bytes)));
    for (what, output, part) in [
        ("empty", argument(b""), "empty"),
        ("white", argument(b" \n\t "), "empty"),
        ("empty input", piped(Vec::new()), "empty"),
        ("white input", piped(b" \r\n\t\n".to_vec()), "empty"),
        ("10 MB", piped(vec![b'a'; 10 << 20]), "1 MiB"),
        ("argument of wrong bytes", argument(b"ab\xff"), "UTF-8"),
        ("input of wrong bytes", piped(b"abc\xc3(".to_vec()), "UTF-8"),
        ("no terminal and no message", run(home.command().arg("agent")), "-m"),
    ] {
        let told = refused(&home, output, 65);
        assert!(told.contains(part), "{what}: {told}");
    }
}

#[test]
fn the_longest_message_that_is_allowed_arrives_whole() {
    let server = ModelServer::start(Reply::text("long indeed"));
    let home = Setup::of(&server).provider("context = 1_000_000").home();
    let text = "0123456789abcde\n".repeat(1 << 16);
    assert_eq!(text.len(), 1 << 20);
    run_with_input(home.command().args(["agent", "-m", "-"]), text.clone()).ends(0);
    assert!(server.requests()[0].last_user_text().is_some_and(|sent| sent.contains(text.trim())));
}

#[test]
fn hostile_characters_of_a_model_do_not_reach_the_terminal() {
    let server = ModelServer::start(Reply::text("a\u{1b}]0;title\u{7}b\u{1b}[2Jc\u{9b}5md"));
    let home = Setup::of(&server).home();
    say(&home, "default", "hello").ends(0);
    if runnable("script", &["-qec", "true", "/dev/null"]) {
        let answer = run(&mut in_terminal(&home, "agent -m hello")).with_code(0);
        for hostile in ["\u{1b}]0", "\u{7}", "\u{1b}[2J", "\u{9b}"] {
            assert!(!answer.out.contains(hostile), "{answer:?}");
        }
    } else {
        skip("there is no `script` to make a terminal with");
    }
    let shown = run(home.command().args(["sessions", "show"])).with_code(0);
    assert!(!shown.out.contains(['\u{1b}', '\u{7}', '\u{9b}']), "{shown:?}");
}

#[test]
fn command_lines_that_make_no_sense_end_with_two() {
    let home = TempHome::new();
    for arguments in [
        &["agent", "--no-such-flag"][..],
        &["no-such-command"],
        &["agent", "-m"],
        &["sessions"],
        &["sessions", "list", "--limit", "many"],
        &["completions", "no-such-shell"],
        &["dead-letters", "retry"],
    ] {
        let output = run(home.command().args(arguments)).with_code(2);
        assert!(
            output.out.is_empty() && output.err.contains("--help") || output.err.contains("Usage"),
            "{output}"
        );
    }
    let near = run(home.command().args(["sesions", "list"])).with_code(2);
    assert!(near.err.contains("sessions"), "the nearest is named: {near}");
    assert!(!home.path().join("factotum.db").exists(), "nothing was made");
}

#[test]
fn what_does_not_exist_has_its_own_exit_code() {
    let home = TempHome::new();
    for arguments in [
        &["sessions", "show", "nobody"][..],
        &["sessions", "clear", "nobody"],
        &["sessions", "delete", "nobody"],
        &["sessions", "export", "nobody"],
        &["sessions", "import", "no-such-file"],
        &["dead-letters", "show", "01890a5d-ac96-774b-bcce-b302099a8057"],
        &["dead-letters", "retry", "01890a5d-ac96-774b-bcce-b302099a8057"],
        &["dead-letters", "drop", "01890a5d-ac96-774b-bcce-b302099a8057"],
        &["agent", "-m", "hello", "--file", "no-such-file"],
        &["agent", "-m", "hello", "--image", "no-such-file"],
    ] {
        let output = run(home.command().args(arguments)).with_code(66);
        assert!(output.err.starts_with("error: ") && output.out.is_empty(), "{output}");
    }
    for (name, code) in [("", 65), (" ", 65), ("a\nb", 65), ("::", 65)] {
        run(home.command().args(["sessions", "show", name])).ends(code);
    }
}

#[test]
fn a_model_that_nobody_knows_is_named_and_the_message_is_kept() {
    let server = ModelServer::start(Script::by(|request, _| match request.body["model"].as_str() {
        Some("scripted") => Reply::text("hi"),
        _ => Reply::error(404, "there is no such model"),
    }));
    let home = Setup::of(&server).home();
    for (arguments, name) in [
        (&["agent", "-m", "hello", "--model", "nobody/model"][..], "nobody/model"),
        (&["agent", "-m", "hello", "--model", "test/nonsense"], "nonsense"),
        (&["agent", "-m", "hello", "--model", "test/"], "test/"),
    ] {
        let output = run(home.command().args(arguments)).with_code(69);
        assert!(output.all().contains(name) && output.all().contains("is kept"), "{output}");
    }
    assert_eq!(dead_letters(&home).len(), 3);
    say(&home, "default", "hello").ends(0);

    let offline = TempHome::new();
    let output = run(offline.command().args(["agent", "-m", "what is 1 + 1", "--model", "nobody/model"]))
        .with_code(69);
    assert!(output.all().contains("nobody"), "{output}");
    let named = TempHome::with_config("[agent]\nmodel = \"nobody/model\"\n");
    let output = say(&named, "default", "hello").with_code(78);
    assert!(output.err.contains("nobody") && output.err.contains("agent.model"), "{output}");
}

#[test]
fn configurations_name_the_file_the_line_the_key_and_the_nearest_right_one() {
    for (text, parts) in [
        ("[agent]\nmodle = \"a/b\"\n", &["config.toml:2", "agent.modle", "did you mean `agent.model`"][..]),
        ("[agnet]\n", &["config.toml:1", "agnet", "agent"]),
        ("[agent]\nask = \"exec\"\n", &["config.toml:2", "agent.ask"]),
        ("[storage]\n\ndurability = \"pover\"\n", &["config.toml:3", "storage.durability", "power"]),
        ("[agent]\napproval_minutes = 0\n", &["config.toml:2", "agent.approval_minutes"]),
        ("[providers.x]\nkind = \"openia\"\n", &["config.toml:2", "providers.x.kind", "openai"]),
        (
            "[providers.x]\nkind = \"openai\"\nbase_ur = \"x\"\n",
            &["config.toml:3", "providers.x.base_ur", "base_url"],
        ),
        ("[tools.exec]\nenabled = true\n", &["tools.exec", "sandbox", "\"none\""]),
        ("[agent]\nmodel = \"a\nb\"\n", &["config.toml:2"]),
        (
            "[agent]\nmodle = 1\n[log]\nlevle = 2\n",
            &["config.toml:2", "config.toml:4", "agent.modle", "log.levle"],
        ),
    ] {
        let home = TempHome::with_config(text);
        for output in [run(home.command().args(["config", "check"])), say(&home, "default", "hello")] {
            let output = output.with_code(78);
            for part in parts {
                assert!(output.all().contains(part), "{part} is missing for {text}: {output}");
            }
        }
        assert!(!home.path().join("factotum.db").exists(), "nothing is made for {text}");
    }
}

#[test]
fn variables_of_the_environment_are_checked_too() {
    let home = TempHome::new();
    let output =
        run(home.command().args(["config", "check"]).env("FACTOTUM_AGENT__APPROVAL_MINUTES", "soon"))
            .with_code(78);
    assert!(output.all().contains("FACTOTUM_AGENT__APPROVAL_MINUTES"), "{output}");
}

#[test]
fn a_configuration_that_is_no_file_is_named() {
    let home = TempHome::new();
    home.write("factotum/config.toml/inside", "");
    let missing = home.root().join("missing.toml");
    for (arguments, part) in [
        (vec!["config", "check"], "config.toml"),
        (vec!["agent", "-m", "hello"], "config.toml"),
        (vec!["agent", "-m", "hello", "--config", missing.to_str().unwrap_or_default()], "missing.toml"),
        (vec!["config", "check", "--config", missing.to_str().unwrap_or_default()], "missing.toml"),
    ] {
        let output = run(home.command().args(&arguments)).with_code(78);
        assert!(output.all().contains(part), "{output}");
    }
}

#[test]
fn every_entry_of_the_corpus_of_configurations_is_refused_with_a_clear_message() {
    let entries = entries("malformed_config");
    if entries.is_empty() {
        return skip("there is no corpus malformed_config here");
    }
    for entry in entries {
        let home = TempHome::new();
        home.write("factotum/config.toml", config_of(&entry["input"]));
        for output in [run(home.command().args(["config", "check"])), say(&home, "default", "hello")] {
            let what = format!("{} ({})", entry["id"], entry["why"]);
            match entry["expect"]["verdict"].as_str() {
                Some("reject") => {
                    assert!(output.code == Some(78), "{what}: {output}");
                    assert!(output.all().contains("config.toml"), "{what}: {output}");
                }
                Some("accept") => assert!(output.code == Some(0), "{what}: {output}"),
                _ => assert!(matches!(output.code, Some(0 | 78)), "{what}: {output}"),
            }
            assert!(!output.all().contains("panicked"), "{what}: {output}");
        }
    }
}

/// The bytes that an entry describes. The smallest configuration is an empty one, so that dotted keys can be appended.
fn config_of(input: &Value) -> Vec<u8> {
    if !input["text"].is_string()
        && let Some(bytes) = bytes_of(input)
    {
        return bytes;
    }
    let text = input["text"].as_str().or(input["append"].as_str()).unwrap_or_default();
    [
        ("{INT_KEY}", "agent.approval_minutes"),
        ("{ENUM_KEY}", "storage.durability"),
        ("{SECRET_KEY}", "http.token"),
        ("{BIND_KEY}", "http.bind"),
        ("{DURATION_KEY}", "agent.limits.seconds"),
        ("{STRING_KEY}", "agent.model"),
        ("{LIST_KEY}", "agent.ask"),
        ("{BOOL_KEY}", "tools.exec.enabled"),
        ("{URL_KEY}", "providers.x.base_url"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (name, key)| text.replace(name, key))
    .into_bytes()
}
