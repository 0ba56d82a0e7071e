//! Notes become memory: what it does, what it refuses, and what a kill leaves behind.

use std::collections::BTreeSet;

use it::{Output, Setup, run, sound};
use servers::{ModelServer, Reply, Request, Script, TempHome};

const MEMORY: &str = "factotum/workspace/memory/MEMORY.md";

/// What stands under a mark of the request, up to the next one.
fn part<'a>(text: &'a str, mark: &str) -> &'a str {
    let begun = text.split_once(mark).map_or("", |(_, rest)| rest);
    let begun = begun.split_once("=====\n").map_or("", |(_, rest)| rest);
    begun.split_once("\n=====").map_or(begun, |(part, _)| part)
}

/// A simple soul: everything that stands in the notes comes under what stands in the memory, whether it is there or not. What
/// is worked in twice would stand there twice.
fn merged(request: &Request) -> String {
    let text = request.last_user_text().unwrap_or_default();
    let mut memory = part(&text, "===== the memory file").trim().to_owned();
    for (at, _) in text.match_indices("===== notes: ") {
        for line in part(&text[at..], "===== notes").lines().filter(|line| line.starts_with("- ")) {
            memory.push_str(&format!("\n{line}"));
        }
    }
    memory
}

fn memory(home: &TempHome, arguments: &[&str]) -> Output {
    run(home.command().arg("memory").args(arguments))
}

#[test]
fn notes_are_worked_in_once_shown_and_undone() {
    let server = ModelServer::start(Script::by(|request, _| Reply::text(&merged(request))));
    let home = Setup::of(&server).home();
    home.write(MEMORY, "# Facts\n\n- Likes tea.\n");
    home.write("factotum/workspace/memory/2026-01-02.md", "# 2026-01-02\n- 09:00 Has a cat.\n");
    home.write("factotum/workspace/people/kim/2026-01-02.md", "- 10:00 Kim plays chess.\n");
    let done = memory(&home, &["consolidate"]).with_code(0);
    assert!(done.out.contains("memory:    1  ") && done.out.contains("+1 -0 lines"), "{done}");
    assert_eq!(home.read(MEMORY).as_deref(), Some("# Facts\n\n- Likes tea.\n- 09:00 Has a cat.\n"));
    let kim = home.read("factotum/workspace/people/kim/MEMORY.md").unwrap_or_default();
    assert_eq!(kim.trim(), "- 10:00 Kim plays chess.");
    let asked = server.requests();
    assert_eq!(asked.len(), 2);
    assert!(asked[0].tools().is_empty(), "it may call nothing");
    let whole: Vec<String> = asked.iter().map(|request| request.body.to_string()).collect();
    assert!(whole[0].contains("cat") && !whole[0].contains("chess"), "{}", whole[0]);
    assert!(whole[1].contains("chess") && !whole[1].contains("tea"), "{}", whole[1]);

    let again = memory(&home, &["consolidate"]).with_code(0);
    assert!(again.out.contains("there is nothing to do") && server.requests().len() == 2, "{again}");
    let log = memory(&home, &["log"]).with_code(0);
    assert!(log.out.contains("done") && log.out.contains("scripted"), "{log}");
    let diff = memory(&home, &["diff"]).with_code(0);
    assert!(diff.out.contains("\n+ - 09:00 Has a cat."), "{diff}");
    memory(&home, &["restore", "1"]).ends(0);
    assert_eq!(home.read(MEMORY).as_deref(), Some("# Facts\n\n- Likes tea.\n"));
    let still = memory(&home, &["consolidate"]).with_code(0);
    assert!(still.out.contains("there is nothing to do"), "what was undone is not done again: {still}");
    memory(&home, &["restore", "2"]).ends(0);
    assert!(home.read(MEMORY).is_some_and(|text| text.contains("cat")), "undoing can be undone");
    memory(&home, &["restore", "99"]).ends(66);
    memory(&home, &["diff", "99"]).ends(66);
    let kims = memory(&home, &["log", "--of", "kim", "--json"]).with_code(0);
    assert!(kims.out.contains("\"state\":\"applied\""), "{kims}");
    let usage = run(home.command().args(["usage", "--by", "purpose", "--json"])).with_code(0);
    assert!(usage.out.contains("\"consolidation\""), "{usage}");
}

