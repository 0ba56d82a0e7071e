//! Whether a summary may stand for what was said. A model decides what it says, code decides whether it counts.

use crate::estimate_tokens;

/// Why a summary was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Absurd {
    /// It says nothing.
    #[error("the summary is empty")]
    Empty,
    /// It cannot hold anything of so much.
    #[error("a summary of {tokens} tokens cannot stand for {source_tokens}")]
    TooShort {
        /// Its tokens.
        tokens: u64,
        /// Those of what it was made of.
        source_tokens: u64,
    },
    /// It is no shorter than what it stands for, or too long for its place.
    #[error("the summary has {tokens} tokens, and may have {most}")]
    TooLong {
        /// Its tokens.
        tokens: u64,
        /// The most that it may have.
        most: u64,
    },
    /// It names a message that there is not.
    #[error("the summary names message #{number}, and there are #1-#{last}")]
    Cites {
        /// The number.
        number: u64,
        /// The last message that there is.
        last: u64,
    },
    /// The model went round in circles.
    #[error("the summary says the same again and again")]
    Repeats,
    /// It is not text.
    #[error("the summary is not readable text")]
    Garbage,
    /// The model gave back what it was told.
    #[error("the summary repeats its instructions")]
    Echo,
}

/// A summary as it may be kept. `source` are the tokens of what it was made of, `most` those that it may have, and `last` is
/// the number of the last message that it may name.
pub fn check_summary(text: &str, source: u64, most: u64, last: u64) -> Result<String, Absurd> {
    let controls = text.chars().filter(|c| c.is_control() && !c.is_whitespace()).count();
    let odd = controls + text.chars().filter(|c| *c == char::REPLACEMENT_CHARACTER).count();
    if odd * 20 > text.chars().count() {
        return Err(Absurd::Garbage);
    }
    let text: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    let text = text.trim();
    if text.is_empty() || !text.chars().any(char::is_alphanumeric) {
        return Err(Absurd::Empty);
    }
    let tokens = estimate_tokens(text);
    if source >= 400 && tokens < (source / 500).max(5) {
        return Err(Absurd::TooShort { tokens, source_tokens: source });
    }
    if tokens >= source || tokens > most {
        return Err(Absurd::TooLong { tokens, most: most.min(source.saturating_sub(1)) });
    }
    if super::ask::INSTRUCTIONS.lines().any(|line| line.len() > 60 && text.contains(line)) {
        return Err(Absurd::Echo);
    }
    if repeats(text) {
        return Err(Absurd::Repeats);
    }
    match citations(text).find(|number| *number == 0 || *number > last) {
        Some(number) => Err(Absurd::Cites { number, last }),
        None => Ok(text.to_owned()),
    }
}

/// Whether most of its lines are one line, or most of its words are the same few in the same order.
fn repeats(text: &str) -> bool {
    let most_often = |pieces: Vec<&str>, least: usize| {
        let mut sorted = pieces;
        let count = sorted.len();
        sorted.sort_unstable();
        let longest = sorted.chunk_by(|a, b| a == b).map(<[&str]>::len).max().unwrap_or(0);
        count >= least && longest * 2 > count
    };
    most_often(text.lines().map(str::trim).filter(|line| !line.is_empty()).collect(), 6)
        || most_often(text.split_whitespace().collect(), 24)
}

/// The numbers in `[#12]`, `[#12-#48]`, `[#12, #15]`. Other numbers behind a `#` may be anything.
fn citations(text: &str) -> impl Iterator<Item = u64> {
    text.split("[#").skip(1).flat_map(|rest| {
        let inside = rest.split(']').next().unwrap_or_default();
        let fits = inside.chars().all(|c| c.is_ascii_digit() || "#-–—,; ".contains(c));
        let numbers = inside.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
        // What is too long for a number names no message either.
        let numbers: Vec<u64> = numbers.map(|digits| digits.parse().unwrap_or(u64::MAX)).collect();
        numbers.into_iter().filter(move |_| fits)
    })
}

/// Whether it names any message.
pub(super) fn cites(text: &str) -> bool {
    citations(text).next().is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_absurd_summary_is_refused_with_the_reason() {
        let fine = "- She likes tea [#3]\n- The flat is in Kiel [#4-#9], issue #4711 is open [#12, #15]";
        let circle = "- the same thing\n".repeat(8);
        let words = "again ".repeat(60);
        let echo = super::super::ask::INSTRUCTIONS;
        for (text, source, expected) in [
            (fine, 1_000, Ok(fine.to_owned())),
            ("  \n ", 1_000, Err(Absurd::Empty)),
            ("…!?", 1_000, Err(Absurd::Empty)),
            ("ok", 1_000, Err(Absurd::TooShort { tokens: 1, source_tokens: 1_000 })),
            (fine, 10, Err(Absurd::TooLong { tokens: 21, most: 9 })),
            ("- made up [#21]", 300, Err(Absurd::Cites { number: 21, last: 20 })),
            ("- made up [#0-#4]", 300, Err(Absurd::Cites { number: 0, last: 20 })),
            ("- made up [#99999999999999999999999]", 300, Err(Absurd::Cites { number: u64::MAX, last: 20 })),
            (circle.as_str(), 1_000, Err(Absurd::Repeats)),
            (words.as_str(), 1_000, Err(Absurd::Repeats)),
            ("\u{1}\u{2}\u{3}abc", 300, Err(Absurd::Garbage)),
            (echo, 2_000, Err(Absurd::Echo)),
        ] {
            assert_eq!(check_summary(text, source, 500, 20), expected, "{text:?}");
        }
        let long = "word of it ".repeat(300);
        assert!(matches!(check_summary(&long, 5_000, 500, 20), Err(Absurd::TooLong { most: 500, .. })));
    }

    proptest! {
        #[test]
        fn what_is_taken_is_shorter_than_what_it_stands_for(
            text in ".{0,400}", source in 0_u64..300, most in 0_u64..200, last in 0_u64..50,
        ) {
            if let Ok(taken) = check_summary(&text, source, most, last) {
                prop_assert!(!taken.is_empty() && estimate_tokens(&taken) < source);
                prop_assert!(estimate_tokens(&taken) <= most);
                prop_assert!(citations(&taken).all(|number| (1..=last).contains(&number)));
            }
        }
    }
}
