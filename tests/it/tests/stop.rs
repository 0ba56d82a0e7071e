//! Stopping: Ctrl-C and `/stop`.

use it::{PATIENCE, Proc, Setup, agent, history, run, say, until, valid};
use serde_json::json;
use servers::{Gate, Hold, ModelServer, Reply, Script, TempHome};

/// A model that never answers its first request and answers all others.
fn hanging(gate: &Gate) -> ModelServer {
    let held = gate.clone();
    ModelServer::start(Script::by(move |_, n| {
        if n == 0 { Reply::text("too late").held_by(&held) } else { Reply::text("I am here.") }
    }))
}

#[test]
fn ctrl_c_ends_a_model_call_that_hangs_and_keeps_the_session() {
    for signal in ["INT", "TERM"] {
        let gate = Gate::new();
        let server = hanging(&gate);
        let home = Setup::of(&server).home();
        let running = Proc::start(&mut agent(&home, "default", "hello"));
        server.wait_for_requests(1, PATIENCE).unwrap();
        running.signal(signal);
        let stopped = running.wait().with_code(130);
        assert!(stopped.all().contains("Stopped"), "{stopped}");
        server.wait_for_abandoned(1, PATIENCE).unwrap();
        usable(&home, &server);
    }
}

#[test]
fn ctrl_c_in_the_middle_of_an_answer_ends_it() {
    let gate = Gate::new();
    let server = ModelServer::start(Script::by(move |_, n| {
        let reply = Reply::deltas(["Once ", "upon ", "a time"]);
        if n == 0 { reply.hold_after(3, Hold::Until(gate.clone())) } else { Reply::text("I am here.") }
    }));
    let home = Setup::of(&server).home();
    let running = Proc::start(&mut agent(&home, "default", "hello"));
    until("the first words", || running.out_so_far().contains("upon").then_some(()));
    running.signal("INT");
    running.wait().ends(130);
    server.wait_for_abandoned(1, PATIENCE).unwrap();
    usable(&home, &server);
}

#[test]
fn ctrl_c_ends_a_tool_with_all_its_processes() {
    let server = ModelServer::start(Script::by(|_, n| match n {
        0 => Reply::tool(
            "exec",
            json!({"command": "echo $$ > pids; (setsid sleep 300 & echo $! >> pids; wait) & sleep 300 & \
                              echo $! >> pids; echo all >> pids; wait"}),
        ),
        _ => Reply::text("I am here."),
    }));
    let home = Setup::of(&server).exec().home();
    let running = Proc::start(&mut agent(&home, "default", "do something long"));
    let pids = until("the processes", || {
        let text = home.read("factotum/workspace/pids")?;
        (text.contains("all") && text.lines().count() == 4).then_some(text)
    });
    running.signal("INT");
    let stopped = running.wait().with_code(130);
    assert!(stopped.all().contains("Stopped"), "{stopped}");
    for pid in pids.lines().filter(|line| *line != "all") {
        assert!(!alive(pid), "process {pid} of the tool lives on");
    }
    usable(&home, &server);
}

/// Whether there is such a process that is not merely waiting to be reaped.
fn alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
    matches!(state, Some(state) if state != "Z" && state != "X")
}

#[test]
fn a_second_process_can_stop_what_hangs_in_the_first() {
    let gate = Gate::new();
    let server = hanging(&gate);
    let home = Setup::of(&server).home();
    let running = Proc::start(&mut agent(&home, "default", "hello"));
    server.wait_for_requests(1, PATIENCE).unwrap();
    let stop = say(&home, "default", "/stop").with_code(0);
    let stopped = running.wait().with_code(130);
    assert!(stopped.all().contains("Stopped"), "{stopped}\n{stop}");
    server.wait_for_abandoned(1, PATIENCE).unwrap();
    usable(&home, &server);
}

#[test]
fn ctrl_c_twice_in_the_queue_leaves_and_the_run_before_it_goes_on() {
    let gate = Gate::new();
    let server = hanging(&gate);
    let home = Setup::of(&server).home();
    let first = Proc::start(&mut agent(&home, "default", "hello"));
    server.wait_for_requests(1, PATIENCE).unwrap();
    let second = Proc::start(&mut agent(&home, "default", "are you there?"));
    let pending = || {
        let listed = run(home.command().args(["sessions", "list", "--json"]));
        listed.out.contains("\"pending\":1").then_some(())
    };
    until("the second message", pending);
    // Two of one kind that come together may count as one.
    second.signal("INT");
    second.signal("TERM");
    second.wait().ends(130);
    gate.open();
    let answered = first.wait().with_code(0);
    assert!(answered.out.contains("too late"), "the run before it went on: {answered}");
}

#[test]
fn a_stop_with_nothing_running_says_so() {
    let home = TempHome::new();
    let stop = say(&home, "default", "/stop").with_code(0);
    assert!(stop.out.to_lowercase().contains("nothing"), "{stop}");
}

/// Asserts that the session takes the next message, and that it knows the first.
fn usable(home: &TempHome, server: &ModelServer) {
    let next = say(home, "default", "are you there?").with_code(0);
    assert!(next.out.contains("I am here.") && !next.out.contains("[resumed]"), "{next}");
    let history = history(home, "default");
    assert!(history.texts("user").iter().any(|text| text == "are you there?"), "{history:?}");
    assert_eq!(history.0.len(), history.roles().len());
    server.requests().iter().for_each(valid);
    let listed = run(home.command().args(["sessions", "list", "--json"])).with_code(0);
    assert!(listed.out.contains("\"open_turn\":null") && listed.out.contains("\"pending\":0"), "{listed}");
}
