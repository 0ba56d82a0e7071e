//! Days.

use jiff::civil::Weekday;

const NAMES: [(&str, &str, Weekday); 7] = [
    ("sunday", "sun", Weekday::Sunday),
    ("monday", "mon", Weekday::Monday),
    ("tuesday", "tue", Weekday::Tuesday),
    ("wednesday", "wed", Weekday::Wednesday),
    ("thursday", "thu", Weekday::Thursday),
    ("friday", "fri", Weekday::Friday),
    ("saturday", "sat", Weekday::Saturday),
];

/// A weekday by its name.
pub(super) fn weekday(word: &str) -> Option<Weekday> {
    NAMES.iter().find(|(long, short, _)| word == *long || word == *short).map(|(_, _, day)| *day)
}

/// What the plural of days stands for, as cron writes it: `mondays`, `weekdays`, `weekends`.
pub(super) fn plural(word: &str) -> Option<String> {
    let one = word.strip_suffix('s')?;
    let named = NAMES.iter().any(|(long, _, _)| one == *long);
    (named || matches!(one, "weekday" | "weekend")).then(|| set(one)).flatten()
}

fn set(word: &str) -> Option<String> {
    match word {
        "weekday" => Some("1-5".into()),
        "weekend" => Some("6,0".into()),
        word => weekday(word).map(|day| day.to_sunday_zero_offset().to_string()),
    }
}

/// The weekdays that `words` name, as cron writes them.
pub(super) fn weekdays(words: &[&str]) -> Option<String> {
    let words = words.strip_prefix(&["on"]).unwrap_or(words);
    let named: Option<Vec<String>> = words
        .iter()
        .filter(|word| !matches!(**word, "and" | "&"))
        .map(|word| set(word).or_else(|| plural(word)))
        .collect();
    named.filter(|days| !days.is_empty()).map(|days| days.join(","))
}

/// `1st`, `15`, as a day of the month.
pub(super) fn ordinal(word: &str) -> Option<u32> {
    let digits = ["st", "nd", "rd", "th"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
    digits.parse().ok().filter(|day| (1..=31).contains(day))
}
