//! One field of an expression.

use crate::ScheduleError;

/// What a field may hold.
pub(super) struct Spec {
    name: &'static str,
    least: u32,
    most: u32,
    names: &'static [&'static str],
    /// The number of the first name.
    first: u32,
}

impl Spec {
    pub(super) const MINUTE: Self = Self { name: "minute", least: 0, most: 59, names: &[], first: 0 };
    pub(super) const HOUR: Self = Self { name: "hour", least: 0, most: 23, names: &[], first: 0 };
    pub(super) const DAY: Self = Self { name: "day", least: 1, most: 31, names: &[], first: 0 };
    pub(super) const MONTH: Self = Self {
        name: "month",
        least: 1,
        most: 12,
        names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
        first: 1,
    };
    pub(super) const WEEKDAY: Self = Self {
        name: "weekday",
        least: 0,
        most: 7,
        names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
        first: 0,
    };

    fn wrong(&self, text: &str, why: &str) -> ScheduleError {
        let Self { name, least, most, .. } = self;
        ScheduleError::new(
            name,
            format!("`{text}` {why}; it holds {least} to {most}, `*`, `a-b`, `*/n`, `a,b`"),
        )
    }

    fn number(&self, text: &str, whole: &str) -> Result<u32, ScheduleError> {
        let named = self.names.iter().zip(self.first..).find(|(name, _)| name.eq_ignore_ascii_case(text));
        if let Some((_, number)) = named {
            return Ok(number);
        }
        let digits = !text.is_empty() && text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse::<u32>().ok().filter(|_| digits);
        let number = number.ok_or_else(|| self.wrong(whole, "is no number"))?;
        if !(self.least..=self.most).contains(&number) {
            return Err(self.wrong(whole, "is out of range"));
        }
        Ok(number)
    }
}

/// The numbers of a field as bits.
pub(super) struct Field {
    pub(super) set: u64,
    /// Whether it begins with `*`.
    pub(super) star: bool,
}

impl Field {
    pub(super) fn parse(text: &str, spec: &Spec) -> Result<Self, ScheduleError> {
        let mut set = 0;
        for item in text.split(',') {
            let (range, step) = match item.split_once('/') {
                None => (item, None),
                Some((range, step)) => {
                    let fits =
                        !step.is_empty() && step.len() <= 3 && step.bytes().all(|b| b.is_ascii_digit());
                    let step = step.parse::<u32>().ok().filter(|step| fits && *step > 0);
                    let step = step.ok_or_else(|| spec.wrong(text, "has no step above 0"))?;
                    if step > spec.most {
                        return Err(spec.wrong(text, "has a step that is too long"));
                    }
                    (range, Some(step))
                }
            };
            let (from, to) = match range.split_once('-') {
                // Weekday 7 is 0 again.
                _ if range == "*" => (spec.least, if spec.most == 7 { 6 } else { spec.most }),
                Some((from, to)) => (spec.number(from, text)?, spec.number(to, text)?),
                None if step.is_some() => {
                    return Err(spec.wrong(text, "has a step without a range"));
                }
                None => {
                    let number = spec.number(range, text)?;
                    (number, number)
                }
            };
            if from > to {
                return Err(spec.wrong(text, "runs backwards"));
            }
            for number in (from..=to).step_by(step.unwrap_or(1) as usize) {
                set |= 1_u64 << number;
            }
        }
        Ok(Self { set, star: text.starts_with('*') })
    }
}
