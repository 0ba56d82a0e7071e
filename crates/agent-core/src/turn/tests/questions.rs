//! Questions to a person, and what each answer does.

use super::*;

fn one_question() -> Machine {
    check(vec![(begun(), "call"), (calls(&["a:send"]), "judge a"), (judged("q"), "ask a")])
}

#[test]
fn calls_before_the_first_question_run_first_and_all_questions_are_asked_together() {
    let machine = check(vec![
        (begun(), "call"),
        (calls(&["a:look", "b:look", "c:send", "d:look", "e:send"]), "judge a b c d e"),
        (judged("ppqpq"), "run a b"),
        (ended("b"), ""),
        (ended("a"), "ask c e"),
    ]);
    assert!(machine.is_suspended());
    let machine = go_on(
        machine,
        vec![
            (answered(&[("c", ApprovalState::Allowed), ("e", ApprovalState::Allowed)]), "run c"),
            (ended("c"), "run d"),
            (ended("d"), "run e"),
            (ended("e"), "absorb"),
        ],
    );
    assert_eq!(last_results(&machine).len(), 5);
}

#[test]
fn an_allowed_call_runs() {
    go_on(
        one_question(),
        vec![(answered(&[("a", ApprovalState::Allowed)]), "run a"), (ended("a"), "absorb")],
    );
}

#[test]
fn a_call_that_may_not_run_tells_the_model_why() {
    for (state, why) in [
        (ApprovalState::Denied, "denied by the person"),
        (ApprovalState::Superseded, "wrote something new"),
        (ApprovalState::Expired, "nobody answered in time"),
    ] {
        let machine = go_on(one_question(), vec![(answered(&[("a", state)]), "absorb")]);
        let results = last_results(&machine);
        assert!(results[0].starts_with("a Error") && results[0].contains(why), "{results:?}");
    }
}

#[test]
fn a_superseding_message_joins_after_the_denied_call() {
    let machine = go_on(
        one_question(),
        vec![
            (answered(&[("a", ApprovalState::Superseded)]), "absorb"),
            (Event::Absorbed(vec![row(2, "rather not")]), "call"),
            (says("Fine."), "finish answered: Fine."),
        ],
    );
    assert_eq!(machine.added().last().unwrap().text(), "rather not");
    assert_eq!(machine.taken().len(), 2);
}

#[test]
fn the_turn_waits_until_every_question_is_answered() {
    let machine = check(vec![
        (begun(), "call"),
        (calls(&["a:send", "b:send"]), "judge a b"),
        (judged("qq"), "ask a b"),
        (answered(&[("b", ApprovalState::Denied)]), ""),
        (answered(&[("a", ApprovalState::Open)]), ""),
        (answered(&[]), ""),
    ]);
    assert_eq!(all_written(&machine.outstanding()), "ask a");
    let machine =
        go_on(machine, vec![(answered(&[("a", ApprovalState::Allowed)]), "run a"), (ended("a"), "absorb")]);
    assert_eq!(last_results(&machine)[0], "a Ok a is done");
}

#[test]
fn an_answer_to_another_call_or_a_second_answer_is_ignored() {
    let machine = go_on(one_question(), vec![(answered(&[("z", ApprovalState::Allowed)]), "")]);
    go_on(
        machine,
        vec![
            (answered(&[("a", ApprovalState::Denied)]), "absorb"),
            (answered(&[("a", ApprovalState::Allowed)]), ""),
        ],
    );
}

#[test]
fn questions_say_what_is_asked_why_and_of_whom() {
    let Command::Suspend(questions) = one_question().outstanding().remove(0) else { panic!("not suspended") };
    assert_eq!(questions[0].call, call("a:send"));
    assert_eq!(questions[0].reason, "it sends");
    assert_eq!(questions[0].needs, Rank::Owner);
}

#[test]
fn a_direct_call_can_be_asked_about_too() {
    let intake = Intake::Tool(call("a:send"));
    check(vec![
        (Event::Begun { messages: vec![row(1, "tool:send")], intake }, "judge a"),
        (judged("q"), "ask a"),
        (answered(&[("a", ApprovalState::Allowed)]), "run a"),
        (ended("a"), "finish answered: a is done"),
    ]);
}
