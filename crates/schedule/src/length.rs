//! Lengths of time as people write them.

use std::time::Duration;

use crate::ScheduleError;

/// The longest length: ten years.
const LONGEST: u64 = 10 * 366 * 86_400;

/// Seconds of a unit, by all its names.
fn unit(name: &str) -> Option<u64> {
    Some(match name {
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3600,
        "d" | "day" | "days" => 86_400,
        "w" | "week" | "weeks" => 7 * 86_400,
        _ => return None,
    })
}

/// Reads `20m`, `1h30m`, `2 hours 15 minutes`, `an hour`, `90` (seconds). `field` is named in the error.
///
/// # Errors
/// The text is no length, is zero, or is longer than ten years.
pub fn parse_length(field: &'static str, text: &str) -> Result<Duration, ScheduleError> {
    let shown: String = text.chars().take(64).collect();
    let wrong =
        |why: &str| ScheduleError::new(field, format!("`{shown}` {why}; write 45s, 20m, 1h30m, 2 days"));
    let lower = text.trim().to_ascii_lowercase();
    let mut rest = lower.as_str();
    let (mut total, mut any) = (0_u64, false);
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        rest = rest.strip_prefix("and ").unwrap_or(rest).trim_start();
        if rest.is_empty() {
            break;
        }
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let word = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let count = if digits > 0 {
            let count = rest[..digits].parse::<u64>().map_err(|_| wrong("is too long"))?;
            rest = rest[digits..].trim_start();
            count
        } else {
            let (one, behind) = rest.split_at(word(rest));
            if matches!(one, "a" | "an" | "one") {
                rest = behind.trim_start();
                1
            } else if !any && unit(one).is_some() && one.len() > 1 {
                // `every hour`
                1
            } else {
                return Err(wrong("is no length of time"));
            }
        };
        let (name, behind) = rest.split_at(word(rest));
        let seconds = match unit(name) {
            Some(seconds) => seconds,
            None if name.is_empty() && behind.is_empty() && !any && digits > 0 => 1,
            None => return Err(wrong("is no length of time")),
        };
        rest = behind;
        any = true;
        total = count
            .checked_mul(seconds)
            .and_then(|part| total.checked_add(part))
            .ok_or_else(|| wrong("is too long"))?;
    }
    match total {
        0 => Err(wrong("is no length of time")),
        LONGEST.. => Err(wrong("is too long")),
        total => Ok(Duration::from_secs(total)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("20m", 1200),
            ("1h30m", 5400),
            ("1h 30m", 5400),
            ("2 hours and 15 minutes", 8100),
            ("2 Hours, 15 Minutes", 8100),
            ("an hour", 3600),
            ("hour", 3600),
            ("one week", 604_800),
            ("90", 90),
            ("45 s", 45),
            ("3 days", 259_200),
        ] {
            assert_eq!(parse_length("in", text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "-60",
            "0",
            "0m",
            "m",
            "soon",
            "1h30",
            "5 parsecs",
            "99999999999999999999",
            "11 years",
            "1.5h",
            "600 weeks",
            "ä",
        ] {
            let error = parse_length("every", text).unwrap_err();
            assert_eq!(error.field, "every", "{text}");
        }
    }
}
