//! Several processes on one data directory.

use it::{PATIENCE, Proc, Setup, agent, history, parse_lines, run, until, valid, words};
use servers::{Gate, ModelServer, Reply, Request, Script, TempHome};

fn echo(request: &Request) -> Reply {
    Reply::text(&format!("answer to {}", words(request).last().cloned().unwrap_or_default()))
}

fn waits(home: &TempHome) {
    until("a message in the inbox", || {
        let listed = run(home.command().args(["sessions", "list", "--json"])).with_code(0);
        parse_lines(&listed.out).iter().any(|info| info["pending"].as_u64() >= Some(1)).then_some(())
    });
}

#[test]
fn two_at_once_in_one_session_keep_their_order_and_both_answer() {
    let gate = Gate::new();
    let held = gate.clone();
    let server =
        ModelServer::start(Script::by(
            move |request, n| if n == 0 { echo(request).held_by(&held) } else { echo(request) },
        ));
    let home = Setup::of(&server).home();
    let first = Proc::start(&mut agent(&home, "default", "w-one"));
    server.wait_for_requests(1, PATIENCE).unwrap();
    let second = Proc::start(&mut agent(&home, "default", "w-two"));
    waits(&home);
    assert_eq!(server.requests().len(), 1, "the second waits for the first");
    gate.open();
    let (first, second) = (first.wait().with_code(0), second.wait().with_code(0));
    assert!(first.out.contains("answer to w-one") && !first.out.contains("w-two"), "{first}");
    assert!(second.out.contains("answer to w-two") && !second.out.contains("w-one"), "{second}");
    assert!(second.err.contains("number 2 in the queue"), "whoever waits is told: {second}");
    let history = history(&home, "default");
    assert_eq!(history.texts("user"), ["w-one", "w-two"]);
    assert_eq!(history.roles(), ["user", "assistant", "user", "assistant"]);
    server.requests().iter().for_each(valid);
}

#[test]
fn different_sessions_do_not_wait_for_each_other() {
    let gate = Gate::new();
    let held = gate.clone();
    let server = ModelServer::start(Script::by(move |request, _| echo(request).held_by(&held)));
    let home = Setup::of(&server).home();
    let running: Vec<_> =
        (0..4).map(|n| (n, Proc::start(&mut agent(&home, &format!("s{n}"), &format!("w-{n}"))))).collect();
    // All of them are in their model call at the same time, on a database that none of them had made before.
    server.wait_for_requests(4, PATIENCE).unwrap();
    gate.open();
    for (n, running) in running {
        let answer = running.wait().with_code(0);
        assert!(answer.out.contains(&format!("answer to w-{n}")), "{answer}");
    }
    let listed = run(home.command().args(["sessions", "list", "--json"])).with_code(0);
    assert_eq!(parse_lines(&listed.out).len(), 4, "{listed}");
}

#[test]
fn eight_in_one_session_all_answer_and_none_is_doubled() {
    let server = ModelServer::start(Script::by(|request, _| echo(request)));
    let home = Setup::of(&server).home();
    let running: Vec<_> =
        (0..8).map(|n| (n, Proc::start(&mut agent(&home, "default", &format!("w-{n}"))))).collect();
    for (n, running) in running {
        let answer = running.wait().with_code(0);
        assert!(answer.out.contains(&format!("answer to w-{n}")), "{answer}");
    }
    let history = history(&home, "default");
    let mut said = history.texts("user");
    said.sort();
    assert_eq!(said, ["w-0", "w-1", "w-2", "w-3", "w-4", "w-5", "w-6", "w-7"]);
    server.requests().iter().for_each(valid);
}

#[test]
fn one_that_waits_goes_on_when_the_other_is_killed() {
    let gate = Gate::new();
    let held = gate.clone();
    let server =
        ModelServer::start(Script::by(
            move |request, n| if n == 0 { echo(request).held_by(&held) } else { echo(request) },
        ));
    let home = Setup::of(&server).home();
    let first = Proc::start(&mut agent(&home, "default", "w-one"));
    server.wait_for_requests(1, PATIENCE).unwrap();
    let second = Proc::start(&mut agent(&home, "default", "w-two"));
    waits(&home);
    drop(first.kill9());
    let second = second.wait().with_code(0);
    assert!(second.out.contains("answer to w-two"), "{second}");
    let history = history(&home, "default");
    assert_eq!(history.texts("user"), ["w-one", "w-two"], "the killed one's message was answered first");
    assert_eq!(history.roles(), ["user", "assistant", "user", "assistant"]);
    gate.open();
}
