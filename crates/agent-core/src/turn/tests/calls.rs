//! Which calls of a reply run when.

use super::*;

#[test]
fn a_chat_is_answered() {
    let machine = check(vec![
        (begun(), "call"),
        (says("Good morning."), "finish answered: Good morning."),
        (Event::Committed, ""),
    ]);
    assert!(matches!(machine.state, State::Done { ending: super::super::Ending::Answered }));
    assert_eq!(machine.model_calls(), 1);
    assert_eq!(machine.usage().input_tokens, 10);
    assert_eq!(machine.added().len(), 1, "the answer itself is added by the commit");
}

#[test]
fn a_tool_call_goes_round_once() {
    let machine = check(vec![
        (begun(), "call"),
        (calls(&["a:look"]), "judge a"),
        (judged("p"), "run a"),
        (ended("a"), "absorb"),
        (absorbed(), "call"),
        (says("Seen."), "finish answered: Seen."),
    ]);
    let roles: Vec<Role> = machine.added().iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool]);
    assert_eq!(machine.tools_used(), ["look"]);
    assert_eq!(machine.usage().input_tokens, 20);
}

#[test]
fn pure_calls_run_together_whatever_the_order_of_their_ends() {
    let machine = check(vec![
        (begun(), "call"),
        (calls(&["a:look", "b:look", "c:look"]), "judge a b c"),
        (judged("ppp"), "run a b c"),
        (ended("c"), ""),
        (ended("a"), ""),
        (ended("b"), "absorb"),
    ]);
    assert_eq!(last_results(&machine), ["a Ok a is done", "b Ok b is done", "c Ok c is done"]);
}

#[test]
fn calls_with_effects_run_one_by_one_in_order() {
    check(vec![
        (begun(), "call"),
        (calls(&["a:send", "b:send", "c:send"]), "judge a b c"),
        (judged("uuu"), "run a"),
        (ended("a"), "run b"),
        (failed("b", "no network"), "run c"),
        (ended("c"), "absorb"),
    ]);
}

#[test]
fn a_mixed_batch_keeps_its_order() {
    for (letters, runs) in [
        ("ppupp", &["a b", "c", "d e"][..]),
        ("upppu", &["a", "b c d", "e"]),
        ("pupup", &["a", "b", "c", "d", "e"]),
        ("prupp", &["a", "c", "d e"]),
        ("prpup", &["a c", "d", "e"]),
        ("rppru", &["b c", "e"]),
    ] {
        let mut commands = vec![format!("run {}", runs[0])];
        let mut events = vec![judged(letters)];
        for (place, run) in runs.iter().enumerate() {
            let ids: Vec<&str> = run.split(' ').collect();
            for (n, id) in ids.iter().enumerate() {
                events.push(ended(id));
                commands.push(match (n + 1 == ids.len(), runs.get(place + 1)) {
                    (false, _) => String::new(),
                    (true, Some(next)) => format!("run {next}"),
                    (true, None) => "absorb".into(),
                });
            }
        }
        let start =
            check(vec![(begun(), "call"), (calls(&["a:t", "b:t", "c:t", "d:t", "e:t"]), "judge a b c d e")]);
        go_on(start, events.into_iter().zip(commands.iter().map(String::as_str)).collect());
    }
}

#[test]
fn a_refused_call_gets_a_result_and_the_others_run() {
    let machine = check(vec![
        (begun(), "call"),
        (calls(&["a:look", "b:nothing", "c:look"]), "judge a b c"),
        (judged("prp"), "run a c"),
        (ended("a"), ""),
        (ended("c"), "absorb"),
        (absorbed(), "call"),
    ]);
    assert_eq!(last_results(&machine), ["a Ok a is done", "b Error not here", "c Ok c is done"]);
}

#[test]
fn a_reply_of_refused_calls_only_goes_back_to_the_model() {
    check(vec![
        (begun(), "call"),
        (calls(&["a:nothing", "b:nothing"]), "judge a b"),
        (judged("rr"), "absorb"),
        (absorbed(), "call"),
        (says("There is no such tool."), "finish answered: There is no such tool."),
    ]);
}

