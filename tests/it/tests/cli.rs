//! The command line itself.

use std::process::Command;

use it::{Setup, agent, history, in_terminal, parse_lines, run, run_with_input, runnable, say, skip};
use serde_json::{Value, json};
use servers::{ModelServer, Reply, Script, TempHome};

/// All commands, as their words.
const COMMANDS: &[&[&str]] = &[
    &[],
    &["agent"],
    &["onboard"],
    &["status"],
    &["doctor"],
    &["gateway"],
    &["gateway", "run"],
    &["gateway", "status"],
    &["gateway", "stop"],
    &["gateway", "reload"],
    &["gateway", "logs"],
    &["channels"],
    &["channels", "list"],
    &["channels", "status"],
    &["channels", "login"],
    &["pairing"],
    &["pairing", "list"],
    &["pairing", "approve"],
    &["pairing", "deny"],
    &["pairing", "revoke"],
    &["service"],
    &["service", "install"],
    &["service", "uninstall"],
    &["sessions"],
    &["sessions", "list"],
    &["sessions", "show"],
    &["sessions", "search"],
    &["sessions", "export"],
    &["sessions", "import"],
    &["sessions", "clear"],
    &["sessions", "delete"],
    &["approvals"],
    &["approvals", "list"],
    &["approvals", "allow"],
    &["approvals", "deny"],
    &["dead-letters"],
    &["dead-letters", "list"],
    &["dead-letters", "show"],
    &["dead-letters", "retry"],
    &["dead-letters", "drop"],
    &["turn"],
    &["turn", "show"],
    &["turn", "replay"],
    &["why"],
    &["config"],
    &["config", "check"],
    &["config", "show"],
    &["config", "schema"],
    &["completions"],
    &["man"],
];

#[test]
fn every_command_helps_as_it_is_written_down() {
    let home = TempHome::new();
    let mut all = String::new();
    for words in COMMANDS {
        let output = run(home.command().args(*words).arg("--help").env("COLUMNS", "100")).with_code(0);
        assert!(output.err.is_empty(), "{output}");
        let line = words.iter().copied().chain(["--help"]).collect::<Vec<_>>().join(" ");
        all.push_str(&format!("$ factotum {line}\n{}\n", output.out));
    }
    insta::assert_snapshot!("help", all);
    let files: Vec<_> = std::fs::read_dir(home.path()).into_iter().flatten().flatten().collect();
    assert!(files.is_empty(), "help makes nothing: {files:?}");
}

#[test]
fn the_version_and_a_bare_call_need_nothing() {
    let home = TempHome::new();
    for flag in ["--version", "-V"] {
        let output = run(home.command().arg(flag)).with_code(0);
        assert!(output.out.starts_with("factotum ") && output.out.lines().count() == 1, "{output}");
    }
    let bare = run(&mut home.command());
    assert!(bare.code == Some(2) && bare.all().contains("Usage"), "{bare}");
}

#[test]
fn completions_and_manual_pages_are_made() {
    let home = TempHome::new();
    for shell in ["bash", "zsh", "fish"] {
        let output = run(home.command().args(["completions", shell])).with_code(0);
        assert!(output.out.contains("factotum") && output.out.contains("dead-letters"), "{shell}");
        if runnable(shell, &["-c", "true"]) {
            let file = home.write(&format!("completion.{shell}"), &output.out);
            assert!(runnable(shell, &["-n", file.to_str().unwrap_or_default()]), "{shell} cannot read it");
        }
    }
    let page = run(home.command().arg("man")).with_code(0);
    assert!(page.out.contains(".TH factotum"), "{page}");
    let dir = home.root().join("man");
    run(home.command().args(["man", "--dir"]).arg(&dir)).ends(0);
    let pages: Vec<_> =
        std::fs::read_dir(&dir).into_iter().flatten().flatten().map(|entry| entry.file_name()).collect();
    assert!(pages.len() >= COMMANDS.len() - 1, "{pages:?}");
}

#[test]
fn a_reader_that_goes_away_causes_no_panic() {
    let home = TempHome::new();
    say(&home, "default", "help").ends(0);
    let binary = home.command().get_program().to_string_lossy().into_owned();
    for line in [
        "completions bash | head -1",
        "man | head -1",
        "config schema | head -1",
        "config show | head -1",
        "--help | head -1",
        "sessions show | head -1",
        "sessions export | head -1",
        "status | true",
        "agent -m help | true",
        "agent -m help --json | true",
        "doctor | true",
    ] {
        let mut command = Command::new("bash");
        command.args(["-c", &format!("{binary} {line}")]).env_clear();
        for (name, value) in home.command().get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        let output = run(&mut command);
        assert!(!output.err.contains("panicked"), "{line}: {output}");
        assert!(!output.err.contains("Broken pipe"), "{line}: {output}");
    }
}

