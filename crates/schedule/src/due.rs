//! What becomes of a job whose time has come.

use std::time::Duration;

use session_api::{Job, Timestamp};

use crate::{JobDefinition, Misfire, Timetable};

/// Most runs that are made up for at once.
pub const CATCH_UP: usize = 24;
/// A run that begins so late was missed.
pub const GRACE: Duration = Duration::from_secs(60);
/// Missed runs are counted up to here.
const COUNTED: usize = 1000;

/// What a due job does now, and when it is due next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decision {
    /// The times for which it runs now; each is a run of its own.
    pub runs: Vec<Timestamp>,
    /// Times that are left out, up to 1000.
    pub skipped: u64,
    /// The next time. `None`: there is none any more.
    pub next: Option<Timestamp>,
}

/// Decides about a job that is due at `now` (it may have been due long ago).
#[must_use]
pub fn decide(job: &Job, definition: &JobDefinition, timetable: &Timetable, now: Timestamp) -> Decision {
    let Some(due) = job.due else { return Decision::default() };
    let mut missed = vec![due];
    while missed.len() < COUNTED
        && let Some(next) =
            missed.last().and_then(|last| timetable.next_after(*last)).filter(|next| *next <= now)
    {
        missed.push(next);
    }
    missed.retain(|at| within(definition, *at));
    let known = missed.len();
    let left = definition.max_runs.map_or(u64::MAX, |most| most.saturating_sub(job.runs));
    // What was put off on purpose is not late.
    let began = job.next_run_at.unwrap_or(due).max(due);
    let late = now.since(began) > GRACE;
    let most = match definition.misfire {
        _ if known == 0 => 0,
        Misfire::Skip if late => 0,
        Misfire::Skip | Misfire::Once => 1,
        Misfire::All => CATCH_UP,
    };
    let most = most.min(usize::try_from(left).unwrap_or(usize::MAX));
    // The newest of them: an answer about now is of more use than one about last week.
    let mut runs = missed.split_off(known.saturating_sub(most).min(known));
    runs.truncate(most);
    let done = runs.len() as u64;
    let next = timetable.next_after(now.max(due)).filter(|at| done < left && within(definition, *at));
    Decision { skipped: (known - runs.len()) as u64, runs, next }
}

fn within(definition: &JobDefinition, at: Timestamp) -> bool {
    definition.until.is_none_or(|until| at <= until)
}

/// When a stored time is not what the job's schedule says today, the right one: after the zone's rules changed, and after
/// a clock that ran ahead was set back.
#[must_use]
pub fn corrected(job: &Job, timetable: &Timetable, now: Timestamp) -> Option<Timestamp> {
    let due = job.due.filter(|due| *due > now)?;
    if matches!(timetable, Timetable::At(_)) {
        return None;
    }
    timetable.next_after(now).filter(|right| *right != due)
}

/// When a run that is due at `due` begins: put off by up to `seconds`, as `chance` (the random bytes of an id) says, and
/// never beyond half the way to the run behind it.
#[must_use]
pub fn put_off(timetable: &Timetable, due: Timestamp, seconds: u64, chance: &[u8; 16]) -> Timestamp {
    let half = timetable.next_after(due).map_or(Duration::MAX, |next| next.since(due) / 2);
    let most = Duration::from_secs(seconds).min(half);
    // The last bytes of an id are random.
    let part = f64::from(u16::from_be_bytes([chance[14], chance[15]])) / f64::from(u16::MAX);
    due.plus(most.mul_f64(part))
}

#[cfg(test)]
mod tests;
