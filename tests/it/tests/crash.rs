//! `kill -9`, anywhere: nothing that was accepted is lost, nothing unsafe runs twice.
#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it set it up")]

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use it::{PATIENCE, Proc, Setup, agent, dead_letters, history, parse_lines, run, say, until, valid, words};
use serde_json::json;
use servers::{Gate, ModelServer, Reply, Request, Script, TempHome};

/// A shell command that leaves a line in the ledger and then waits for the gate: a file, or the end of the test.
fn marked(home: &TempHome, line: &str) -> String {
    let (ledger, root) = (home.ledger().path().display().to_string(), home.root().display().to_string());
    format!(
        "echo {line} >> {ledger}; n=0; while [ ! -e {root}/gate ] && [ -d {root}/work ] && [ $n -lt 600 ]; \
         do n=$((n+1)); sleep 0.05; done; echo over"
    )
}

fn newest(request: &Request) -> String {
    words(request).last().cloned().unwrap_or_default()
}

/// `exec` for every message that says `w-run…`; what was said last, otherwise.
fn exec_then_text(home_of: Arc<Mutex<Option<String>>>) -> Script {
    Script::by(move |request, _| {
        let word = newest(request);
        let command = home_of.lock().unwrap().clone().unwrap_or_default();
        match (request.tool_results().is_empty(), word.starts_with("w-run")) {
            (true, true) => Reply::tool("exec", json!({"command": command.replace("LINE", &word)})),
            _ => Reply::text(&format!("answer to {word}")),
        }
    })
}

#[test]
fn an_unsafe_call_that_was_killed_is_not_repeated_and_everybody_is_told() {
    let command = Arc::new(Mutex::new(None));
    let server = ModelServer::start(exec_then_text(Arc::clone(&command)));
    let home = Setup::of(&server).exec().home();
    *command.lock().unwrap() = Some(marked(&home, "LINE"));
    let ledger = home.ledger();

    let running = Proc::start(&mut agent(&home, "default", "please do w-run"));
    until("the side effect", || (!ledger.lines().is_empty()).then_some(()));
    let killed = running.kill9();
    assert_eq!(killed.code, None, "{killed}");

    let next = say(&home, "default", "and now w-next").with_code(0);
    let (resumed, own) = (next.out.find("answer to w-run"), next.out.find("answer to w-next"));
    assert!(next.out.starts_with("[resumed]"), "{next}");
    assert!(resumed.is_some() && resumed < own, "the resumed answer comes first: {next}");
    let told = next.out.to_lowercase();
    assert!(told.contains("unknown") && told.contains("exec"), "the person is told: {next}");
    assert_eq!(ledger.lines(), ["w-run"], "it ran once");

    let requests = server.requests();
    let results: Vec<_> = requests.iter().flat_map(Request::tool_results).collect();
    assert!(
        results.iter().any(|(_, text)| text.to_lowercase().contains("unknown")),
        "the model is told: {results:?}"
    );
    requests.iter().for_each(valid);
    home.write("gate", "");
    sound(&home);
}

#[test]
fn a_kill_during_the_model_call_loses_nothing() {
    let gate = Gate::new();
    let held = gate.clone();
    let server = ModelServer::start(Script::by(move |request, n| {
        let reply = Reply::text(&format!("answer to {}", newest(request)));
        if n == 0 { reply.held_by(&held) } else { reply }
    }));
    let home = Setup::of(&server).home();
    let running = Proc::start(&mut agent(&home, "default", "w-one"));
    server.wait_for_requests(1, PATIENCE).unwrap();
    drop(running.kill9());
    gate.open();
    let next = say(&home, "default", "w-two").with_code(0);
    assert!(next.out.starts_with("[resumed]"), "{next}");
    assert!(next.out.find("answer to w-one") < next.out.find("answer to w-two"), "{next}");
    let history = history(&home, "default");
    assert_eq!(history.roles(), ["user", "assistant", "user", "assistant"]);
    sound(&home);
}

