//! What people ask for once and for all.

use it::{Output, Setup, run, say};
use servers::{ModelServer, Reply, Script, TempHome};

fn rules(home: &TempHome, arguments: &[&str]) -> Output {
    run(home.command().args(["memory", "rules"]).args(arguments)).with_code(0)
}

fn system(server: &ModelServer, n: usize) -> String {
    server.requests()[n].body["messages"][0]["content"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn answer_in_german_is_said_once_and_holds_in_the_next_turn_and_after_a_restart() {
    let server = ModelServer::start(Reply::text("Gut."));
    let home = Setup::of(&server).home();
    // Each run is a process of its own: every later one is after a restart.
    let first = say(&home, "one", "Answer in German from now on.").with_code(0);
    assert!(first.all().contains("Gut."), "{first}");
    assert!(!system(&server, 0).contains("Standing rules"));
    say(&home, "two", "hello").ends(0);
    let second = system(&server, 1);
    assert!(
        second.contains("# Standing rules") && second.contains("- Answer in German from now on ("),
        "{second}"
    );

    let shown = say(&home, "two", "/memory rules").with_code(0);
    assert!(shown.out.contains("Answer in German from now on (you, everywhere"), "{shown}");
    assert!(shown.out.contains("said in cli:local:one, message "), "{shown}");
    let listed = rules(&home, &["--json"]);
    let rule: serde_json::Value = serde_json::from_str(listed.out.trim()).unwrap_or_default();
    let (id, message) =
        (rule["id"].as_str().unwrap_or_default(), rule["message"].as_str().unwrap_or_default());
    let why = run(home.command().args(["why", message])).with_code(0);
    assert!(why.out.contains("cli:local:one"), "the message can be looked at: {why}");

    say(&home, "two", "No, always answer in French").ends(0);
    say(&home, "two", "hello").ends(0);
    let french = system(&server, 3);
    assert!(french.contains("always answer in French") && !french.contains("German"), "{french}");

    let id = if id.is_empty() { "x" } else { id };
    assert!(
        run(home.command().args(["memory", "rules", "--remove", id])).code == Some(66),
        "it was replaced"
    );
    let now: serde_json::Value =
        serde_json::from_str(rules(&home, &["--json"]).out.trim()).unwrap_or_default();
    let id = now["id"].as_str().unwrap_or_default().to_owned();
    rules(&home, &["--edit", &id, "Answer in Italian"]);
    say(&home, "two", "hello").ends(0);
    assert!(system(&server, 4).contains("- Answer in Italian ("));
    say(&home, "two", &format!("/memory rules remove {id}")).ends(0);
    say(&home, "two", "hello").ends(0);
    assert!(!system(&server, 5).contains("Standing rules"));
}

#[test]
fn what_tools_came_to_is_kept_and_shown() {
    let server = ModelServer::start(Script::in_order([
        Reply::tool_raw("read_file", r#"{"path":"none.txt"}"#),
        Reply::tool_raw("list_dir", "{}"),
        Reply::text("There is no such file."),
    ]));
    let home = Setup::of(&server).home();
    say(&home, "default", "read it").ends(0);
    let told = run(home.command().args(["memory", "experience", "--json"])).with_code(0);
    let told: serde_json::Value = serde_json::from_str(told.out.trim()).unwrap_or_default();
    assert_eq!(told["tools"]["read_file"]["failed"], 1, "{told}");
    assert_eq!(told["tools"]["list_dir"]["worked"], 1, "{told}");
    assert_eq!(told["kinds"]["cli: list_dir, read_file"]["answered"], 1, "{told}");
}
