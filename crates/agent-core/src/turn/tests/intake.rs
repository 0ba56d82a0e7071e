//! How a turn begins, and what joins it.

use super::*;

#[test]
fn a_known_answer_needs_no_model() {
    let intake = Intake::Reply("Nothing is running.".into());
    let machine = check(vec![(
        Event::Begun { messages: vec![row(1, "/stop")], intake },
        "finish answered: Nothing is running.",
    )]);
    assert_eq!(machine.model_calls(), 0);
}

#[test]
fn a_direct_call_answers_with_its_result() {
    let direct =
        || Event::Begun { messages: vec![row(1, "tool:look")], intake: Intake::Tool(call("a:look")) };
    let machine = check(vec![
        (direct(), "judge a"),
        (judged("u"), "run a"),
        (ended("a"), "finish answered: a is done"),
    ]);
    assert_eq!(machine.added().len(), 3, "the message, the call, its result");
    check(vec![(direct(), "judge a"), (judged("r"), "finish answered: not here")]);
    check(vec![
        (direct(), "judge a"),
        (judged("u"), "run a"),
        (failed("a", "no such file"), "finish answered: no such file"),
    ]);
}

#[test]
fn messages_that_came_meanwhile_join_once_and_in_order() {
    let machine = check(vec![
        (
            Event::Begun {
                messages: vec![row(1, "one"), row(2, "two"), row(1, "one")],
                intake: Intake::Chat,
            },
            "call",
        ),
        (calls(&["a:look"]), "judge a"),
        (judged("p"), "run a"),
        (ended("a"), "absorb"),
        (Event::Absorbed(vec![row(3, "three"), row(2, "two"), row(3, "three")]), "call"),
        (says("Yes."), "finish answered: Yes."),
    ]);
    let texts: Vec<String> =
        machine.added().iter().filter(|message| message.role == Role::User).map(Message::text).collect();
    assert_eq!(texts, ["one", "two", "three"]);
    assert_eq!(machine.taken().len(), 3);
}

#[test]
fn notes_are_told_once_at_the_end() {
    let mut machine = check(vec![(begun(), "call")]);
    machine.note("Note: it changed.");
    machine.note("Note: it changed.");
    go_on(machine.clone(), vec![(says("Yes."), "finish answered: Yes. | Note: it changed.")]);
    go_on(
        machine,
        vec![(
            Event::Stopped,
            "cancel; finish stopped: Stopped. What was done so far is kept. | Note: it changed.",
        )],
    );
}
