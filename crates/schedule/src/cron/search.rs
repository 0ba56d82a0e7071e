//! Finds the next moment.
//!
//! Between two changes of a zone's clocks, local time and the time that passes differ by a constant. So the time line is
//! walked in such stretches, and within one the search is plain arithmetic of the calendar. What is special happens where
//! two stretches meet: times of the day that are left out, and times that come twice.

use jiff::{
    SignedDuration, Timestamp as Instant,
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};
use session_api::Timestamp;

use super::Cron;

/// How far the search goes. The 29th of February on a given weekday comes every 28 years, and every 40 around 2100.
const YEARS: i16 = 50;

pub(super) fn next_after(cron: &Cron, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let after = Instant::from_millisecond(after.0).ok()?;
    let mut start = next_minute(after)?;
    let mut offset = zone.to_offset(start);
    let last = offset.to_datetime(start).year().checked_add(YEARS)?;
    let mut changes = zone.following(start);
    // Times of the day before this one had their turn in the stretch before.
    let mut from = offset.to_datetime(start);
    if !cron.flows {
        from = from.max(repeated_until(zone, start).unwrap_or(from));
    }
    from = whole_minute(from)?;
    loop {
        let end = changes.next();
        let limit = end.as_ref().map(|change| offset.to_datetime(change.timestamp()));
        let found = fitting(cron, from, limit, last)?;
        if let Found::At(found) = found {
            return Some(millis(offset.to_timestamp(found).ok()?));
        }
        let (change, limit) = (end?, limit?);
        start = change.timestamp();
        offset = change.offset();
        let local = offset.to_datetime(start);
        if cron.flows {
            from = local;
        } else {
            // Left out: it runs as soon as there is a time again.
            if limit < local && matches!(fitting(cron, limit, Some(local), last)?, Found::At(_)) {
                return Some(millis(start));
            }
            from = local.max(limit);
        }
        from = whole_minute(from)?;
    }
}

fn millis(at: Instant) -> Timestamp {
    Timestamp(at.as_millisecond())
}

/// The first whole minute after `after`.
fn next_minute(after: Instant) -> Option<Instant> {
    let second = after.as_millisecond().div_euclid(60_000).checked_add(1)?.checked_mul(60)?;
    Instant::from_second(second).ok()
}

/// Zones of long ago were off by seconds.
fn whole_minute(at: DateTime) -> Option<DateTime> {
    let down = at.with().second(0).subsec_nanosecond(0).build().ok()?;
    if down == at { Some(at) } else { down.checked_add(SignedDuration::from_mins(1)).ok() }
}

/// Where the clocks were set back a moment ago: the local time until which times come a second time.
fn repeated_until(zone: &TimeZone, start: Instant) -> Option<DateTime> {
    let change = zone.preceding(start.checked_add(SignedDuration::from_nanos(1)).ok()?).next()?;
    let before = change.timestamp().checked_sub(SignedDuration::from_nanos(1)).ok()?;
    Some(zone.to_offset(before).to_datetime(change.timestamp()))
}

enum Found {
    At(DateTime),
    /// Nothing before the limit.
    Beyond,
}

/// The first local time from `from` on that fits; `None` when there is none up to the end of the year `last`.
fn fitting(cron: &Cron, from: DateTime, limit: Option<DateTime>, last: i16) -> Option<Found> {
    let mut date = from.date();
    let mut earliest = from.time();
    loop {
        if limit.is_some_and(|limit| date > limit.date()) {
            return Some(Found::Beyond);
        }
        if date.year() > last {
            return None;
        }
        if cron.months & (1 << date.month()) == 0 {
            date = first_of_next_month(date)?;
            earliest = Time::midnight();
            continue;
        }
        if cron.has_day(date)
            && let Some(time) = of_day(cron, earliest)
        {
            let found = date.to_datetime(time);
            let beyond = limit.is_some_and(|limit| found >= limit);
            return Some(if beyond { Found::Beyond } else { Found::At(found) });
        }
        date = date.tomorrow().ok()?;
        earliest = Time::midnight();
    }
}

fn first_of_next_month(date: Date) -> Option<Date> {
    date.last_of_month().tomorrow().ok()
}

/// The first time of a day that fits, from `earliest` on.
fn of_day(cron: &Cron, earliest: Time) -> Option<Time> {
    let first = |set: u64, from: i8| {
        let rest = set.checked_shr(u32::try_from(from).ok()?)?;
        (rest != 0).then(|| from + rest.trailing_zeros() as i8)
    };
    let hour = first(cron.hours, earliest.hour())?;
    let same_hour = (hour == earliest.hour()).then(|| first(cron.minutes, earliest.minute())).flatten();
    if let Some(minute) = same_hour {
        return Time::new(hour, minute, 0, 0).ok();
    }
    let hour = if hour == earliest.hour() { first(cron.hours, hour + 1)? } else { hour };
    Time::new(hour, first(cron.minutes, 0)?, 0, 0).ok()
}
