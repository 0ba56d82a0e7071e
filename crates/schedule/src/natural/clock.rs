//! Times of the day.

/// A time of the day.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Clock {
    pub(super) hour: u32,
    pub(super) minute: u32,
}

impl Clock {
    /// `8:30`, `18`, `9am`, `9:15 pm`, `noon`, `midnight`.
    pub(super) fn parse(words: &[&str]) -> Option<Self> {
        let text = match words {
            ["noon"] => return Some(Self { hour: 12, minute: 0 }),
            ["midnight"] => return Some(Self { hour: 0, minute: 0 }),
            [time, half @ ("am" | "pm" | "a.m." | "p.m.")] => format!("{time}{}m", &half[..1]),
            [time, "o'clock"] | [time] => (*time).to_owned(),
            _ => return None,
        };
        let (text, half) = match text
            .strip_suffix("am")
            .map(|rest| (rest, Some(0)))
            .or_else(|| text.strip_suffix("pm").map(|rest| (rest, Some(12))))
        {
            Some(found) => found,
            None => (text.as_str(), None),
        };
        let (hour, minute) = text.split_once(':').unwrap_or((text, "00"));
        let number = |text: &str, longest: usize| {
            let digits =
                !text.is_empty() && text.len() <= longest && text.bytes().all(|b| b.is_ascii_digit());
            text.parse::<u32>().ok().filter(|_| digits)
        };
        let (hour, minute) = (number(hour, 2)?, number(minute, 2).filter(|_| minute.len() == 2)?);
        let hour = match half {
            Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
            Some(_) => return None,
            None => hour,
        };
        (hour < 24 && minute < 60).then_some(Self { hour, minute })
    }
}