#[test]
fn what_a_model_makes_up_or_loses_changes_nothing_and_is_tried_again() {
    let facts: String = (0..40).map(|n| format!("- fact number {n} about thing{n}\n")).collect();
    let good = format!("{facts}- 09:00 Has a cat.");
    let server = ModelServer::start(Script::in_order([
        Reply::text("I am sorry, I cannot do that."),
        Reply::error(400, "no"),
        Reply::text(&good),
    ]));
    let home = Setup::of(&server).home();
    home.write(MEMORY, &facts);
    home.write("factotum/workspace/memory/2026-01-02.md", "- 09:00 Has a cat.\n");
    let lost = memory(&home, &["consolidate"]).with_code(1);
    assert!(lost.out.contains("has lost most of the old one"), "{lost}");
    memory(&home, &["consolidate"]).ends(1);
    assert_eq!(home.read(MEMORY).as_deref(), Some(facts.as_str()));
    let letters = run(home.command().args(["dead-letters", "list"])).with_code(0);
    assert!(!letters.out.contains("memory"), "it is nobody's message: {letters}");
    memory(&home, &["consolidate"]).ends(0);
    assert!(home.read(MEMORY).is_some_and(|text| text.contains("cat")));
}

#[test]
fn an_edit_by_hand_meanwhile_wins() {
    let home = TempHome::new();
    let path = home.root().join(MEMORY);
    let server = ModelServer::start(Script::by(move |request, n| {
        if n == 0 {
            assert!(std::fs::write(&path, "- Likes coffee.\n").is_ok());
        }
        Reply::text(&merged(request))
    }));
    home.write("factotum/config.toml", Setup::of(&server).text());
    home.write(MEMORY, "- Likes tea.\n");
    home.write("factotum/workspace/memory/2026-01-02.md", "- 09:00 Has a cat.\n");
    let first = memory(&home, &["consolidate"]).with_code(0);
    assert!(first.out.contains("given up"), "{first}");
    assert_eq!(home.read(MEMORY).as_deref(), Some("- Likes coffee.\n"));
    memory(&home, &["consolidate"]).ends(0);
    assert_eq!(home.read(MEMORY).as_deref(), Some("- Likes coffee.\n- 09:00 Has a cat.\n"));
}

#[test]
fn a_kill_at_any_place_loses_nothing_and_doubles_nothing() {
    killed(20);
}

/// As above, more often.
#[test]
#[ignore = "a quarter of a minute; `cargo xtask crash` runs it"]
fn a_hundred_kills_lose_nothing_and_double_nothing() {
    killed(100);
}

fn killed(rounds: usize) {
    const SITES: [&str; 7] = [
        "consolidate.prepared:1",
        "consolidate.replaced:1",
        "consolidate.told:1",
        "model.before:1",
        "model.after:1",
        "commit.before:1",
        "commit.after:1",
    ];
    let server = ModelServer::start(Script::by(|request, _| Reply::text(&merged(request))));
    // `doctor` looks at the port as well, which others of this machine may have.
    let home = Setup::of(&server).more("[http]\nenabled = false").home();
    let mut died = BTreeSet::new();
    for round in 0..rounds {
        let day = format!("factotum/workspace/memory/20{:02}-{:02}-01.md", 10 + round / 12, 1 + round % 12);
        home.write(&day, format!("- w-{round} is known\n"));
        let site = SITES[round % SITES.len()];
        let mut command = home.command();
        command.args(["memory", "consolidate"]).env("FACTOTUM_FAILPOINT", format!("{site}:kill"));
        if run(&mut command).code.is_none() {
            died.insert(site);
        }
        memory(&home, &["consolidate"]).ends(0);
    }
    assert_eq!(died.len(), SITES.len(), "each place was met: {died:?}");
    let text = home.read(MEMORY).unwrap_or_default();
    for round in 0..rounds {
        let found = text.lines().filter(|line| *line == format!("- w-{round} is known")).count();
        assert_eq!(found, 1, "round {round}:\n{text}");
    }
    let log = memory(&home, &["log", "--json"]).with_code(0);
    assert_eq!(log.out.matches("\"state\":\"applied\"").count(), rounds, "{log}");
    let history = home.read("factotum/workspace/memory/HISTORY.md").unwrap_or_default();
    assert_eq!(history.lines().filter(|line| line.starts_with("- ")).count(), rounds, "{history}");
    // What was answered is not asked for again: only a kill before the answer was kept costs a second call.
    assert!(server.requests().len() <= rounds * 3 / 2 + 1, "{} calls", server.requests().len());
    sound(&home);
}
