//! Messages of several lines: a backslash at the end of a line asks for another one.

use std::sync::Arc;

use parking_lot::Mutex;
use reedline::{ValidationResult, Validator};

/// Where lines were continued. Only those backslashes are taken out again: one in pasted text is part of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Continued(Arc<Mutex<Vec<String>>>);

impl Validator for Continued {
    fn validate(&self, text: &str) -> ValidationResult {
        if !asks_for_more(text) {
            return ValidationResult::Complete;
        }
        self.0.lock().push(text.to_owned());
        ValidationResult::Incomplete
    }
}

impl Continued {
    /// The message without the backslashes that continued its lines.
    pub(super) fn message(&self, mut text: String) -> String {
        let mut places: Vec<String> = std::mem::take(&mut *self.0.lock());
        // From the back, so that the places before stay where they are.
        places.sort_by_key(|place| std::cmp::Reverse(place.len()));
        places.dedup();
        for place in places {
            let goes_on = text.strip_prefix(place.as_str()).is_some_and(|rest| rest.starts_with('\n'));
            if goes_on {
                text.remove(place.len() - 1);
            }
        }
        text
    }
}

/// Whether a line ends with a backslash that is not itself escaped.
pub(super) fn asks_for_more(text: &str) -> bool {
    let backslashes = text.len() - text.trim_end_matches('\\').len();
    backslashes % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_backslashes_that_were_typed_to_continue_are_taken_out() {
        let continued = Continued::default();
        let more = |text: &str| matches!(continued.validate(text), ValidationResult::Incomplete);
        assert!(more("first\\"));
        assert!(more("first\\\nsecond \\"));
        assert!(!more("first\\\nsecond \\\nthird"));
        assert_eq!(continued.message("first\\\nsecond \\\nthird".into()), "first\nsecond \nthird");
        assert_eq!(continued.message("curl \\\n-X GET".into()), "curl \\\n-X GET");
    }

    #[test]
    fn a_doubled_backslash_ends_a_message() {
        assert!(asks_for_more("a\\"));
        assert!(!asks_for_more("a\\\\"));
        assert!(!asks_for_more(""));
    }
}