#[test]
fn the_configuration_is_checked_shown_and_described() {
    let server = ModelServer::start(Reply::text("hi"));
    let home = Setup::of(&server).home();
    let checked = run(home.command().args(["config", "check"])).with_code(0);
    assert!(checked.out.contains("config.toml"), "{checked}");
    let shown = run(home.command().args(["config", "show"]).env("FACTOTUM_STORAGE__DURABILITY", "process"))
        .with_code(0);
    for part in ["test/scripted", "FACTOTUM_STORAGE__DURABILITY", "default"] {
        assert!(shown.out.contains(part), "{part}: {shown}");
    }
    for arguments in
        [&["config", "show", "--json"][..], &["config", "schema"], &["config", "check", "--json"]]
    {
        let output = run(home.command().args(arguments)).with_code(0);
        assert!(serde_json::from_str::<Value>(&output.out).is_ok(), "{output}");
    }
    let schema: Value =
        serde_json::from_str(&run(home.command().args(["config", "schema"])).out).unwrap_or_default();
    for section in ["agent", "providers", "channels", "http", "storage", "tools", "log"] {
        assert!(schema["properties"][section].is_object(), "{section}");
    }
    // What is shown is itself a configuration.
    let again = TempHome::with_config(&run(home.command().args(["config", "show"])).out);
    run(again.command().args(["config", "check"])).ends(0);
}

#[test]
fn sessions_are_listed_searched_exported_imported_cleared_and_deleted() {
    let home = TempHome::new();
    let empty = run(home.command().args(["sessions", "list"])).with_code(0);
    assert!(empty.out.contains("no sessions"), "{empty}");
    say(&home, "first", "what is 2 + 2").ends(0);
    say(&home, "first", "remember umbrella is blue").ends(0);
    say(&home, "second", "what is 3 + 3").ends(0);
    let listed = run(home.command().args(["sessions", "list"])).with_code(0);
    assert!(listed.out.contains("first") && listed.out.contains("second"), "{listed}");
    let found = run(home.command().args(["sessions", "search", "umbrella"])).with_code(0);
    assert!(found.out.contains("first") && !found.out.contains("second"), "{found}");
    let found = run(home.command().args(["sessions", "search", "umbrella", "--json"])).with_code(0);
    assert!(!parse_lines(&found.out).is_empty(), "{found}");
    run(home.command().args(["sessions", "search", " "])).ends(65);

    let file = home.root().join("export.jsonl");
    run(home.command().args(["sessions", "export", "first", "-o"]).arg(&file)).ends(0);
    let before = history(&home, "first");
    let last = run(home.command().args(["sessions", "show", "first", "--last", "1", "--json"])).with_code(0);
    assert_eq!(parse_lines(&last.out).len(), 1);
    let imported = run(home.command().args(["sessions", "import"]).arg(&file)).with_code(0);
    assert!(imported.out.contains("0 messages added"), "a second time adds nothing: {imported}");
    run(home.command().args(["sessions", "clear", "first"])).ends(0);
    assert!(history(&home, "first").0.is_empty());
    run(home.command().args(["sessions", "import"]).arg(&file)).ends(0);
    let messages =
        |history: &it::History| history.0.iter().map(|line| line["message"].clone()).collect::<Vec<_>>();
    assert_eq!(messages(&history(&home, "first")), messages(&before));
    run(home.command().args(["sessions", "import", "--session", "third"]).arg(&file)).ends(0);
    assert_eq!(history(&home, "third").roles(), before.roles());
    run(home.command().args(["sessions", "delete", "first"])).ends(0);
    run(home.command().args(["sessions", "delete", "first"])).ends(66);
    run(home.command().args(["sessions", "show", "first"])).ends(66);
    say(&home, "third", "what is 5 + 5").ends(0);
    assert_eq!(history(&home, "third").count("what is"), 2);

    let nonsense = home.write("nonsense.jsonl", "{\"session\": 5}\n");
    let refused = run(home.command().args(["sessions", "import"]).arg(&nonsense)).with_code(65);
    assert!(refused.err.contains("line 1"), "{refused}");
}

