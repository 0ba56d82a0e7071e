//! Files of the workspace that nobody can read as they are: each turn is answered, and what was left out is said with the
//! reason.

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use it::{Output, Setup, run, say, skip};
use servers::{ModelServer, Reply, TempHome, bytes_of, entries};

const MEMORY: &str = "factotum/workspace/memory/MEMORY.md";

fn shown(home: &TempHome) -> Output {
    run(home.command().args(["context", "show", "main"])).with_code(0)
}

fn place(home: &TempHome) -> PathBuf {
    home.root().join(MEMORY)
}

/// What the model got to read in the newest request.
fn sent(server: &ModelServer) -> String {
    server.requests().pop().map(|request| request.body.to_string()).unwrap_or_default()
}

#[test]
fn a_memory_of_fifty_megabytes_gives_its_end_and_says_what_is_missing() {
    let server = ModelServer::start(Reply::text("Hello."));
    let home = Setup::of(&server).home();
    let mut memory = "- an old fact that nobody needs\n".repeat((50 << 20) / 32);
    memory.push_str("- the newest fact is pistachio\n");
    home.write(MEMORY, &memory);
    assert_eq!(say(&home, "main", "hello").with_code(0).out.trim(), "Hello.");
    let sent = sent(&server);
    assert!(sent.contains("the newest fact is pistachio") && sent.len() < 1 << 20, "{} bytes", sent.len());
    let context = shown(&home).out;
    let line = context.lines().find(|line| line.contains("MEMORY.md")).unwrap_or_default().to_owned();
    assert!(line.contains(&format!("of its {} bytes are not read", memory.len())), "{context}");
    let chat = say(&home, "main", "/context").with_code(0).out;
    assert!(chat.contains(&format!("of its {} bytes are not read", memory.len())), "{chat}");
    assert_eq!(fs::metadata(place(&home)).map(|found| found.len()).ok(), Some(memory.len() as u64));
}

#[test]
fn a_memory_that_is_no_text_or_no_file_is_left_out_with_the_reason() {
    let server = ModelServer::start(Reply::text("Hello."));
    let home = Setup::of(&server).home();
    home.write(MEMORY, "- a fact about pistachio\n");
    say(&home, "main", "hello").ends(0);
    assert!(sent(&server).contains("pistachio"));
    type Spoil = fn(&PathBuf) -> std::io::Result<()>;
    let spoil: [(&str, Spoil); 4] = [
        ("it is not UTF-8 (byte 4)", |path| fs::write(path, b"- a \xff\xfe fact")),
        ("it is no file", |path| fs::remove_file(path).and_then(|()| fs::create_dir(path))),
        // A link to itself.
        ("it cannot be read", |path| fs::remove_dir(path).and_then(|()| symlink("MEMORY.md", path))),
        // It has vanished: there is nothing to tell.
        ("", |path| fs::remove_file(path)),
    ];
    for (why, spoil) in spoil {
        spoil(&place(&home)).unwrap_or_else(|error| panic!("{why}: {error}"));
        assert_eq!(say(&home, "main", "hello").with_code(0).out.trim(), "Hello.", "{why}");
        assert!(!sent(&server).contains("about pistachio"), "{why}");
        let chat = say(&home, "main", "/context").with_code(0).out;
        for context in [shown(&home).out, chat] {
            let line = context.lines().find(|line| line.contains("MEMORY.md")).unwrap_or_default();
            assert!(line.contains(why) && line.is_empty() == why.is_empty(), "{why}: {context}");
        }
    }
    home.write(MEMORY, "- it is back, about pistachio\n");
    say(&home, "main", "hello").ends(0);
    assert!(sent(&server).contains("it is back, about pistachio"));
}

#[test]
fn all_samples_of_malformed_skills_at_once_stop_neither_the_turn_nor_a_good_skill() {
    let entries = entries("malformed_skill");
    if entries.is_empty() {
        return skip("there is no corpus malformed_skill here");
    }
    let server = ModelServer::start(Reply::text("Hello."));
    let home = Setup::of(&server).home();
    home.write(
        "factotum/workspace/skills/tea/SKILL.md",
        "---\nname: tea\ndescription: How to make tea.\n---\nBoil water.",
    );
    let mut spoiled = Vec::new();
    for (number, entry) in entries.iter().enumerate() {
        let file = format!("skills/case-{number}/SKILL.md");
        let inside = format!("factotum/workspace/{file}");
        match (bytes_of(&entry["input"]), entry["input"]["symlink"].as_str()) {
            (Some(bytes), _) => drop(home.write(&inside, bytes)),
            (None, Some(target)) => {
                home.write(&format!("factotum/workspace/skills/case-{number}/beside"), "");
                symlink(target, home.root().join(&inside)).unwrap_or_else(|error| panic!("{error}"));
            }
            (None, None) => panic!("an input of a new kind: {entry}"),
        }
        if entry["expect"]["verdict"] == "skip" {
            spoiled.push((file, entry["id"].clone()));
        }
    }
    assert!(spoiled.len() > 3, "{spoiled:?}");
    assert_eq!(say(&home, "main", "hello").with_code(0).out.trim(), "Hello.");
    assert!(sent(&server).contains("- tea: How to make tea."));
    let list = run(home.command().args(["skills", "list"])).with_code(0);
    let chat = say(&home, "main", "/skill").with_code(0);
    let check = run(home.command().args(["skills", "check"])).with_code(65);
    for (file, id) in spoiled {
        assert!(list.out.contains(&file) && check.out.contains(&file), "{id}: {check}");
        assert!(chat.out.contains(&file) || chat.out.contains("more"), "{id}: {chat}");
    }
    assert!(!check.all().contains("panicked") && !list.all().contains("panicked"));
}
