//! Which expressions are read, and when they run.

use proptest::prelude::*;

use super::*;
use crate::Zones;

fn zone(name: &str) -> TimeZone {
    Zones::new(jiff::tz::db().clone(), "UTC").unwrap().find(name).unwrap()
}

fn instant(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

/// The next times as the clocks of the zone show them, with their offset.
fn shown(expression: &str, name: &str, after: &str, count: usize) -> Vec<String> {
    let (cron, zone) = (expression.parse::<Cron>().unwrap(), zone(name));
    let mut at = instant(after);
    std::iter::from_fn(|| {
        at = cron.next_after(at, &zone)?;
        let here = jiff::Timestamp::from_millisecond(at.0).unwrap().to_zoned(zone.clone());
        Some(here.strftime("%m-%d %H:%M%z").to_string())
    })
    .take(count)
    .collect()
}

#[test]
fn clocks_that_change() {
    for (expression, zone, after, expected) in [
        // Left out: it runs as soon as there is a time again.
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2027-03-26T12:00:00Z",
            ["03-27 02:30+0100", "03-28 03:00+0200", "03-29 02:30+0200"],
        ),
        (
            "30 2,14 * * *",
            "Europe/Berlin",
            "2027-03-27T20:00:00Z",
            ["03-28 03:00+0200", "03-28 14:30+0200", "03-29 02:30+0200"],
        ),
        (
            "*/30 2 * * *",
            "Europe/Berlin",
            "2027-03-27T00:00:00Z",
            ["03-27 02:00+0100", "03-27 02:30+0100", "03-29 02:00+0200"],
        ),
        // Twice there: the first time, but what follows the time that passes runs in both.
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2027-10-30T12:00:00Z",
            ["10-31 02:30+0200", "11-01 02:30+0100", "11-02 02:30+0100"],
        ),
        (
            "*/30 * * * *",
            "Europe/Berlin",
            "2027-10-31T00:00:00Z",
            ["10-31 02:30+0200", "10-31 02:00+0100", "10-31 02:30+0100"],
        ),
        (
            "0 3 * * *",
            "Europe/Berlin",
            "2027-10-30T12:00:00Z",
            ["10-31 03:00+0100", "11-01 03:00+0100", "11-02 03:00+0100"],
        ),
        (
            "15 2 * * *",
            "America/New_York",
            "2027-03-13T12:00:00Z",
            ["03-14 03:00-0400", "03-15 02:15-0400", "03-16 02:15-0400"],
        ),
        (
            "15 1 * * *",
            "America/New_York",
            "2027-11-06T12:00:00Z",
            ["11-07 01:15-0400", "11-08 01:15-0500", "11-09 01:15-0500"],
        ),
        // Half an hour is changed there.
        (
            "15 2 * * *",
            "Australia/Lord_Howe",
            "2027-10-02T00:00:00Z",
            ["10-03 02:30+1100", "10-04 02:15+1100", "10-05 02:15+1100"],
        ),
        (
            "45 1 * * *",
            "Australia/Lord_Howe",
            "2027-04-03T00:00:00Z",
            ["04-04 01:45+1100", "04-05 01:45+1030", "04-06 01:45+1030"],
        ),
        (
            "45 * * * *",
            "Australia/Lord_Howe",
            "2027-04-03T14:00:00Z",
            ["04-04 01:45+1100", "04-04 01:45+1030", "04-04 02:45+1030"],
        ),
        // A day that was left out whole.
        (
            "0 9 * * *",
            "Pacific/Apia",
            "2011-12-29T00:00:00Z",
            ["12-29 09:00-1000", "12-31 00:00+1400", "12-31 09:00+1400"],
        ),
    ] {
        assert_eq!(shown(expression, zone, after, 3), expected, "{expression} {zone}");
    }
}

/// Asked in the middle of the repeated hour, a time that has had its turn does not come again.
#[test]
fn a_time_that_had_its_turn_is_not_repeated() {
    let first = shown("30 2 * * *", "Europe/Berlin", "2027-10-31T00:40:00Z", 1);
    let between = shown("30 2 * * *", "Europe/Berlin", "2027-10-31T01:10:00Z", 1);
    assert_eq!((first, between), (vec!["11-01 02:30+0100".to_owned()], vec!["11-01 02:30+0100".to_owned()]));
}

