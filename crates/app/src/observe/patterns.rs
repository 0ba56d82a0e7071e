//! What looks like a secret, whoever it belongs to. The second net: known values are the first.

use std::{ops::Range, sync::OnceLock};

use regex::Regex;

/// A shape that secrets have.
struct Pattern {
    /// What a text must hold for the expression to be worth trying. Most texts hold none, and then no expression is
    /// even compiled.
    hint: &'static str,
    expression: &'static str,
    /// Whether a match without any digit is an ordinary word.
    digit: bool,
    compiled: OnceLock<Option<Regex>>,
}

const fn pattern(hint: &'static str, digit: bool, expression: &'static str) -> Pattern {
    Pattern { hint, expression, digit, compiled: OnceLock::new() }
}

/// The group `s` is the secret; without it, the whole match.
static PATTERNS: [Pattern; 12] = [
    pattern("sk-", true, r"(?-u:\b)sk-[A-Za-z0-9_-]{16,}"),
    pattern("AKIA", false, r"(?-u:\b)AKIA[A-Z0-9]{16}(?-u:\b)"),
    pattern("ASIA", true, r"(?-u:\b)ASIA[A-Z0-9]{16}(?-u:\b)"),
    pattern("gh", true, r"(?-u:\b)gh[opsur]_[A-Za-z0-9]{20,}"),
    pattern("github_pat_", true, r"(?-u:\b)github_pat_[A-Za-z0-9_]{22,}"),
    pattern("xox", true, r"(?-u:\b)xox[abeoprs]-[A-Za-z0-9-]{10,}"),
    pattern("AIza", false, r"(?-u:\b)AIza[A-Za-z0-9_-]{35}"),
    pattern(":AA", false, r"(?-u:\b)[0-9]{8,12}:AA[A-Za-z0-9_-]{30,}"),
    pattern("eyJ", false, r"(?-u:\b)eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"),
    pattern("earer ", true, r"(?-u:\b)[Bb]earer (?<s>[A-Za-z0-9._~+/=-]{16,})"),
    pattern("://", false, r"://[^\s/:@\x22'<>]*:(?<s>[^\s/@\x22'<>]+)@"),
    pattern(
        "PRIVATE KEY-----",
        false,
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----(?:(?s:.)*?-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|(?s:.)*)",
    ),
];

/// Adds the places of everything in `text` that looks like a secret.
pub(super) fn find(text: &str, places: &mut Vec<Range<usize>>) {
    for pattern in &PATTERNS {
        if !text.contains(pattern.hint) {
            continue;
        }
        let compiled = pattern.compiled.get_or_init(|| Regex::new(pattern.expression).ok());
        let Some(expression) = compiled else { continue };
        for found in expression.captures_iter(text) {
            let place = found.name("s").or_else(|| found.get(0));
            let secret =
                place.filter(|place| !pattern.digit || place.as_str().bytes().any(|b| b.is_ascii_digit()));
            places.extend(secret.map(|place| place.range()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_expression_compiles() {
        for pattern in &PATTERNS {
            assert!(Regex::new(pattern.expression).is_ok(), "{}", pattern.expression);
        }
    }
}
