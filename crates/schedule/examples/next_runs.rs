//! Prints the next runs of cron expressions: for `tests/servers/conformance/cron.py`, which compares them with two
//! libraries of other hands.
//!
//! Reads lines `EXPRESSION|ZONE|SECONDS` and prints for each the next six times after that second, or the error.

#![expect(clippy::print_stdout, reason = "it is a program")]

use std::io::{self, Read as _};

use schedule::{Timetable, When, Zones};
use session_api::Timestamp;

fn main() -> io::Result<()> {
    let mut input = String::new();
    io::stdin().read_to_string(&mut input)?;
    let zones = Zones::new(jiff::tz::db().clone(), "UTC").map_err(io::Error::other)?;
    for line in input.lines() {
        println!("{}", answer(line, &zones).unwrap_or_else(|error| format!("error {error}")));
    }
    Ok(())
}

fn answer(line: &str, zones: &Zones) -> Result<String, Box<dyn std::error::Error>> {
    let [expression, zone, after] = line.split('|').collect::<Vec<_>>()[..] else {
        return Err("three fields".into());
    };
    let when = When::Cron { expression: expression.into(), zone: zone.into() };
    let timetable: Timetable = when.timetable(zones)?;
    let after = Timestamp(after.parse::<i64>()? * 1000);
    let times = timetable.upcoming(after, 6).into_iter().map(|at| (at.0 / 1000).to_string());
    Ok(times.collect::<Vec<_>>().join(","))
}
