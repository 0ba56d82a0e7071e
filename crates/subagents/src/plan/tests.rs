use proptest::prelude::*;
use session_api::SequentialIds;

use super::*;

/// Answers whatever is asked as `answer` says: by the step and the number of the voter in it. Returns the end, how many
/// were asked and the tasks.
fn play(plan: &Plan, mut answer: impl FnMut(usize, u32) -> Option<String>) -> (PlanEnd, Vec<String>) {
    plan.check().unwrap();
    let ids = SequentialIds::default();
    let mut state = PlanState::default();
    let mut moved = plan.step(&mut state, &Progress::Begun, &ids);
    let (mut open, mut tasks) = (std::collections::VecDeque::new(), Vec::new());
    let (mut step, mut number) = (0, 0);
    loop {
        open.retain(|id| !moved.stop.contains(id));
        for (id, task) in std::mem::take(&mut moved.start) {
            open.push_back(id);
            tasks.push(task);
        }
        if let Some(end) = moved.end {
            assert!(open.is_empty(), "a plan that has ended waits for nobody");
            return (end, tasks);
        }
        // What is stored is what goes on.
        state = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        if state.at != step {
            (step, number) = (state.at, 0);
        }
        let child = open.pop_front().expect("a plan that has not ended waits for somebody");
        let said = answer(step, number);
        number += 1;
        moved = plan.step(&mut state, &Progress::Ended { child, answer: said.as_deref() }, &ids);
        let again = plan.step(&mut state.clone(), &Progress::Ended { child, answer: said.as_deref() }, &ids);
        assert_eq!(again, Move::default(), "an end counts once");
    }
}

fn pipeline(steps: &[&str], ahead: u32, voters: u32) -> Plan {
    let steps = steps.iter().map(|step| (*step).to_owned()).collect();
    Plan::Pipeline(PipelinePlan { steps, ahead, voters })
}

#[test]
fn each_step_reads_what_the_one_before_came_to() {
    let (end, tasks) = play(&pipeline(&["a", "b"], 1, 3), |step, _| Some(format!("answer {step}")));
    assert_eq!(end, PlanEnd { done: true, text: "answer 1".into() });
    assert_eq!(tasks, ["a", "b\n\nThe step before this one came to:\nanswer 0"]);
}

#[test]
fn the_first_to_be_ahead_wins_and_nobody_is_asked_for_nothing() {
    let said = ["Four.", "five", "four", " FOUR "];
    let (end, tasks) = play(&pipeline(&["2+2?"], 2, 9), |_, n| Some(said[n as usize].to_owned()));
    assert_eq!((end.text.as_str(), end.done, tasks.len()), ("Four.", true, 4));
    let (_, tasks) = play(&pipeline(&["2+2?"], 3, 9), |_, _| Some("4".into()));
    assert_eq!(tasks.len(), 3, "those who agree at once are enough");
}

#[test]
fn voters_that_never_agree_end_with_what_they_said() {
    let (end, tasks) = play(&pipeline(&["a", "b"], 2, 5), |_, n| Some(format!("answer {n}")));
    assert!(!end.done);
    assert_eq!(tasks.len(), 5);
    assert!(
        end.text.contains("Step 1 of 2 is undecided: after 5 voters") && end.text.contains("1 × “answer 4”"),
        "{}",
        end.text
    );
    let (end, _) = play(&pipeline(&["a"], 1, 2), |_, _| None);
    assert!(end.text.contains("2 had no answer"), "{}", end.text);
}

#[test]
fn a_loop_ends_when_its_check_passes() {
    let plan = Plan::Loop(LoopPlan { task: "write".into(), check: "Is it short?".into(), rounds: 5 });
    let said = ["long text", "FAIL: too long", "short", "PASS"];
    let mut n = 0;
    let (end, tasks) = play(&plan, |_, _| {
        n += 1;
        Some(said[n - 1].to_owned())
    });
    assert_eq!(end, PlanEnd { done: true, text: "short".into() });
    assert!(
        tasks[2].contains("did not pass: FAIL: too long") && tasks[2].contains("long text"),
        "{}",
        tasks[2]
    );
}

#[test]
fn a_loop_that_never_passes_ends_at_its_limit() {
    let plan = Plan::Loop(LoopPlan { task: "write".into(), check: "Is it good?".into(), rounds: 3 });
    let (end, tasks) = play(&plan, |_, _| Some("no".into()));
    assert!(!end.done && end.text.contains("did not pass in 3 rounds"), "{}", end.text);
    assert_eq!(tasks.len(), 6);
    let (end, tasks) = play(&plan, |_, _| None);
    assert!(!end.done);
    assert_eq!(tasks.len(), 3, "an attempt without an answer is not checked");
}

#[test]
fn plans_that_make_no_sense_are_refused() {
    for (plan, key) in [
        (pipeline(&[], 1, 1), "steps"),
        (pipeline(&["a", " "], 1, 1), "steps"),
        (pipeline(&["a"], 0, 1), "ahead"),
        (pipeline(&["a"], 99, 99), "ahead"),
        (pipeline(&["a"], 3, 2), "voters"),
        (pipeline(&["a"], 1, 1_000), "voters"),
        (Plan::Loop(LoopPlan { task: String::new(), check: "c".into(), rounds: 1 }), "task"),
        (Plan::Loop(LoopPlan { task: "t".into(), check: "x".repeat(20_000), rounds: 1 }), "check"),
        (Plan::Loop(LoopPlan { task: "t".into(), check: "c".into(), rounds: 0 }), "rounds"),
    ] {
        assert_eq!(plan.check().unwrap_err().key, key, "{plan:?}");
    }
}

proptest! {
    /// Whatever voters say, a pipeline ends, within its bounds, and never by an answer that is not ahead.
    #[test]
    fn every_pipeline_ends(
        steps in 1..4_usize, ahead in 1..=5_u32, more in 0..8_u32,
        said in proptest::collection::vec(proptest::option::of("[abc]"), 1..60),
    ) {
        let names: Vec<&str> = ["s0", "s1", "s2", "s3"][..steps].to_vec();
        let plan = pipeline(&names, ahead, ahead + more);
        let mut n = 0;
        let (end, tasks) = play(&plan, |_, _| {
            n += 1;
            said[n % said.len()].clone()
        });
        prop_assert!(tasks.len() <= steps * (ahead + more) as usize);
        prop_assert!(end.done || end.text.contains("undecided"));
    }

    /// Whatever is said, a loop ends within its bound.
    #[test]
    fn every_loop_ends(rounds in 1..6_u32, said in proptest::collection::vec(proptest::option::of("(PASS|no|)"), 1..20)) {
        let plan = Plan::Loop(LoopPlan { task: "t".into(), check: "c".into(), rounds });
        let mut n = 0;
        let (_, tasks) = play(&plan, |_, _| {
            n += 1;
            said[n % said.len()].clone()
        });
        prop_assert!(tasks.len() <= 2 * rounds as usize);
    }
}