#[test]
fn days_of_the_month_and_of_the_week() {
    for (expression, expected) in [
        // 2026-11-21 is a Saturday.
        ("0 9 * * 1-5", ["11-23 09:00+0000", "11-24 09:00+0000"]),
        ("0 0 13 * 5", ["11-27 00:00+0000", "12-04 00:00+0000"]),
        ("0 0 */10 * 5", ["12-11 00:00+0000", "01-01 00:00+0000"]),
        ("0 0 * * 7", ["11-22 00:00+0000", "11-29 00:00+0000"]),
        ("0 0 * * fri-sat", ["11-27 00:00+0000", "11-28 00:00+0000"]),
        ("0 0 29 2 *", ["02-29 00:00+0000", "02-29 00:00+0000"]),
        ("@weekly", ["11-22 00:00+0000", "11-29 00:00+0000"]),
        ("0 0 30 2 1", ["02-01 00:00+0000", "02-08 00:00+0000"]),
    ] {
        assert_eq!(shown(expression, "UTC", "2026-11-21T10:00:00Z", 2), expected, "{expression}");
    }
}

#[test]
fn what_makes_no_sense_names_its_field() {
    for (expression, field) in [
        ("", "cron"),
        ("* * *", "cron"),
        ("* * * * * *", "cron"),
        ("@reboot", "cron"),
        ("61 * * * *", "minute"),
        ("a * * * *", "minute"),
        ("*/0 * * * *", "minute"),
        ("*/-5 * * * *", "minute"),
        ("5/15 * * * *", "minute"),
        ("1-2-3 * * * *", "minute"),
        (", * * * *", "minute"),
        ("* 24 * * *", "hour"),
        ("* 10-5 * * *", "hour"),
        ("* * 0 * *", "day"),
        ("* * 32 * *", "day"),
        ("* * * 13 *", "month"),
        ("* * * foo *", "month"),
        ("* * * * 8", "weekday"),
        ("0 0 30 2 *", "day"),
        ("0 0 31 4,6,9,11 *", "day"),
    ] {
        let error = expression.parse::<Cron>().unwrap_err();
        assert_eq!(error.field, field, "{expression}: {error}");
    }
}

proptest! {
    /// The rule by definition: no minute in between fits.
    #[test]
    fn the_next_time_is_the_first_that_fits(minute in 0_u32..60, step in 1_u32..30, hour in 0_u32..24, start in 1_798_000_000_i64..1_830_000_000) {
        let cron: Cron = format!("{minute}-59/{step} {hour},*/7 * * *").parse().unwrap();
        let start = start - start % 60;
        let next = cron.next_after(Timestamp(start * 1000), &TimeZone::UTC).unwrap();
        let fits = |at: i64| {
            let (m, h) = ((at / 60 % 60) as u32, (at / 3600 % 24) as u32);
            m >= minute && (m - minute) % step == 0 && (h == hour || h % 7 == 0)
        };
        let by_hand = (1..).map(|n| start + 60 * n).find(|at| fits(*at)).unwrap();
        prop_assert_eq!(next.0 / 1000, by_hand);
    }

    #[test]
    fn times_only_rise(minute in "(\\*|\\*/[1-9]|[0-5]?[0-9])", hour in "(\\*|[01]?[0-9])", start in -4_000_000_000_i64..8_000_000_000, name in 0..4) {
        let zone = zone(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"][name as usize]);
        let cron: Cron = format!("{minute} {hour} * * *").parse().unwrap();
        let mut at = Timestamp(start * 1000);
        for _ in 0..20 {
            let next = cron.next_after(at, &zone).unwrap();
            prop_assert!(next > at && next.since(at) < std::time::Duration::from_secs(3 * 86_400));
            at = next;
        }
    }

    #[test]
    fn no_text_is_too_odd(text in "\\PC{0,80}") {
        let _ = text.parse::<Cron>();
    }
}
