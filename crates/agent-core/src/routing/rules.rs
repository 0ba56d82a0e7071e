//! Rules: patterns in the text of a message.

use async_trait::async_trait;
use regex::{Regex, RegexBuilder};

use super::{Asked, Destination, Routed, Router};
use crate::ModelError;

/// Most bytes of a message that a pattern looks at.
const MOST_BYTES: usize = 16 * 1024;
/// Most bytes that a pattern may take in memory.
const LARGEST_PATTERN: usize = 256 * 1024;

/// Why there is no such rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the pattern of rule `{rule}` cannot be used: {message}")]
pub struct RuleError {
    /// Its name.
    pub rule: String,
    /// What is wrong with the pattern.
    pub message: String,
}

/// A pattern and who answers what fits it.
#[derive(Debug, Clone)]
pub struct Rule {
    name: String,
    pattern: Regex,
    to: Destination,
}

impl Rule {
    /// The rule `name`. Upper and lower case make no difference to the pattern, unless it says so itself (`(?-i)`).
    ///
    /// # Errors
    /// [`RuleError`], where the pattern is no regular expression or too large a one.
    pub fn new(name: &str, pattern: &str, to: Destination) -> Result<Self, RuleError> {
        let built = RegexBuilder::new(pattern).case_insensitive(true).size_limit(LARGEST_PATTERN).build();
        let pattern = built.map_err(|error| {
            // The last line says what, those before it draw where.
            let text = error.to_string();
            let message = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            RuleError { rule: name.to_owned(), message }
        })?;
        Ok(Self { name: name.to_owned(), pattern, to })
    }
}

/// Rules, of which the first that fits counts.
#[derive(Debug, Clone, Default)]
pub struct Rules(pub Vec<Rule>);

#[async_trait]
impl Router for Rules {
    fn name(&self) -> String {
        "rules".into()
    }

    async fn route(&self, asked: &Asked<'_>) -> Result<Option<Routed>, ModelError> {
        let text = start(asked.text, MOST_BYTES);
        Ok(self.0.iter().find(|rule| rule.pattern.is_match(text)).map(|rule| Routed {
            to: rule.to.clone(),
            why: format!("rule `{}`", rule.name),
            used: None,
        }))
    }
}

/// The beginning of a text, at most so many bytes of it.
pub(super) fn start(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn tool(name: &str) -> Destination {
        Destination::Tool { name: name.into(), arguments: "{}".into() }
    }

    fn routed(rules: &Rules, text: &str) -> Option<String> {
        let asked = Asked { text, tools: &[], correlation: "" };
        rules.route(&asked).now_or_never().unwrap().unwrap().map(|routed| routed.why)
    }

    #[test]
    fn the_first_rule_that_fits_counts() {
        let rules = Rules(vec![
            Rule::new("clock", r"^what time", tool("clock")).unwrap(),
            Rule::new("shout", "(?-i)HELP", Destination::Main).unwrap(),
            Rule::new("rest", "time|help", Destination::Main).unwrap(),
        ]);
        for (text, expected) in [
            ("What TIME is it?", Some("rule `clock`")),
            ("HELP", Some("rule `shout`")),
            ("help in time", Some("rule `rest`")),
            ("hello", None),
            ("", None),
        ] {
            assert_eq!(routed(&rules, text).as_deref(), expected, "{text}");
        }
        let late = format!("{}time", "ü".repeat(MOST_BYTES));
        assert_eq!(routed(&rules, &late), None, "only the beginning is looked at");
    }

    #[test]
    fn a_pattern_that_is_none_is_refused_with_its_name() {
        for pattern in ["(", "a{1000}{1000}{1000}"] {
            let error = Rule::new("odd", pattern, Destination::Main).unwrap_err();
            assert!(error.to_string().starts_with("the pattern of rule `odd` cannot be used: "), "{error}");
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
}
