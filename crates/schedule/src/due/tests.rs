//! Misfires, ends, jitter, and clocks that jump.

use proptest::prelude::*;
use session_api::{JobId, Principal, Route, SessionKey};

use super::*;
use crate::{Payload, When, Zones};

const MINUTE: i64 = 60_000;

fn definition(misfire: Misfire) -> JobDefinition {
    JobDefinition {
        when: When::Every { seconds: 60, first: Timestamp(0) },
        payload: Payload::Prompt { text: "hi".into() },
        principal: Principal::owner(),
        reply: Route::to_session(&SessionKey::new("a", "b", "c")),
        origin: None,
        until: None,
        max_runs: None,
        misfire,
        jitter_seconds: 0,
        model: None,
        created_at: Timestamp(0),
    }
}

fn job(definition: &JobDefinition, due: i64) -> Job {
    Job {
        id: JobId(uuid::Uuid::from_u128(7)),
        owner: definition.principal.id.clone(),
        name: "job".into(),
        definition: definition.to_text().unwrap(),
        enabled: true,
        due: Some(Timestamp(due)),
        next_run_at: Some(Timestamp(due)),
        runs: 0,
    }
}

fn timetable(definition: &JobDefinition) -> Timetable {
    definition.when.timetable(&Zones::utc()).unwrap()
}

fn minutes(times: &[Timestamp]) -> Vec<i64> {
    times.iter().map(|at| at.0 / MINUTE).collect()
}

/// (misfire, due minute, minute of now) → (runs, skipped, next)
#[test]
fn a_missed_run_follows_the_policy() {
    for (misfire, due, now, runs, skipped, next) in [
        (Misfire::Once, 1, 1, vec![1], 0, 2),
        (Misfire::Skip, 1, 1, vec![1], 0, 2),
        (Misfire::Skip, 1, 2, vec![2], 1, 3),
        (Misfire::Skip, 1, 9, vec![], 9, 10),
        (Misfire::Once, 1, 9, vec![9], 8, 10),
        (Misfire::All, 1, 4, vec![1, 2, 3, 4], 0, 5),
        (Misfire::All, 1, 30, (7..=30).collect(), 6, 31),
        (Misfire::All, 1, 10_000_000, (977..=1000).collect(), 976, 10_000_001),
    ] {
        let definition = definition(misfire);
        let job = job(&definition, due * MINUTE);
        let decided = decide(&job, &definition, &timetable(&definition), Timestamp(now * MINUTE));
        assert_eq!(minutes(&decided.runs), runs, "{misfire:?} {due} {now}");
        assert_eq!(
            (decided.skipped, decided.next),
            (skipped, Some(Timestamp(next * MINUTE))),
            "{misfire:?} {due} {now}"
        );
    }
}

#[test]
fn a_job_ends_after_its_runs_or_its_time() {
    let one = JobDefinition { max_runs: Some(1), ..definition(Misfire::All) };
    let decided = decide(&job(&one, MINUTE), &one, &timetable(&one), Timestamp(5 * MINUTE));
    assert_eq!((decided.runs.len(), decided.next), (1, None));
    let spent = Job { runs: 1, ..job(&one, MINUTE) };
    assert_eq!(decide(&spent, &one, &timetable(&one), Timestamp(MINUTE)).runs, []);
    let until = JobDefinition { until: Some(Timestamp(2 * MINUTE)), ..definition(Misfire::All) };
    let decided = decide(&job(&until, MINUTE), &until, &timetable(&until), Timestamp(5 * MINUTE));
    assert_eq!((minutes(&decided.runs), decided.next), (vec![1, 2], None));
    let late = decide(&job(&until, 3 * MINUTE), &until, &timetable(&until), Timestamp(5 * MINUTE));
    assert_eq!((late.runs, late.next), (vec![], None));
}

#[test]
fn what_was_put_off_on_purpose_was_not_missed() {
    let definition = JobDefinition {
        when: When::Every { seconds: 3600, first: Timestamp(0) },
        ..definition(Misfire::Skip)
    };
    let job = Job { next_run_at: Some(Timestamp(20 * MINUTE)), ..job(&definition, 0) };
    assert_eq!(
        decide(&job, &definition, &timetable(&definition), Timestamp(20 * MINUTE)).runs,
        [Timestamp(0)]
    );
}

/// A clock that was ten years ahead left a time behind that is ten years away.
#[test]
fn a_time_from_a_clock_that_ran_ahead_is_corrected() {
    let definition = definition(Misfire::Once);
    let table = timetable(&definition);
    assert_eq!(
        corrected(&job(&definition, 5_000_000 * MINUTE), &table, Timestamp(9 * MINUTE)),
        Some(Timestamp(10 * MINUTE))
    );
    assert_eq!(corrected(&job(&definition, 10 * MINUTE), &table, Timestamp(9 * MINUTE)), None);
    // Overdue: that is for the policy.
    assert_eq!(corrected(&job(&definition, MINUTE), &table, Timestamp(9 * MINUTE)), None);
    let once = When::At { at: Timestamp(99 * MINUTE) }.timetable(&Zones::utc()).unwrap();
    assert_eq!(corrected(&job(&definition, 99 * MINUTE), &once, Timestamp(0)), None);
}

proptest! {
    #[test]
    fn a_decision_never_looks_back(misfire in 0..3, due in 0_i64..1_000_000, late in 0_i64..1_000_000_000, most in proptest::option::of(0_u64..40), seconds in 60_u64..100_000) {
        let misfire = [Misfire::Skip, Misfire::Once, Misfire::All][misfire as usize];
        let mut definition = JobDefinition { max_runs: most, ..definition(misfire) };
        definition.when = When::Every { seconds, first: Timestamp(due) };
        let now = Timestamp(due + late);
        let decided = decide(&job(&definition, due), &definition, &timetable(&definition), now);
        prop_assert!(decided.runs.len() <= CATCH_UP.min(most.unwrap_or(99) as usize));
        prop_assert!(decided.runs.is_sorted());
        prop_assert!(decided.runs.iter().all(|at| *at <= now));
        prop_assert!(decided.next.is_none_or(|next| next > now));
        prop_assert_eq!(decided.next.is_none(), decided.runs.len() as u64 >= most.unwrap_or(u64::MAX));
    }

    #[test]
    fn jitter_stays_before_the_next_run(seconds in 0_u64..1_000_000, chance in any::<[u8; 16]>()) {
        let table = timetable(&definition(Misfire::Once));
        let at = put_off(&table, Timestamp(0), seconds, &chance);
        prop_assert!(at >= Timestamp(0) && at <= Timestamp(30_000) && at.0 <= seconds as i64 * 1000);
    }
}
