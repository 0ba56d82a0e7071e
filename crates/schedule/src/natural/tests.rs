//! What people say, and what it means.

use proptest::prelude::*;

use super::*;

/// Saturday, 21 November 2026, 11:00 in Berlin.
const NOW: Timestamp = Timestamp(1_795_255_200_000);

fn zones() -> Zones {
    Zones::new(jiff::tz::db().clone(), "Europe/Berlin").unwrap()
}

fn read(text: &str) -> Result<When, ScheduleError> {
    parse_when(text, NOW, None, &zones())
}

fn local(text: &str) -> Timestamp {
    let tz = zones().find("Europe/Berlin").unwrap();
    let at = tz.to_zoned(text.parse::<DateTime>().unwrap()).unwrap();
    Timestamp(at.timestamp().as_millisecond())
}

#[test]
fn moments() {
    for (text, expected) in [
        ("in 20 minutes", "2026-11-21T11:20"),
        ("in 1h30m", "2026-11-21T12:30"),
        ("in an hour", "2026-11-21T12:00"),
        ("at 18:30", "2026-11-21T18:30"),
        ("18:30", "2026-11-21T18:30"),
        ("at 9", "2026-11-22T09:00"),
        ("9pm", "2026-11-21T21:00"),
        ("tomorrow at 9", "2026-11-22T09:00"),
        ("Tomorrow at 9:15 am", "2026-11-22T09:15"),
        ("today at noon", "2026-11-21T12:00"),
        ("midnight", "2026-11-22T00:00"),
        ("monday at 8", "2026-11-23T08:00"),
        ("next friday at 18:00", "2026-11-27T18:00"),
        ("saturday at 8", "2026-11-28T08:00"),
        ("2026-12-24 18:00", "2026-12-24T18:00"),
        ("2026-12-24T18:00", "2026-12-24T18:00"),
        ("2026-12-24T17:00:00Z", "2026-12-24T18:00"),
        ("2026-12-24T12:00:00-05:00[America/New_York]", "2026-12-24T18:00"),
        // Left out by the change of the clocks, and twice there.
        ("2027-03-28 02:30", "2027-03-28T03:30"),
        ("2027-10-31 02:30", "2027-10-31T02:30"),
    ] {
        assert_eq!(read(text), Ok(When::At { at: local(expected) }), "{text}");
    }
}

#[test]
fn intervals_begin_now() {
    for (text, seconds) in [
        ("every 30 minutes", 1800),
        ("every hour", 3600),
        ("every 2h", 7200),
        ("every day", 86_400),
        ("hourly", 3600),
        ("every 45s", 45),
    ] {
        let first = Timestamp(NOW.0 + seconds * 1000);
        assert_eq!(read(text), Ok(When::Every { seconds: seconds as u64, first }), "{text}");
    }
}

#[test]
fn days_become_expressions() {
    for (text, expression) in [
        ("every weekday at 8:30", "30 8 * * 1-5"),
        ("weekdays at 9am", "0 9 * * 1-5"),
        ("every weekend at 10", "0 10 * * 6,0"),
        ("every day at 8", "0 8 * * *"),
        ("daily at 7:05", "5 7 * * *"),
        ("every monday at 18:00", "0 18 * * 1"),
        ("every monday, wednesday and friday at 7pm", "0 19 * * 1,3,5"),
        ("Mondays at noon", "0 12 * * 1"),
        ("every month on the 1st at 9", "0 9 1 * *"),
        ("every month on the 15th at 9:30", "30 9 15 * *"),
        ("every weekday 8:30", "30 8 * * 1-5"),
        ("*/15 8-18 * * mon-fri", "*/15 8-18 * * mon-fri"),
        ("@daily", "@daily"),
    ] {
        let expected = When::Cron { expression: expression.into(), zone: "Europe/Berlin".into() };
        assert_eq!(read(text), Ok(expected), "{text}");
    }
    let utc = parse_when("daily at 8", NOW, Some("UTC"), &zones());
    assert_eq!(utc, Ok(When::Cron { expression: "0 8 * * *".into(), zone: "UTC".into() }));
}

#[test]
fn what_cannot_be_read_says_what_could() {
    for (text, field) in [
        ("", "at"),
        ("soon", "at"),
        ("every", "every"),
        ("every blue moon", "every"),
        ("every monday", "every"),
        ("in -5 minutes", "in"),
        ("at 25:00", "at"),
        ("today at 9", "at"),
        ("13pm", "at"),
        ("2026-13-01 10:00", "at"),
        ("2026-02-29 10:00", "at"),
        ("* * *", "cron"),
        ("0 24 * * *", "hour"),
        ("@sometimes", "cron"),
    ] {
        let error = read(text).unwrap_err();
        assert_eq!(error.field, field, "{text}: {error}");
    }
    assert_eq!(parse_when("daily at 8", NOW, Some("Mars/Olympus"), &zones()).unwrap_err().field, "zone");
}

proptest! {
    #[test]
    fn no_text_is_too_odd(text in "\\PC{0,60}") {
        let _ = read(&text);
    }

    #[test]
    fn no_mix_of_words_is_too_odd(words in proptest::collection::vec(prop_oneof!["every", "at", "in", "monday", "day", "month", "on", "the", "1st", "[0-9]{1,3}", "[0-9]{1,2}:[0-9]{2}", "am", "next", "\\*", "and", "weekday"], 0..8)) {
        if let Ok(when) = read(&words.join(" ")) {
            prop_assert!(when.timetable(&zones()).is_ok());
        }
    }
}
