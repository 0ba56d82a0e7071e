//! Times as people say them: `in 20 minutes`, `every weekday at 8:30`, `tomorrow at 9`.

mod clock;
mod days;

use jiff::{Timestamp as Instant, Zoned, civil::DateTime};
use session_api::Timestamp;

use crate::{Cron, ScheduleError, When, Zones, parse_length};
use clock::Clock;

/// Reads when a job is to run: a phrase, a cron expression, a date, a time of the day. Times of the day are those of `zone`
/// (an IANA name), else of the local zone.
///
/// # Errors
/// The text is none of these, or names a time that does not exist.
pub fn parse_when(
    text: &str,
    now: Timestamp,
    zone: Option<&str>,
    zones: &Zones,
) -> Result<When, ScheduleError> {
    let zone = zone.unwrap_or_else(|| zones.local()).trim().to_owned();
    let tz = zones.find(&zone)?;
    let text = text.trim();
    if text.is_empty() || text.len() > 256 {
        return Err(unclear(text));
    }
    if text.starts_with('@') || is_cron(text) {
        return Ok(cron(text.parse::<Cron>()?.to_string(), zone));
    }
    if let Some(at) = absolute(text, &tz)? {
        return Ok(When::At { at });
    }
    let lower = text.to_ascii_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty()).collect();
    let here = Instant::from_millisecond(now.0)
        .map_err(|_| ScheduleError::new("at", "the clock of this machine is not set"))?
        .to_zoned(tz);
    match words.as_slice() {
        ["in", ..] => {
            let length = parse_length("in", lower.trim_start().trim_start_matches("in"))?;
            Ok(When::At { at: now.plus(length) })
        }
        ["every" | "each", rest @ ..] => every(rest, &lower, now, zone),
        ["daily", rest @ ..] => repeated(&[&["day"], rest].concat(), zone).ok_or_else(|| unclear(text)),
        ["hourly"] => Ok(interval(3600, now)),
        [first, ..] if days::plural(first).is_some() => repeated(&words, zone).ok_or_else(|| unclear(text)),
        _ => once(&words, &here).ok_or_else(|| unclear(text))?.map(|at| When::At { at }),
    }
}

fn unclear(text: &str) -> ScheduleError {
    let shown: String = text.chars().take(64).collect();
    let reason = format!(
        "`{shown}` is no time that can be read; write \"in 20 minutes\", \"every 2 hours\", \"every weekday at 8:30\", \
         \"tomorrow at 9\", \"2027-03-01 18:00\", or a cron expression"
    );
    ScheduleError::new("at", reason)
}

fn cron(expression: String, zone: String) -> When {
    When::Cron { expression, zone }
}

/// Phases begin with the job: the first run comes when the first interval is over.
fn interval(seconds: u64, now: Timestamp) -> When {
    When::Every { seconds, first: now.plus(std::time::Duration::from_secs(seconds)) }
}

/// Five fields of which the first looks like one of cron's.
fn is_cron(text: &str) -> bool {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let of_cron = |field: &str| field.bytes().all(|b| b.is_ascii_alphanumeric() || b"*/,-#?".contains(&b));
    fields.len() >= 2
        && fields.iter().all(|field| of_cron(field))
        && fields.iter().take(2).all(|field| field.bytes().all(|b| !b.is_ascii_alphabetic()))
        && !fields[0].contains("--")
        && jiff::civil::Date::strptime("%Y-%m-%d", fields[0]).is_err()
}

/// A full date and time: with an offset or a zone of its own, or in `tz`.
fn absolute(text: &str, tz: &jiff::tz::TimeZone) -> Result<Option<Timestamp>, ScheduleError> {
    let dated =
        text.len() >= 10 && text.as_bytes()[..4].iter().all(u8::is_ascii_digit) && text.as_bytes()[4] == b'-';
    if !dated {
        return Ok(None);
    }
    if let Ok(at) = text.parse::<Instant>() {
        return Ok(Some(Timestamp(at.as_millisecond())));
    }
    if let Ok(at) = text.parse::<Zoned>() {
        return Ok(Some(Timestamp(at.timestamp().as_millisecond())));
    }
    let wrong = |error: jiff::Error| {
        let shown: String = text.chars().take(64).collect();
        ScheduleError::new("at", format!("`{shown}` is no date and time ({error}); write 2027-03-01 18:00"))
    };
    let local: DateTime = text.parse().map_err(wrong)?;
    let at = tz.to_zoned(local).map_err(wrong)?;
    Ok(Some(Timestamp(at.timestamp().as_millisecond())))
}

fn every(rest: &[&str], text: &str, now: Timestamp, zone: String) -> Result<When, ScheduleError> {
    if let Some(when) = repeated(rest, zone) {
        return Ok(when);
    }
    let (_, length) = text.trim_start().split_once(char::is_whitespace).unwrap_or(("", ""));
    Ok(interval(parse_length("every", length)?.as_secs(), now))
}

/// `day at 8`, `weekday at 8:30`, `monday and friday at 18:00`, `month on the 1st at 9`.
fn repeated(words: &[&str], zone: String) -> Option<When> {
    let split = words.iter().position(|word| *word == "at").unwrap_or(words.len());
    let (mut days, time) = words.split_at(split);
    let time = match time {
        ["at", time @ ..] => Clock::parse(time)?,
        // Without a time, "every day" is an interval; a weekday without one is unclear.
        _ if matches!(days, ["day"]) => return None,
        _ => {
            // `every weekday 8:30`
            let (last, before) = days.split_last()?;
            let time = Clock::parse(&[*last])?;
            days = before;
            time
        }
    };
    let Clock { hour, minute } = time;
    let expression = match days {
        ["day"] => format!("{minute} {hour} * * *"),
        ["month", on @ ..] => {
            let day = match on {
                [] => 1,
                ["on", "the", day] | ["on", day] => days::ordinal(day)?,
                _ => return None,
            };
            format!("{minute} {hour} {day} * *")
        }
        days => format!("{minute} {hour} * * {}", days::weekdays(days)?),
    };
    Some(cron(expression, zone))
}

/// `tomorrow at 9`, `friday at 18:00`, `at 8:30`, `noon`. The outer `None`: no such phrase.
fn once(words: &[&str], here: &Zoned) -> Option<Result<Timestamp, ScheduleError>> {
    let words = words.strip_prefix(&["on"]).unwrap_or(words);
    let words = words.strip_prefix(&["next"]).or_else(|| words.strip_prefix(&["this"])).unwrap_or(words);
    let (day, time) = match words {
        ["today", time @ ..] => (Some(here.date()), time),
        ["tomorrow", time @ ..] => (Some(here.date().tomorrow().ok()?), time),
        [day, time @ ..] if days::weekday(day).is_some() => {
            let weekday = days::weekday(day)?;
            (Some(here.date().nth_weekday(1, weekday).ok()?), time)
        }
        time => (None, time),
    };
    let time = time.strip_prefix(&["at"]).unwrap_or(time);
    let Clock { hour, minute } = Clock::parse(time)?;
    let at = |date: jiff::civil::Date| {
        let local = date.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0);
        here.time_zone().to_zoned(local).ok()
    };
    let found = match day {
        Some(day) => at(day)?,
        None => {
            let today = at(here.date())?;
            if today > *here { today } else { at(here.date().tomorrow().ok()?)? }
        }
    };
    if found <= *here {
        return Some(Err(ScheduleError::new("at", "that time has passed")));
    }
    Some(Ok(Timestamp(found.timestamp().as_millisecond())))
}

#[cfg(test)]
mod tests;
