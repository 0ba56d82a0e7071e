//! Turns that go round in circles.

use super::*;

const SAID_THREE_TIMES: &str =
    "finish repeated_call: I stopped: the tool `look` was called three times with the same arguments.";
const FAILED_TWICE: &str = "finish repeated_failure: I stopped: the tool `look` failed twice in the same way with the same arguments.";

/// One round: the model calls `written`, it runs and ends.
fn round(id: &'static str, written: &str) -> Vec<(Event, &'static str)> {
    vec![
        (calls(&[written]), leak("judge", id)),
        (judged("p"), leak("run", id)),
        (ended(id), "absorb"),
        (absorbed(), "call"),
    ]
}

/// A script's expectations are static texts; a test leaks a few bytes to build one.
fn leak(word: &str, id: &str) -> &'static str {
    format!("{word} {id}").leak()
}

fn after_rounds(rounds: &[(&'static str, &str)]) -> Machine {
    let mut machine = check(vec![(begun(), "call")]);
    for (id, written) in rounds {
        machine = go_on(machine, round(id, written));
    }
    machine
}

#[test]
fn the_third_identical_call_ends_the_turn_and_does_not_run() {
    let machine = go_on(
        after_rounds(&[("a", "a:look:{}"), ("b", "b:look:{}")]),
        vec![(calls(&["c:look:{}"]), "judge c"), (judged("p"), SAID_THREE_TIMES)],
    );
    assert_eq!(last_results(&machine), ["c Error not run: the turn reached a limit"]);
}

#[test]
fn calls_with_differently_spelt_arguments_are_the_same_call() {
    go_on(
        after_rounds(&[("a", r#"a:look:{"x":1,"y":[2]}"#), ("b", r#"b:look:{ "y" : [ 2 ], "x" : 1 }"#)]),
        vec![(calls(&["c:look:{\"x\":1,\n\"y\":[2]}"]), "judge c"), (judged("p"), SAID_THREE_TIMES)],
    );
}

#[test]
fn calls_that_differ_in_tool_or_arguments_are_not_the_same() {
    after_rounds(&[
        ("a", r#"a:look:{"x":1}"#),
        ("b", r#"b:look:{"x":1}"#),
        ("c", r#"c:look:{"x":2}"#),
        ("d", r#"d:list:{"x":1}"#),
        ("e", "e:look:not json"),
        ("f", "f:look:not json either"),
    ]);
}

#[test]
fn the_third_identical_call_does_not_slip_through_beside_another() {
    let machine = go_on(
        after_rounds(&[("a", "a:look:{}"), ("b", "b:look:{}")]),
        vec![
            (calls(&["c:list", "d:look:{}"]), "judge c d"),
            (judged("pp"), "run c"),
            (ended("c"), SAID_THREE_TIMES),
        ],
    );
    assert_eq!(last_results(&machine), ["c Ok c is done", "d Error not run: the turn reached a limit"]);
}

#[test]
fn a_reply_with_the_same_call_three_times_runs_none_of_them() {
    check(vec![
        (begun(), "call"),
        (calls(&["a:look:{}", "b:look:{}", "c:look:{}"]), "judge a b c"),
        (judged("ppp"), SAID_THREE_TIMES),
    ]);
}

#[test]
fn the_second_identical_failure_ends_the_turn() {
    let machine = check(vec![
        (begun(), "call"),
        (calls(&["a:look:{}"]), "judge a"),
        (judged("p"), "run a"),
        (failed("a", "no such file"), "absorb"),
        (absorbed(), "call"),
        (calls(&["b:look:{}"]), "judge b"),
        (judged("p"), "run b"),
        (failed("b", "no such file"), FAILED_TWICE),
    ]);
    assert_eq!(last_results(&machine), ["b Error no such file"]);
}

#[test]
fn a_second_refusal_in_the_same_words_counts_as_the_second_failure() {
    check(vec![
        (begun(), "call"),
        (calls(&["a:look:{}"]), "judge a"),
        (judged("r"), "absorb"),
        (absorbed(), "call"),
        (calls(&["b:look:{}"]), "judge b"),
        (judged("r"), FAILED_TWICE),
    ]);
}

#[test]
fn a_failure_in_other_words_or_of_another_call_is_a_new_one() {
    check(vec![
        (begun(), "call"),
        (calls(&["a:look:{}"]), "judge a"),
        (judged("p"), "run a"),
        (failed("a", "no such file"), "absorb"),
        (absorbed(), "call"),
        (calls(&["b:look:{}"]), "judge b"),
        (judged("p"), "run b"),
        (failed("b", "permission denied"), "absorb"),
        (absorbed(), "call"),
        (calls(&["c:list:{}"]), "judge c"),
        (judged("p"), "run c"),
        (failed("c", "no such file"), "absorb"),
    ]);
}

#[test]
fn an_interrupted_call_that_is_asked_for_again_is_not_a_failure_of_its_own() {
    // The model is told to find out first; asking once more with a good end is allowed.
    let running = check(vec![(begun(), "call"), (calls(&["a:look:{}"]), "judge a"), (judged("u"), "run a")]);
    let (machine, commands) = running.resume(&[CallId("a".into())], stamp(50));
    assert_eq!(all_written(&commands), "absorb");
    go_on(
        machine,
        vec![
            (absorbed(), "call"),
            (calls(&["b:look:{}"]), "judge b"),
            (judged("u"), "run b"),
            (ended("b"), "absorb"),
        ],
    );
}