#[test]
fn onboarding_twice_changes_nothing_and_refresh_keeps_what_is_there() {
    let home = TempHome::new();
    let config = "factotum/config.toml";
    run(home.command().args([
        "onboard",
        "--model",
        "mine/some-model",
        "--base-url",
        "http://127.0.0.1:1/v1",
    ]))
    .ends(0);
    let first = home.read(config).unwrap_or_default();
    assert!(first.contains("mine/some-model") && first.contains("http://127.0.0.1:1/v1"), "{first}");
    run(home.command().args(["config", "check"])).ends(0);
    for name in ["AGENTS.md", "SOUL.md", "USER.md"] {
        assert!(home.read(&format!("factotum/workspace/{name}")).is_some(), "{name}");
    }
    home.write("factotum/workspace/SOUL.md", "my own words");
    let second = run(home.command().args(["onboard"])).with_code(0);
    assert!(second.out.contains("Kept"), "{second}");
    assert_eq!(home.read(config).as_deref(), Some(first.as_str()));
    assert_eq!(home.read("factotum/workspace/SOUL.md").as_deref(), Some("my own words"));
    let other = run(home.command().args(["onboard", "--model", "other/model"]));
    assert!(other.code != Some(0) && other.err.contains("--refresh"), "{other}");
    run(home.command().args(["onboard", "--refresh", "--model", "other/model", "--api-key", "env:OTHER"]))
        .ends(0);
    let refreshed = home.read(config).unwrap_or_default();
    assert!(refreshed.contains("mine/some-model") && refreshed.contains("[providers.other]"), "{refreshed}");
    for arguments in [&["--base-url", "http://x"][..], &["--model", "no-slash"]] {
        let fresh = TempHome::new();
        run(fresh.command().arg("onboard").args(arguments)).ends(65);
        assert_eq!(fresh.read(config), None, "a file that makes no sense is not left behind");
    }
}

#[test]
fn status_and_doctor_speak_json() {
    let server = ModelServer::start(Reply::text("hi"));
    let home = Setup::of(&server).home();
    let status = run(home.command().args(["status", "--json"])).with_code(0);
    let facts: Value = serde_json::from_str(&status.out).unwrap_or_default();
    for key in ["version", "model", "provider", "why", "home", "workspace", "sessions", "tools"] {
        assert!(!facts[key].is_null(), "{key}: {status}");
    }
    assert_eq!(facts["model"], "test/scripted");
    let text = run(home.command().arg("status")).with_code(0);
    assert!(text.out.contains("test/scripted") && text.out.contains("agent.model"), "{text}");
    let doctor = run(home.command().args(["doctor", "--json"])).with_code(0);
    let checks: Value = serde_json::from_str(&doctor.out).unwrap_or_default();
    let names: Vec<_> =
        checks.as_array().into_iter().flatten().filter_map(|check| check["name"].as_str()).collect();
    for name in ["configuration", "data directory", "database", "audit log", "workspace", "model"] {
        assert!(names.contains(&name), "{name}: {doctor}");
    }
    let ill = Setup::at(servers::refused_url()).home();
    let doctor = run(ill.command().arg("doctor"));
    assert!(doctor.code != Some(0) && doctor.out.contains("127.0.0.1"), "{doctor}");
}

#[test]
fn json_output_is_one_object_for_each_turn() {
    let server = ModelServer::start(Script::tool_then_text(
        "calculate_expression",
        json!({"expression": "1+1"}),
        "it is two",
    ));
    let home = Setup::of(&server).home();
    let output = run(agent(&home, "default", "count").arg("--json")).with_code(0);
    let objects = parse_lines(&output.out);
    assert_eq!(objects.len(), 1, "{output}");
    let object = &objects[0];
    assert_eq!((&object["content"], &object["stop_reason"]), (&json!("it is two"), &json!("answered")));
    assert_eq!(object["tools_used"], json!(["calculate_expression"]));
    assert!(object["error"].is_null());
    assert!(object["usage"].is_object(), "{output}");
    for key in ["session", "turn", "inbound", "correlation", "model"] {
        assert!(object["metadata"][key].is_string(), "{key}: {output}");
    }
    let ill = Setup::at(servers::refused_url()).home();
    let failed = run(agent(&ill, "default", "count").arg("--json")).with_code(69);
    let objects = parse_lines(&failed.out);
    assert_eq!(objects.len(), 1, "{failed}");
    assert_eq!(objects[0]["stop_reason"], "model_failed");
    assert!(objects[0]["error"]["message"].is_string());
}

#[test]
fn an_ephemeral_run_leaves_its_usage_and_no_session() {
    let server = ModelServer::start(Reply::text("gone soon"));
    let home = Setup::of(&server).home();
    let output = run(agent(&home, "default", "w-ephemeral-secret").arg("--ephemeral")).with_code(0);
    assert_eq!(output.out.trim(), "gone soon");
    assert!(history(&home, "default").0.is_empty());
    for name in ["factotum.db", "factotum.db-wal"] {
        let bytes = std::fs::read(home.path().join(name)).unwrap_or_default();
        assert!(!bytes.windows(18).any(|window| window == b"w-ephemeral-secret"), "{name}");
    }
    let usage = say(&home, "default", "/usage").with_code(0);
    assert!(usage.out.contains("100 tokens in"), "what it used is kept: {usage}");
}