#[test]
fn text_beside_a_call_is_kept_in_the_history() {
    let machine = check(vec![
        (begun(), "call"),
        (replied(vec![Part::text("Let me look."), Part::ToolCall(call("a:look"))]), "judge a"),
        (judged("p"), "run a"),
    ]);
    assert_eq!(machine.added().last().unwrap().text(), "Let me look.");
}

#[test]
fn empty_and_doubled_call_ids_are_mended() {
    let machine = check(vec![
        (begun(), "call"),
        (calls(&[":look", "a:look", "a:read", ":read"]), "judge call_1 a call_2 call_3"),
        (judged("pppp"), "run call_1 a call_2 call_3"),
        (ended("call_1"), ""),
        (ended("call_2"), ""),
        (ended("call_3"), ""),
        (ended("a"), "absorb"),
        (absorbed(), "call"),
        // The same id again in a later reply of the turn.
        (calls(&["a:list"]), "judge call_5"),
        (judged("p"), "run call_5"),
        (ended("call_5"), "absorb"),
        (absorbed(), "call"),
        (says("Done."), "finish answered: Done."),
    ]);
    assert_pairs(machine.added());
}

#[test]
fn late_and_doubled_results_are_ignored() {
    let machine = check(vec![
        (begun(), "call"),
        (calls(&["a:send", "b:send"]), "judge a b"),
        (judged("uu"), "run a"),
        // Not under way yet, or not of this turn.
        (ended("b"), ""),
        (ended("z"), ""),
        (ended("a"), "run b"),
        (failed("a", "a second end"), ""),
        (ended("b"), "absorb"),
        (ended("b"), ""),
        (absorbed(), "call"),
        (ended("a"), ""),
    ]);
    assert_eq!(last_results(&machine), ["a Ok a is done", "b Ok b is done"]);
}

#[test]
fn events_that_do_not_fit_the_state_change_nothing() {
    let fitting = ["begun", "replied", "judged", "ended", "absorbed", "answered", "committed"];
    let event = |name: &str| match name {
        "begun" => begun(),
        "replied" => says("late"),
        "judged" => judged("p"),
        "ended" => ended("a"),
        "absorbed" => Event::Absorbed(vec![row(9, "late")]),
        "answered" => answered(&[("a", ApprovalState::Allowed)]),
        _ => Event::Committed,
    };
    for (state, start, fits) in every_state() {
        for name in fitting {
            if fits.contains(&name) {
                continue;
            }
            let (after, commands) = start.clone().step(event(name), stamp(99));
            assert_eq!(after, start, "{name} in {state}");
            assert!(commands.is_empty(), "{name} in {state}");
        }
    }
}

#[test]
fn judgements_that_are_not_one_for_each_call_are_ignored() {
    check(vec![
        (begun(), "call"),
        (calls(&["a:look", "b:look"]), "judge a b"),
        (judged("p"), ""),
        (judged("ppp"), ""),
        (judged("pp"), "run a b"),
    ]);
}

/// A machine in each state, and the events that fit it.
pub(super) fn every_state() -> Vec<(&'static str, Machine, &'static [&'static str])> {
    let preparing = machine(Limits::default());
    let calling = check(vec![(begun(), "call")]);
    let judging = go_on(calling.clone(), vec![(calls(&["a:look", "b:send"]), "judge a b")]);
    let running = go_on(judging.clone(), vec![(judged("pu"), "run a")]);
    let suspended = go_on(judging.clone(), vec![(judged("qr"), "ask a")]);
    let absorbing = go_on(running.clone(), vec![(ended("a"), "run b"), (ended("b"), "absorb")]);
    let finalizing = go_on(calling.clone(), vec![(says("Yes."), "finish answered: Yes.")]);
    let done = go_on(finalizing.clone(), vec![(Event::Committed, "")]);
    vec![
        ("Preparing", preparing, &["begun"]),
        ("CallingModel", calling, &["replied"]),
        ("Judging", judging, &["judged"]),
        ("RunningTools", running, &["ended"]),
        ("Suspended", suspended, &["answered"]),
        ("Absorbing", absorbing, &["absorbed"]),
        ("Finalizing", finalizing, &["committed"]),
        ("Done", done, &[]),
    ]
}
