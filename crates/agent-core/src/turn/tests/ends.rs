//! Stops, the deadline, limits, and models that do not answer.

use super::*;

const STOPPED: &str = "cancel; finish stopped: Stopped. What was done so far is kept.";
const UNKNOWN: &str =
    " | Note: `send` was interrupted, outcome unknown. I did not run it again; please check what it did.";
const TOO_LATE: &str =
    "cancel; finish deadline: I stopped: 1800 s are the limit for one message. Write again to go on.";

#[test]
fn a_stop_ends_the_turn_from_every_state_and_closes_open_calls() {
    for (event, expected) in [(Event::Stopped, STOPPED), (Event::OutOfTime, TOO_LATE)] {
        for (state, start, _) in calls::every_state() {
            let over = matches!(start.state, State::Finalizing { .. } | State::Done { .. });
            let (after, commands) = start.clone().step(event.clone(), stamp(99));
            let written = all_written(&commands);
            let matches = if over { written.is_empty() } else { written.starts_with(expected) };
            assert!(matches, "{event:?} in {state}: {written}");
            if over {
                assert_eq!(after, start, "{state}");
            }
            assert_pairs(after.added());
        }
    }
}

#[test]
fn closed_calls_say_whether_they_ran() {
    let machine = check(vec![
        (begun(), "call"),
        (calls(&["a:look", "b:send", "c:send"]), "judge a b c"),
        (judged("puu"), "run a"),
        (ended("a"), "run b"),
        (Event::Stopped, &format!("{STOPPED}{UNKNOWN}")),
    ]);
    assert_eq!(
        last_results(&machine),
        [
            "a Ok a is done",
            "b Unknown interrupted, outcome unknown: the call was started and may have had its effect. It was not \
             repeated. Find out before you try again, and tell the user.",
            "c Error not run: the turn was stopped"
        ]
    );
}

#[test]
fn nothing_that_comes_after_a_stop_counts() {
    let machine = check(vec![
        (begun(), "call"),
        (calls(&["a:send"]), "judge a"),
        (judged("u"), "run a"),
        (Event::Stopped, &format!("{STOPPED}{UNKNOWN}")),
    ]);
    let before = machine.added().to_vec();
    let machine = go_on(
        machine,
        vec![
            (ended("a"), ""),
            (Event::Stopped, ""),
            (Event::OutOfTime, ""),
            (says("late"), ""),
            (Event::Committed, ""),
        ],
    );
    assert_eq!(machine.added(), before);
}

#[test]
fn the_last_allowed_model_call_may_still_answer() {
    let limits = Limits { model_calls: 2, ..Limits::default() };
    let round = || {
        vec![
            (begun(), "call"),
            (calls(&["a:look"]), "judge a"),
            (judged("p"), "run a"),
            (ended("a"), "absorb"),
            (absorbed(), "call"),
        ]
    };
    go_on(check_within(limits, round()), vec![(says("Yes."), "finish answered: Yes.")]);
    go_on(
        check_within(limits, round()),
        vec![
            (calls(&["b:look"]), "judge b"),
            (judged("p"), "run b"),
            (ended("b"), "absorb"),
            (
                absorbed(),
                "finish max_model_calls: I stopped: 2 model calls are the limit for one message. Write again to go on.",
            ),
        ],
    );
}

#[test]
fn a_reply_that_passes_the_tool_call_limit_runs_nothing() {
    let limits = Limits { tool_calls: 2, ..Limits::default() };
    let machine = check_within(
        limits,
        vec![
            (begun(), "call"),
            (calls(&["a:look"]), "judge a"),
            (judged("p"), "run a"),
            (ended("a"), "absorb"),
            (absorbed(), "call"),
            (calls(&["b:look", "c:look"]), "judge b c"),
            (
                judged("pp"),
                "finish max_tool_calls: I stopped: 2 tool calls are the limit for one message. Write again to go on.",
            ),
        ],
    );
    assert_eq!(last_results(&machine).len(), 2);
}

#[test]
fn an_empty_answer_is_asked_for_once_more() {
    let thinking = || replied(vec![Part::Reasoning { text: "hm".into() }, Part::text("  \n")]);
    check(vec![(begun(), "call"), (thinking(), "call"), (says("Now."), "finish answered: Now.")]);
    check(vec![
        (begun(), "call"),
        (replied(Vec::new()), "call"),
        (
            thinking(),
            "finish empty_answer: The model answered with nothing, twice. Try again, or choose another model.",
        ),
    ]);
}

#[test]
fn a_request_that_is_too_long_shrinks_twice_then_fails() {
    let too_long = || model_failed(ModelErrorKind::ContextTooLong);
    let machine = check(vec![
        (begun(), "call"),
        (too_long(), "call shrunk 1"),
        (too_long(), "call shrunk 2"),
        (too_long(), "finish model_failed: I could not answer: the server is away."),
    ]);
    assert_eq!(machine.model_calls(), 0, "a call that failed is not an answered one");
}

#[test]
fn a_shrunken_request_stays_shrunken_for_the_rest_of_the_turn() {
    check(vec![
        (begun(), "call"),
        (model_failed(ModelErrorKind::ContextTooLong), "call shrunk 1"),
        (calls(&["a:look"]), "judge a"),
        (judged("p"), "run a"),
        (ended("a"), "absorb"),
        (absorbed(), "call shrunk 1"),
    ]);
}

#[test]
fn every_other_model_failure_ends_the_turn_at_once() {
    use ModelErrorKind as Kind;
    for kind in [
        Kind::Auth,
        Kind::RateLimited,
        Kind::Quota,
        Kind::Unavailable,
        Kind::Timeout,
        Kind::NotFound,
        Kind::BadRequest,
        Kind::BadReply,
        Kind::NotConfigured,
    ] {
        check(vec![
            (begun(), "call"),
            (model_failed(kind), "finish model_failed: I could not answer: the server is away."),
        ]);
    }
}

#[test]
fn limits_are_narrowed_and_never_widened() {
    let overrides = session_api::RunOverrides {
        max_model_calls: Some(3),
        max_tool_calls: Some(100_000),
        ..session_api::RunOverrides::default()
    };
    let limits = Limits::default().narrowed(&overrides);
    assert_eq!(limits, Limits { model_calls: 3, ..Limits::default() });
}