#[test]
fn json_has_an_object_for_the_resumed_turn_and_the_code_of_the_new_one() {
    let gate = Gate::new();
    let server = ModelServer::start(Script::by({
        let gate = gate.clone();
        move |request, n| match n {
            0 => Reply::text("never seen").held_by(&gate),
            _ if newest(request) == "w-one" => Reply::error(401, "not any more"),
            _ => Reply::text("fine"),
        }
    }));
    let home = Setup::of(&server).home();
    let running = Proc::start(&mut agent(&home, "default", "w-one"));
    server.wait_for_requests(1, PATIENCE).unwrap();
    drop(running.kill9());
    gate.open();
    let next = run(agent(&home, "default", "w-two").arg("--json")).with_code(0);
    let objects = parse_lines(&next.out);
    let reasons: Vec<_> = objects.iter().map(|object| object["stop_reason"].clone()).collect();
    assert_eq!(reasons, ["model_failed", "answered"], "{next}");
    assert_eq!(
        (&objects[0]["metadata"]["resumed"], &objects[1]["metadata"]["resumed"]),
        (&json!("true"), &json!("false"))
    );
    assert_eq!(dead_letters(&home).len(), 1);
}

#[test]
fn a_message_that_was_accepted_and_not_begun_is_answered_after_a_kill() {
    let gate = Gate::new();
    let held = gate.clone();
    let server = ModelServer::start(Script::by(move |request, n| {
        let reply = Reply::text(&format!("answer to {}", newest(request)));
        if n == 0 { reply.held_by(&held) } else { reply }
    }));
    let home = Setup::of(&server).home();
    let first = Proc::start(&mut agent(&home, "default", "w-one"));
    server.wait_for_requests(1, PATIENCE).unwrap();
    let second = Proc::start(&mut agent(&home, "default", "w-two"));
    until("the second message to wait in the inbox", || {
        let listed = run(home.command().args(["sessions", "list", "--json"])).with_code(0);
        parse_lines(&listed.out).iter().any(|info| info["pending"].as_u64() >= Some(1)).then_some(())
    });
    drop(second.kill9());
    gate.open();
    let first = first.wait().with_code(0);
    assert!(first.out.contains("answer to w-one"), "{first}");
    let third = say(&home, "default", "w-three").with_code(0);
    assert!(third.out.contains("answer to w-two") && third.out.contains("answer to w-three"), "{third}");
    assert_eq!(history(&home, "default").texts("user"), ["w-one", "w-two", "w-three"]);
    sound(&home);
}

#[test]
fn a_file_that_was_being_written_is_whole_after_a_kill() {
    // Held after the call, so that the kill comes when the file is written and its turn is not over.
    let gate = Gate::new();
    let held = gate.clone();
    let content = "line of the file\n".repeat(20_000);
    let expected = content.clone();
    let server = ModelServer::start(Script::by(move |request, n| {
        match (request.tool_results().is_empty(), newest(request).as_str()) {
            (true, "w-write") => {
                Reply::tool("write_file", json!({"path": "a.txt", "content": content.clone()}))
            }
            (false, _) if n == 1 => Reply::text("never seen").held_by(&held),
            (_, word) => Reply::text(&format!("answer to {word}")),
        }
    }));
    let home = Setup::of(&server).home();
    let running = Proc::start(&mut agent(&home, "default", "w-write"));
    server.wait_for_requests(2, PATIENCE).unwrap();
    drop(running.kill9());
    gate.open();
    let next = say(&home, "default", "w-next").with_code(0);
    assert!(next.out.contains("answer to w-write") && next.out.contains("answer to w-next"), "{next}");
    assert_eq!(home.read("factotum/workspace/a.txt").as_deref(), Some(expected.as_str()));
    server.requests().iter().for_each(valid);
    sound(&home);
}

/// Where a run is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    Start,
    FirstCall,
    Tool,
    SecondCall,
    End,
}

