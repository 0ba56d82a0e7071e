//! When a job runs.

use std::time::Duration;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use session_api::Timestamp;

use crate::{Cron, ScheduleError, Zones};

/// When a job runs, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum When {
    /// At `first` and every so many seconds after it. A run that comes late does not move the ones behind it.
    Every {
        /// The interval.
        seconds: u64,
        /// The first time.
        first: Timestamp,
    },
    /// At the times of a cron expression.
    Cron {
        /// The expression.
        expression: String,
        /// The IANA name of the zone whose clocks it means.
        zone: String,
    },
    /// Once.
    At {
        /// When.
        at: Timestamp,
    },
}

impl When {
    /// Ready to be asked.
    ///
    /// # Errors
    /// The expression makes no sense, or the zone is not in the database (any more).
    pub fn timetable(&self, zones: &Zones) -> Result<Timetable, ScheduleError> {
        Ok(match self {
            Self::Every { seconds: 0, .. } => {
                return Err(ScheduleError::new("every", "an interval is needed"));
            }
            Self::Every { seconds, first } => {
                Timetable::Every { step: Duration::from_secs(*seconds), first: *first }
            }
            Self::Cron { expression, zone } => {
                Timetable::Cron { cron: Box::new(expression.parse()?), zone: zones.find(zone)? }
            }
            Self::At { at } => Timetable::At(*at),
        })
    }

    /// Whether it comes more than once.
    #[must_use]
    pub fn repeats(&self) -> bool {
        !matches!(self, Self::At { .. })
    }

    /// For a person: `every 30 min`, `30 8 * * 1-5 (Europe/Berlin)`, `once`.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Every { seconds, .. } => format!("every {}", length(*seconds)),
            Self::Cron { expression, zone } => format!("{expression} ({zone})"),
            Self::At { .. } => "once".into(),
        }
    }
}

/// A length for a person, exact.
fn length(seconds: u64) -> String {
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (unit, name) in [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")] {
        if rest >= unit {
            parts.push(format!("{} {name}", rest / unit));
            rest %= unit;
        }
    }
    parts.join(" ")
}

/// A [`When`] that can be asked.
#[derive(Debug, Clone)]
pub enum Timetable {
    /// A grid.
    Every {
        /// Its step.
        step: Duration,
        /// Its first point.
        first: Timestamp,
    },
    /// The times of an expression.
    Cron {
        /// The expression.
        cron: Box<Cron>,
        /// The zone whose clocks it means.
        zone: TimeZone,
    },
    /// One time.
    At(Timestamp),
}

impl Timetable {
    /// The first time after `after`; `None` when there is none any more.
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every { first, .. } if after < *first => Some(*first),
            Self::Every { step, first } => {
                let step = i64::try_from(step.as_millis()).ok()?.max(1);
                let passed = after.0.checked_sub(first.0)?.div_euclid(step);
                passed.checked_add(1)?.checked_mul(step)?.checked_add(first.0).map(Timestamp)
            }
            Self::Cron { cron, zone } => cron.next_after(after, zone),
            Self::At(at) => (*at > after).then_some(*at),
        }
    }

    /// The next `count` times after `after`.
    pub fn upcoming(&self, after: Timestamp, count: usize) -> Vec<Timestamp> {
        let next = |last: &Timestamp| self.next_after(*last);
        std::iter::successors(self.next_after(after), next).take(count).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whenever it is asked, an interval stays on its grid, and no point of it is left out.
        #[test]
        fn an_interval_keeps_its_phase(seconds in 1_u64..10_000_000, first in -1_000_000_000_000_i64..4_000_000_000_000, after in -1_000_000_000_000_i64..4_000_000_000_000) {
            let when = When::Every { seconds, first: Timestamp(first) };
            let next = when.timetable(&Zones::utc()).unwrap().next_after(Timestamp(after)).unwrap();
            let step = seconds as i64 * 1000;
            prop_assert!(next.0 > after);
            prop_assert_eq!((next.0 - first).rem_euclid(step), 0);
            prop_assert!(next.0 == first || next.0 - step <= after);
        }
    }

    #[test]
    fn times_at_the_end_of_the_range_are_none() {
        let every = When::Every { seconds: u64::MAX, first: Timestamp(i64::MAX - 1) };
        assert_eq!(every.timetable(&Zones::utc()).unwrap().next_after(Timestamp(i64::MAX)), None);
        let cron = When::Cron { expression: "* * * * *".into(), zone: "UTC".into() };
        assert_eq!(cron.timetable(&Zones::utc()).unwrap().next_after(Timestamp(i64::MAX)), None);
    }

    #[test]
    fn a_single_time_comes_once() {
        let at = When::At { at: Timestamp(10) }.timetable(&Zones::utc()).unwrap();
        assert_eq!(at.upcoming(Timestamp(0), 5), [Timestamp(10)]);
        assert_eq!(at.next_after(Timestamp(10)), None);
    }

    #[test]
    fn lengths_are_shown_exactly() {
        for (seconds, shown) in [(1800, "30 min"), (5400, "1 h 30 min"), (90_061, "1 d 1 h 1 min 1 s")] {
            assert_eq!(length(seconds), shown);
        }
    }
}
