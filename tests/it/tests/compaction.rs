//! Summaries, through the binary: they are made, survive kills, and lose nothing.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it set it up")]

use it::{Setup, agent, history, run, say};
use serde_json::Value;
use servers::{ModelServer, Reply, Request, Script, TempHome, Usage};

const SITES: [&str; 3] = ["compaction.asked", "compaction.before", "compaction.after"];

fn asks_for_summary(request: &Request) -> bool {
    String::from_utf8_lossy(&request.raw).contains("You write the summary that stands in the place")
}

/// An answer with what a server that counts would say it cost.
fn counted(request: &Request, text: &str) -> Reply {
    let tokens = |bytes: usize| bytes as u64 / 4;
    Reply::text(text).usage(Usage {
        prompt: tokens(request.raw.len()),
        completion: tokens(text.len()),
        cached: 0,
    })
}

/// Answers with the words that it is asked about, and summarises with the number of the newest message that it reads.
fn model() -> ModelServer {
    ModelServer::start(Script::by(|request, _| {
        let text = request.last_user_text().unwrap_or_default();
        if asks_for_summary(request) {
            let newest =
                text.rsplit("[#").next().and_then(|rest| rest.split(']').next()).unwrap_or("1").to_owned();
            return counted(request, &format!("- they spoke of many words, the last in [#{newest}]"));
        }
        if text.contains("open it") && request.tool_results().is_empty() {
            return Reply::tool("recall", serde_json::json!({"open": "[#3-#4]"}));
        }
        let words = it::words(request);
        counted(
            request,
            &format!("did {} {}", words.first().cloned().unwrap_or_default(), "word ".repeat(150)),
        )
    }))
}

/// A window so small that a summary is due every few turns.
fn setup(server: &ModelServer) -> Setup {
    Setup::of(server)
        .provider("context = 8000")
        .more("[agent.budget]\nhistory = \"25%\"\n[compaction]\nkeep = 20")
}

fn context(home: &TempHome) -> Value {
    let mut command = home.command();
    command.args(["context", "show", "main", "--json"]);
    serde_json::from_str(&run(&mut command).with_code(0).out).unwrap()
}

/// Every message stands in the history once, with its answer behind it.
fn assert_whole(home: &TempHome, said: usize) {
    let history = history(home, "main");
    for role in ["user", "assistant"] {
        let texts = history.texts(role);
        assert_eq!(texts.len(), said, "{role}");
        for (n, text) in texts.iter().enumerate() {
            assert!(
                text.contains(&format!("do w-{n} ")) || text.contains(&format!("did w-{n} ")),
                "{n}: {text}"
            );
        }
    }
}

/// Says things until so many processes were killed around a summary.
fn kill_around_summaries(kills: usize) {
    let server = model();
    let home = setup(&server).home();
    let (mut killed, mut said) = (0, 0);
    while killed < kills {
        let mut command = agent(&home, "main", &format!("please do w-{said} now"));
        command.env("FACTOTUM_FAILPOINT", format!("{}:1:kill", SITES[killed % SITES.len()]));
        let output = run(&mut command);
        assert!(output.out.contains(&format!("did w-{said} ")), "the answer came first\n{output:#}");
        killed += usize::from(output.code.is_none());
        said += 1;
        assert!(said < kills * 10 + 20, "no summaries are made");
    }
    assert_whole(&home, said);
    say(&home, "main", &format!("please do w-{said} now")).ends(0);
    assert_whole(&home, said + 1);
    let report = context(&home);
    assert!(report["history"]["summary_upto"].as_u64().unwrap() > 0, "{report}");
    assert!(report["tokens"].as_u64() < report["window"].as_u64(), "{report}");
    // No request had a call without its result, nor more than the model takes.
    for request in server.requests().iter().filter(|request| !asks_for_summary(request)) {
        assert!(request.raw.len() < 8_000 * 4, "{}", request.raw.len());
    }
    let usage = run(home.command().args(["usage", "--by", "purpose", "--json"])).with_code(0).out;
    let billed = usage.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let billed: u64 = billed
        .filter(|total| total["group"] == "compaction" || total["purpose"] == "compaction")
        .filter_map(|total| total["calls"].as_u64())
        .sum();
    let asked = server.requests().iter().filter(|request| asks_for_summary(request)).count() as u64;
    assert!(
        0 < billed && billed <= asked,
        "a summary is billed with its commit, once: {billed} of {asked}\n{usage}"
    );
}

#[test]
fn a_kill_around_a_summary_loses_nothing_and_doubles_nothing() {
    kill_around_summaries(12);
}

/// As above, for longer.
#[test]
#[ignore = "a minute; `cargo xtask crash` runs it"]
fn a_hundred_kills_around_summaries_lose_nothing() {
    kill_around_summaries(100);
}