#[test]
fn tools_can_be_called_without_a_model() {
    let home = TempHome::new();
    let direct = |text: &str| say(&home, "default", text);
    let sum = direct("tool:calculate_expression {\"expression\": \"17.5% of 1234.56\"}");
    assert!(matches!(sum.code, Some(0 | 1)), "{sum}");
    let sum = direct("tool:calculate_expression {\"expression\": \"17.5% * 1234.56\"}").with_code(0);
    assert!(sum.out.contains("216.048"), "{sum}");
    direct("tool:write_file {\"path\": \"a.txt\", \"content\": \"by hand\"}").ends(0);
    assert_eq!(home.read("factotum/workspace/a.txt").as_deref(), Some("by hand"));
    let read = direct("tool:read_file {\"path\": \"a.txt\"}").with_code(0);
    assert!(read.out.contains("by hand"), "{read}");
    assert!(direct("tool:current_datetime").with_code(0).out.contains("unix"));
    for (text, part) in [
        ("tool:no_such_tool {}", "no_such_tool"),
        ("tool:read_file {bad", "no valid JSON"),
        ("tool:read_file {}", "path"),
        ("tool:read_file {\"path\": \"../../etc/passwd\"}", "path"),
    ] {
        let output = direct(text);
        assert!(output.all().contains(part), "{text}: {output}");
        assert!(!output.all().contains("panicked"), "{output}");
    }
}

#[test]
fn slash_commands_need_no_model() {
    let home = TempHome::new();
    say(&home, "default", "what is 2 + 2").ends(0);
    for (command, part) in [
        ("/help", "/model"),
        ("/status", "offline"),
        ("/model", "offline"),
        ("/history", "what is 2 + 2"),
        ("/sessions", "default"),
        ("/usage", ""),
        ("/hlep", "/help"),
    ] {
        let output = say(&home, "default", command).with_code(0);
        assert!(output.out.contains(part), "{command}: {output}");
    }
    say(&home, "default", "/new").ends(0);
    let found = run(home.command().args(["sessions", "search", "2 + 2"])).with_code(0);
    assert!(found.out.contains("2 + 2"), "the old conversation stays searchable: {found}");
}

#[test]
fn a_new_conversation_is_sent_without_the_old_one() {
    let server = ModelServer::start(Reply::text("yes"));
    let home = Setup::of(&server).home();
    say(&home, "default", "w-old").ends(0);
    say(&home, "default", "/new").ends(0);
    say(&home, "default", "w-new").ends(0);
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert!(!requests[1].body.to_string().contains("w-old"), "{}", requests[1].body);
}

#[test]
fn a_message_can_be_piped_with_files_beside_it() {
    let server = ModelServer::start(Reply::text("seen"));
    let home = Setup::of(&server).home();
    let file = home.write("work/notes.md", "what the file says");
    let mut command = home.command();
    command.args(["agent", "-q", "-m", "-", "--file"]).arg(&file);
    let output = run_with_input(&mut command, "from the pipe\n").with_code(0);
    assert_eq!((output.out.trim(), output.err.as_str()), ("seen", ""), "{output}");
    let sent = server.requests()[0].last_user_text().unwrap_or_default();
    assert!(sent.contains("from the pipe") && sent.contains("what the file says"), "{sent}");
}

#[test]
fn an_image_is_sent_as_a_part() {
    let server = ModelServer::start(Reply::text("a small picture"));
    let home = Setup::of(&server).home();
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";
    let image = home.write("work/a.png", png);
    run(agent(&home, "default", "what is this").arg("--image").arg(&image)).ends(0);
    assert!(server.requests()[0].body.to_string().contains("data:image/png;base64,"));
    let text = home.write("work/b.png", "no image");
    let refused = run(agent(&home, "default", "what is this").arg("--image").arg(&text)).with_code(65);
    assert!(refused.err.contains("b.png"), "{refused}");
}

#[test]
fn a_run_in_a_terminal_can_be_asked_at_once() {
    if !runnable("script", &["-qec", "true", "/dev/null"]) {
        return skip("there is no `script` to make a terminal with");
    }
    for (typed, lines) in [("y\n", 1), ("n\n", 0)] {
        let home = TempHome::new();
        let ledger = home.ledger();
        let command = format!("echo ran >> {}", ledger.path().display());
        let server =
            ModelServer::start(Script::tool_then_text("exec", json!({"command": command}), "that is that"));
        home.write("factotum/config.toml", Setup::of(&server).agent("ask = [\"exec\"]").exec().text());
        let output = run_with_input(&mut in_terminal(&home, "agent -m go"), typed).with_code(0);
        assert!(output.out.contains("exec") && output.out.contains("that is that"), "{output}");
        assert_eq!(ledger.lines().len(), lines, "{output}");
    }
}
