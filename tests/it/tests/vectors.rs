//! What was said and noted is found by what it means.

use it::{Desk, Setup, parse_lines, run, say, until};
use serde_json::json;
use servers::{ModelServer, Reply, Script, TempHome};

const ON: &str = "[memory.embeddings]\nmodel = \"test/synonyms\"";

fn memory(home: &TempHome, arguments: &[&str]) -> String {
    let mut command = home.command();
    command.arg("memory").args(arguments);
    run(&mut command).with_code(0).out
}

/// How often the server made vectors.
fn asked(server: &ModelServer) -> usize {
    server.other_requests().iter().filter(|request| request.path == "/v1/embeddings").count()
}

#[test]
fn a_paraphrase_is_found_by_its_meaning_alone() {
    let server = ModelServer::start(Script::in_order([
        Reply::text("Noted."),
        Reply::text("Nice."),
        Reply::tool("recall", json!({ "query": "physician" })),
        Reply::text("On Monday."),
    ]));
    let home = Setup::of(&server).more(ON).home();
    let _ = say(&home, "first", "my doctor expects me Monday").with_code(0);
    let _ = say(&home, "first", "the weather is fine").with_code(0);

    let found = memory(&home, &["search", "physician"]);
    assert!(found.contains("cli:local:first#1") && found.contains("my doctor"), "{found}");
    assert!(!found.contains("weather") && !found.contains("only the words"), "{found}");
    assert!(home.path().join("memory.vectors").exists());

    let told = say(&home, "second", "when am I expected?").with_code(0).out;
    assert!(told.contains("On Monday."), "{told}");
    let seen = server.requests().last().map(|request| request.body.to_string()).unwrap_or_default();
    assert!(seen.contains("cli:local:first#1") && seen.contains("my doctor expects me"), "{seen}");

    // The question alone is sent from here on: everything has its vector.
    let before = asked(&server);
    memory(&home, &["search", "dentist"]);
    assert_eq!(asked(&server), before + 2, "the tool's answer and the newest messages, then the question");
    memory(&home, &["search", "dentist"]);
    assert_eq!(asked(&server), before + 3);

    memory(&home, &["forget", "cli:local:first#1"]);
    let found = memory(&home, &["search", "--kind", "message", "physician"]);
    assert!(!found.contains("my doctor"), "{found}");
    memory(&home, &["add", "the", "doctor", "moved", "to", "Linz"]);
    let found = memory(&home, &["search", "--kind", "note", "physician"]);
    assert!(found.contains("moved to Linz"), "{found}");
}

#[test]
fn a_server_that_is_down_leaves_the_words_and_another_model_begins_anew() {
    let server = ModelServer::start(Reply::text("answer"));
    let gone = "[providers.gone]\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\n\
                [memory.embeddings]\nmodel = \"gone/m\"";
    let home = Setup::of(&server).more(gone).home();
    let _ = say(&home, "default", "my doctor expects me Monday").with_code(0);
    let found = memory(&home, &["search", "doctor"]);
    assert!(found.contains("my doctor") && found.contains("only the words themselves"), "{found}");
    assert!(memory(&home, &["search", "physician"]).contains("Nothing was found"));
    let failed = run(home.command().args(["memory", "reindex"])).with_code(1);
    assert!(failed.err.contains("made up for later"), "{}", failed.err);

    for model in ["test/synonyms", "offline/words", "test/other"] {
        let mut reindex = home.command();
        let reindex = reindex.env("FACTOTUM_MEMORY__EMBEDDINGS__MODEL", model).args(["memory", "reindex"]);
        let said = run(reindex).with_code(0).out;
        assert!(said.contains("2 texts got vectors"), "{model}: {said}");
        let again = run(reindex).with_code(0).out;
        assert!(again.contains("0 texts got vectors"), "{model}: {again}");
    }
    let off = Setup::of(&server).home();
    assert!(!memory(&off, &["reindex"]).contains("vectors"));
}

#[test]
fn what_the_configuration_says_of_vectors_is_checked() {
    let server = ModelServer::start(Reply::text("answer"));
    for (section, expected) in [
        ("model = \"nonsense\"", "names no provider and model"),
        ("model = \"nobody/m\"", "set up [providers.nobody]"),
        ("model = \"claude/m\"", "makes no vectors"),
        ("model = \"test/m\"\nsimilarity_percent = 150", "memory.embeddings.similarity_percent"),
        ("model = \"test/m\"\nbatch = 0", "memory.embeddings.batch"),
    ] {
        let more = format!("[providers.claude]\nkind = \"anthropic\"\n[memory.embeddings]\n{section}");
        let home = Setup::of(&server).more(&more).home();
        let said = run(home.command().args(["memory", "search", "x"]));
        assert_ne!(said.code, Some(0));
        assert!(said.err.contains(expected), "{section}: {}", said.err);
    }
}

#[test]
fn the_gateway_gives_vectors_to_what_is_said() {
    let desk = Desk::new(Script::by(|_, _| Reply::text("understood"))).more(ON);
    let gateway = desk.open();
    desk.say("my doctor expects me Monday");
    desk.hears("understood");
    // The question and the answer, without anybody searching.
    until("vectors", || {
        let texts = desk
            .server
            .other_requests()
            .iter()
            .filter_map(|r| r.body["input"].as_array().map(Vec::len))
            .sum::<usize>();
        (texts == 2).then_some(())
    });
    gateway.stop();
    let hits = parse_lines(&memory(&desk.home, &["search", "--json", "physician"]));
    assert_eq!(hits.len(), 1, "{hits:?}");
    assert_eq!(hits[0]["text"], "my doctor expects me Monday");
}
