//! Taking a turn up again.

use super::*;
use crate::turn::{Ending, RECORD_VERSION, RecordError};

/// The machine as a dead process left it.
fn restored(machine: &Machine) -> Machine {
    Machine::restore(&machine.record().unwrap()).unwrap()
}

#[test]
fn each_state_goes_on_with_what_was_outstanding() {
    let expected = [
        ("Preparing", ""),
        ("CallingModel", "call"),
        ("Judging", "judge a b"),
        ("RunningTools", "run a"),
        ("Suspended", "ask a"),
        ("Absorbing", "absorb"),
        ("Finalizing", "finish answered: Yes."),
        ("Done", ""),
    ];
    for ((state, machine, _), (name, commands)) in calls::every_state().into_iter().zip(expected) {
        assert_eq!(state, name);
        let again = restored(&machine);
        assert_eq!(again, machine, "{state}");
        assert_eq!(all_written(&again.outstanding()), commands, "{state}");
        let (resumed, outstanding) = again.resume(&[], stamp(50));
        assert_eq!(all_written(&outstanding), commands, "{state}");
        assert_eq!(resumed, machine, "resuming {state} changes nothing");
    }
}

#[test]
fn a_doubtful_call_is_not_repeated_and_its_outcome_is_unknown() {
    let machine =
        check(vec![(begun(), "call"), (calls(&["a:send", "b:send"]), "judge a b"), (judged("uu"), "run a")]);
    let (machine, commands) = restored(&machine).resume(&[CallId("a".into())], stamp(50));
    assert_eq!(all_written(&commands), "run b");
    let machine = go_on(machine, vec![(ended("a"), ""), (ended("b"), "absorb")]);
    let results = last_results(&machine);
    assert!(results[0].starts_with("a Unknown interrupted, outcome unknown"), "{results:?}");
    assert_eq!(results[1], "b Ok b is done");
    go_on(
        machine,
        vec![
            (absorbed(), "call"),
            (
                says("I could not tell."),
                "finish answered: I could not tell. | Note: `send` was interrupted, outcome unknown. I did not run \
                 it again; please check what it did.",
            ),
        ],
    );
}

#[test]
fn calls_that_may_be_repeated_run_again_and_recorded_results_stand() {
    let machine = check(vec![
        (begun(), "call"),
        (calls(&["a:look", "b:look", "c:look"]), "judge a b c"),
        (judged("ppp"), "run a b c"),
        (ended("b"), ""),
    ]);
    let under_way: Vec<CallId> = machine.calls_under_way().into_iter().map(|call| call.id).collect();
    assert_eq!(under_way, [CallId("a".into()), CallId("c".into())]);
    let (machine, commands) = restored(&machine).resume(&[], stamp(50));
    assert_eq!(all_written(&commands), "run a c");
    let machine = go_on(machine, vec![(ended("a"), ""), (ended("c"), "absorb")]);
    assert_eq!(last_results(&machine).len(), 3);
}

#[test]
fn the_doubt_is_told_also_when_the_turn_is_stopped() {
    let machine = check(vec![(begun(), "call"), (calls(&["a:send"]), "judge a"), (judged("u"), "run a")]);
    let (machine, _) = restored(&machine).resume(&[CallId("a".into())], stamp(50));
    go_on(
        machine,
        vec![(
            Event::Stopped,
            "cancel; finish stopped: Stopped. What was done so far is kept. | Note: `send` was interrupted, outcome \
             unknown. I did not run it again; please check what it did.",
        )],
    );
}

#[test]
fn every_ending_can_be_recorded() {
    let failed = Ending::ModelFailed { kind: ModelErrorKind::Quota, message: "no money".into() };
    let look = || "look".to_owned();
    for ending in [
        Ending::Answered,
        Ending::Stopped,
        failed,
        Ending::Empty,
        Ending::ModelCalls(3),
        Ending::ToolCalls(4),
        Ending::Deadline(5),
        Ending::RepeatedCall(look()),
        Ending::RepeatedFailure(look()),
    ] {
        let mut machine = machine(Limits::default());
        machine.state = State::Finalizing { ending, parts: vec![Part::text("the end")] };
        assert_eq!(restored(&machine), machine);
    }
}

#[test]
fn a_record_of_another_version_is_refused() {
    let mut record = machine(Limits::default()).record().unwrap();
    for version in [0, RECORD_VERSION + 1, u32::MAX] {
        record.version = version;
        let error = Machine::restore(&record).unwrap_err();
        assert!(matches!(error, RecordError::Version { found } if found == version), "{error}");
        assert!(error.to_string().contains(&version.to_string()));
    }
}

#[test]
fn a_damaged_record_is_refused() {
    let whole = machine(Limits::default()).record().unwrap();
    for body in ["", "{}", "null", &whole.body[..whole.body.len() - 1]] {
        let record = session_api::TurnRecord { body: body.to_owned(), ..whole.clone() };
        assert!(matches!(Machine::restore(&record), Err(RecordError::Damaged(_))), "{body}");
    }
}