#[test]
fn the_person_is_told_once_and_can_read_what_was_summarised_by_its_numbers() {
    let server = model();
    let home = setup(&server).home();
    let mut told = Vec::new();
    for n in 0..14 {
        let output = say(&home, "main", &format!("please do w-{n} now")).with_code(0);
        told.extend(output.err.lines().filter(|line| line.contains("I summarised")).map(str::to_owned));
    }
    assert!(!told.is_empty() && told.len() < 6, "{told:?}");
    assert!(told[0].contains("messages #1-#") && told[0].contains("/undo-compact"), "{told:?}");
    let mut command = home.command();
    command.args(["sessions", "show", "main", "--from", "3", "--to", "4"]);
    let shown = run(&mut command).with_code(0).out;
    let shown: Vec<&str> = shown.lines().collect();
    assert!(shown.len() == 2 && shown[0].starts_with("#3 ") && shown[0].contains("w-1"), "{shown:?}");
    let before = context(&home)["history"]["summary_upto"].as_u64().unwrap();
    let undone = say(&home, "main", "/undo-compact").with_code(0).out;
    assert!(undone.contains(&format!("up to #{before} is taken back")), "{undone}");
    assert!(context(&home)["history"]["summary_upto"].as_u64() < Some(before));
    assert!(say(&home, "main", "/compact").with_code(0).out.contains("I summarised"));
    assert_whole(&home, 14);
    say(&home, "main", "please open it for w-14 now").ends(0);
    let opened = server.requests().last().unwrap().tool_results();
    assert!(
        opened.iter().any(|(_, text)| text.contains("do w-1 now")),
        "the model opens them too: {opened:?}"
    );
}

#[test]
fn a_summariser_that_is_down_changes_nothing_but_what_status_says() {
    let server = ModelServer::start(Script::by(|request, _| {
        if asks_for_summary(request) {
            return Reply::error(503, "down for the day");
        }
        let words = it::words(request);
        counted(
            request,
            &format!("did {} {}", words.first().cloned().unwrap_or_default(), "word ".repeat(150)),
        )
    }));
    let home = setup(&server).home();
    for n in 0..20 {
        let output = say(&home, "main", &format!("please do w-{n} now")).with_code(0);
        assert!(!output.err.contains("summar"), "{output:#}");
    }
    assert_whole(&home, 20);
    let asked = server.requests().iter().filter(|request| asks_for_summary(request)).count();
    // One try, with the retries of every call.
    assert!(asked <= 3, "it is left alone for a while: {asked}");
    let status = run(home.command().arg("status")).with_code(0).out;
    assert!(status.contains("Summaries:  failed 1 times in a row"), "{status}");
    let report = context(&home);
    assert!(report["tokens"].as_u64() < report["window"].as_u64(), "{report}");
    assert!(report["history"]["left_out"].as_u64() > Some(0), "{report}");
}

/// The answer is there, and the program says why it does not end yet; Ctrl-C ends it, nothing is changed, and it is tried
/// again later.
#[test]
fn a_slow_summary_is_told_of_and_can_be_left_for_later() {
    let gate = servers::Gate::new();
    let held = gate.clone();
    let server = ModelServer::start(Script::by(move |request, _| {
        if asks_for_summary(request) {
            return Reply::text("- nothing much [#1]").held_by(&held);
        }
        let words = it::words(request);
        let word = words.first().cloned().unwrap_or_default();
        counted(request, &format!("did {word} {}", "word ".repeat(150)))
    }));
    let home = setup(&server).more("enabled = false").home();
    for n in 0..14 {
        say(&home, "main", &format!("please do w-{n} now")).ends(0);
    }
    home.write("factotum/config.toml", setup(&server).text());
    let proc = it::Proc::start(&mut agent(&home, "main", "please do w-14 now"));
    it::until("the word about it", || {
        proc.err_so_far().contains("is being summarised, for 30 s at most; Ctrl-C").then_some(())
    });
    assert!(proc.out_so_far().contains("did w-14 "), "the answer came first");
    proc.signal("INT");
    proc.wait().ends(0);
    gate.open();
    assert_whole(&home, 15);
    assert_eq!(context(&home)["history"]["summary_upto"], Value::Null);
    let asked = || server.requests().iter().filter(|request| asks_for_summary(request)).count();
    assert_eq!(asked(), 1);
    say(&home, "main", "please do w-15 now").ends(0);
    assert_eq!(asked(), 1, "it is not asked, and paid, again at once");
    let status = run(home.command().arg("status")).with_code(0).out;
    assert!(status.contains("had not ended its summary when the program ended"), "{status}");
}
