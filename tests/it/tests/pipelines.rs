//! Pipelines of agents through a gateway that is killed meanwhile.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first thing that is not as it set it up"
)]

use std::sync::atomic::{AtomicUsize, Ordering};

use it::{Desk, Gateway, OWNER, Setup, run, sound, until};
use serde_json::{Value, json};
use servers::{Gate, Reply, Request, Script};

/// Voters that each step needs: all of them agree.
const AHEAD: usize = 2;
/// What the steps begin with, in order, and what their voters say.
const STEPS: [(&str, &str); 3] =
    [("Pick a fruit", "plum"), ("Pick a colour", "blue"), ("Pick a tree", "oak")];

/// Starts the pipeline at `go`, waits for it and says what it came to. Voters of the second step after the first
/// answer once `gate` is open.
fn script(gate: &Gate) -> Script {
    let gate = gate.clone();
    let second = AtomicUsize::new(0);
    Script::by(move |request, _| {
        if let Some(step) = step_of(request) {
            let reply = Reply::text(STEPS[step].1);
            let later = step == 1 && second.fetch_add(1, Ordering::SeqCst) > 0;
            return if later { reply.held_by(&gate) } else { reply };
        }
        if let Some(ended) = said_by_user(request).find(|text| text.contains("has ended: ")) {
            return Reply::text(&format!("It came to: {}", ended.split_whitespace().last().unwrap()));
        }
        if request.tool_results().is_empty() {
            let steps = STEPS.map(|(task, _)| task);
            return Reply::tool("start_pipeline", json!({"steps": steps, "ahead": AHEAD, "name": "picks"}));
        }
        Reply::tool("wait_agent", json!({}))
    })
}

/// Which step a voter is asked; `None`: it is not a voter who asks.
fn step_of(request: &Request) -> Option<usize> {
    let text = request.last_user_text()?;
    STEPS.iter().position(|(task, _)| text.starts_with(task))
}

fn said_by_user(request: &Request) -> impl Iterator<Item = String> {
    let said = request.messages().iter().filter(|message| message["role"] == "user");
    said.map(|message| match &message["content"] {
        Value::String(text) => text.clone(),
        parts => parts.as_array().unwrap().iter().filter_map(|part| part["text"].as_str()).collect(),
    })
}

/// How often the model was asked on behalf of each step's voters.
fn votes(desk: &Desk) -> [usize; 3] {
    let mut votes = [0; 3];
    desk.server.requests().iter().filter_map(step_of).for_each(|step| votes[step] += 1);
    votes
}

/// The answer came once, and nobody was started but the pipeline and as many voters as the steps need.
fn one_answer_and_nobody_twice(desk: &Desk) {
    let texts = desk.telegram.texts(OWNER);
    assert_eq!(texts.iter().filter(|text| text.contains("It came to: oak")).count(), 1, "{texts:#?}");
    let out = run(desk.home.command().args(["agents", "--all", "--json"])).with_code(0).out;
    let trees: Vec<Value> =
        it::parse_lines(&out).iter().flat_map(|line| line["agents"].as_array().unwrap().clone()).collect();
    let [pipeline] = trees.as_slice() else { panic!("{trees:#?}") };
    let voters = pipeline["agents"].as_array().unwrap();
    assert_eq!(voters.len(), AHEAD * STEPS.len(), "{voters:#?}");
    assert!(voters.iter().chain([pipeline]).all(|agent| agent["state"] == "done"), "{trees:#?}");
}

#[test]
fn a_pipeline_that_is_killed_between_two_votes_asks_only_the_interrupted_voter_again() {
    let gate = Gate::new();
    let desk = Desk::new(script(&gate));
    let gateway = desk.open();
    desk.say("go");
    let counted = || {
        let out = run(desk.home.command().args(["agents", "--all", "--json"])).with_code(0).out;
        out.matches("\"done\"").count()
    };
    // Both voters of the first step and one of the second have voted; the other one is asked.
    until("one vote of the second step", || (votes(&desk) == [2, 2, 0] && counted() == 3).then_some(()));
    gateway.kill9();
    let gateway = desk.open();
    until("the interrupted voter to be asked again", || (votes(&desk) == [2, 3, 0]).then_some(()));
    gate.open();
    desk.hears("It came to: oak");
    gateway.stop();
    assert_eq!(votes(&desk), [2, 3, 2]);
    one_answer_and_nobody_twice(&desk);
    sound(&desk.home);
}

/// Around the call that starts it, and around commits of its moves and of votes.
#[test]
fn a_pipeline_that_is_killed_around_its_commits_comes_to_the_same_result() {
    for moment in ["before", "after"] {
        killed_at(&format!("tool_end.{moment}:1"));
        for n in [1, 3, 4, 6] {
            killed_at(&format!("commit.{moment}:{n}"));
        }
    }
}

fn killed_at(place: &str) {
    let gate = Gate::new();
    gate.open();
    let desk = Desk::new(script(&gate));
    desk.configure(Setup::of(&desk.server));
    let gateway = Gateway::launch(&desk.home, Some(place));
    desk.say("go");
    until(&format!("the kill at {place}"), || (!gateway.lives()).then_some(()));
    drop(gateway.wait());
    let gateway = desk.open();
    desk.hears("It came to: oak");
    gateway.stop();
    one_answer_and_nobody_twice(&desk);
    let votes = votes(&desk);
    let again = votes.iter().sum::<usize>() - AHEAD * STEPS.len();
    // Those that were under way at the kill, and they are of one step.
    assert!(again <= AHEAD && votes.iter().filter(|n| **n > AHEAD).count() <= 1, "{place}: {votes:?}");
    sound(&desk.home);
}