#[test]
fn ten_kills_in_different_places_lose_no_message_and_repeat_no_effect() {
    const PLACES: [Place; 10] = {
        use Place::{End, FirstCall, SecondCall, Start, Tool};
        [Tool, FirstCall, Start, SecondCall, Tool, Tool, Start, FirstCall, End, SecondCall]
    };
    let command = Arc::new(Mutex::new(None));
    let for_script = Arc::clone(&command);
    let never = Gate::new();
    let mut once = HashSet::new();
    let server = ModelServer::start(Script::by(move |request, _| {
        let word = newest(request);
        let results = !request.tool_results().is_empty();
        let place =
            word.rsplit('-').next().and_then(|number| number.parse::<usize>().ok()).map(|n| PLACES[n % 10]);
        let here = if results { Place::SecondCall } else { Place::FirstCall };
        let command: String = for_script.lock().unwrap().clone().unwrap_or_default();
        let reply = if results || !word.starts_with("w-run") {
            Reply::text(&format!("answer to {word}"))
        } else {
            let line = if place == Some(Place::Tool) { command } else { command.replace("/gate", "/work") };
            Reply::tool("exec", json!({"command": line.replace("LINE", &word)}))
        };
        // Only the first time: whoever takes the turn up again gets an answer.
        if place == Some(here) && once.insert((word, here)) { reply.held_by(&never) } else { reply }
    }));
    let home = Setup::of(&server).exec().home();
    *command.lock().unwrap() = Some(marked(&home, "LINE"));
    let ledger = home.ledger();

    for (n, place) in PLACES.into_iter().enumerate() {
        let word = format!("w-run-{n}");
        let running = Proc::start(&mut agent(&home, "default", &word));
        let asked = |results: bool| {
            let requests = server.requests();
            requests.iter().any(|r| newest(r) == word && r.tool_results().is_empty() != results).then_some(())
        };
        match place {
            // Anywhere in the first milliseconds: a place, not a wait for something.
            Place::Start => std::thread::sleep(std::time::Duration::from_millis(3 * n as u64)),
            Place::FirstCall => until("the first model call", || asked(false)),
            Place::Tool => until("the tool", || ledger.lines().contains(&word).then_some(())),
            Place::SecondCall => until("the second model call", || asked(true)),
            Place::End => until("the answer", || {
                running.out_so_far().contains(&format!("answer to {word}")).then_some(())
            }),
        }
        drop(running.kill9());
    }
    home.write("gate", "");
    let last = say(&home, "default", "w-last").with_code(0);
    assert!(last.out.contains("answer to w-last"), "{last}");

    let lines = ledger.lines();
    let different: HashSet<_> = lines.iter().collect();
    assert_eq!(lines.len(), different.len(), "an unsafe command ran twice: {lines:?}");
    let history = history(&home, "default");
    for (n, place) in PLACES.into_iter().enumerate() {
        let word = format!("w-run-{n}");
        let said =
            history.texts("user").iter().filter(|text| text.split_whitespace().any(|w| w == word)).count();
        if place == Place::Start {
            assert!(said <= 1, "{word} stands {said} times in the history");
        } else {
            assert_eq!(said, 1, "{word} was accepted and stands {said} times in the history");
            let answered = history
                .texts("assistant")
                .iter()
                .filter(|text| {
                    text.contains(&format!("answer to {word}\n"))
                        || text.ends_with(&format!("answer to {word}"))
                        || text.contains(&format!("answer to {word}"))
                })
                .count();
            assert!(answered >= 1, "{word} has no answer");
        }
    }
    assert!(dead_letters(&home).is_empty());
    server.requests().iter().for_each(valid);
    sound(&home);
}

/// Asserts that nothing is left over and that the database is whole.
fn sound(home: &TempHome) {
    let checked = run(home.command().args(["doctor", "--json"])).with_code(0);
    assert!(!checked.out.contains("\"ok\":false"), "{checked}");
    let listed = run(home.command().args(["sessions", "list", "--json"])).with_code(0);
    for info in parse_lines(&listed.out) {
        assert!(info["open_turn"].is_null() && info["pending"] == 0, "{info}");
    }
}
