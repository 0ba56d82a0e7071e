//! Cron expressions.

mod field;
mod search;

use std::{fmt, str::FromStr};

use jiff::tz::TimeZone;
use session_api::Timestamp;

use crate::ScheduleError;
use field::{Field, Spec};

/// An expression of five fields, or a short name such as `@daily`.
///
/// Fields hold `*`, numbers, names of months and weekdays, ranges, lists and steps. Sunday is 0 or 7. As in Vixie's cron, a
/// day must fit the day of the month *or* the weekday when both are given, and *both* when one of them begins with `*`.
///
/// Where clocks are changed: an expression whose minute or hour begins with `*` follows the time that passes, so it runs in
/// both halves of a repeated hour and not in one that is left out. Any other one names times of the day: a time that is
/// left out runs at the moment after the gap, and one that comes twice runs the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// A day must fit both fields of days, not one of them.
    both: bool,
    /// It follows the time that passes, not the times of the day.
    flows: bool,
}

const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// The most days that the months have, January first.
const LONGEST: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

impl Cron {
    /// The first moment after `after` that fits, by the rules of `zone`; `None` when there is none in 50 years.
    #[must_use]
    pub fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        search::next_after(self, after, zone)
    }

    fn has_day(&self, day: jiff::civil::Date) -> bool {
        let fits = |set: u64, number: i8| set & (1 << number) != 0;
        let of_month = fits(self.days, day.day());
        let of_week = fits(self.weekdays, day.weekday().to_sunday_zero_offset());
        fits(self.months, day.month()) && if self.both { of_month && of_week } else { of_month || of_week }
    }
}

impl FromStr for Cron {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let text = text.trim();
        if text.len() > 256 {
            return Err(ScheduleError::new("cron", "an expression has at most 256 characters"));
        }
        if text.starts_with('@') {
            let known = NICKNAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
            let Some((name, meaning)) = known else {
                let names: Vec<&str> = NICKNAMES.iter().map(|(name, _)| *name).collect();
                let reason = format!("`{text}` is not known; there are {}", names.join(", "));
                return Err(ScheduleError::new("cron", reason));
            };
            return Ok(Self { text: (*name).to_owned(), ..meaning.parse()? });
        }
        let parts: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = parts.as_slice() else {
            let reason = format!(
                "an expression has five fields (minute, hour, day, month, weekday), not {}: `{text}`",
                parts.len()
            );
            return Err(ScheduleError::new("cron", reason));
        };
        let [minute, hour, day, month, weekday] = [
            Field::parse(minute, &Spec::MINUTE)?,
            Field::parse(hour, &Spec::HOUR)?,
            Field::parse(day, &Spec::DAY)?,
            Field::parse(month, &Spec::MONTH)?,
            Field::parse(weekday, &Spec::WEEKDAY)?,
        ];
        let both = day.star || weekday.star;
        let longest = (1..=12_u32)
            .zip(LONGEST)
            .filter(|(number, _)| month.set & (1 << number) != 0)
            .map(|(_, days)| days)
            .max()
            .unwrap_or(31);
        // Where the weekday alone may decide, a day that never comes does no harm.
        if (both || weekday.set == 0) && day.set.trailing_zeros() > longest {
            let reason = format!("none of the months has such a day: `{text}` would never run");
            return Err(ScheduleError::new("day", reason));
        }
        Ok(Self {
            text: parts.join(" "),
            minutes: minute.set,
            hours: hour.set,
            days: day.set,
            months: month.set,
            // Sunday has two numbers.
            weekdays: weekday.set | (weekday.set >> 7),
            both,
            flows: minute.star || hour.star,
        })
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
