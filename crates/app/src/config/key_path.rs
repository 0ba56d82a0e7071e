//! The way to a key, from the top of the file.

use std::fmt;

/// The names on the way to a key; positions in a list are their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPath(pub Vec<String>);

impl KeyPath {
    /// Reads `a.b[1].c`. Names with dots in them cannot be written so; [`KeyPath::child`] takes them.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let names = text.split(['.', '[']).map(|name| name.trim_end_matches(']'));
        Self(names.filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }

    /// The key `name` below this one.
    #[must_use]
    pub fn child(&self, name: impl Into<String>) -> Self {
        let mut names = self.0.clone();
        names.push(name.into());
        Self(names)
    }

    /// The table around this key.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (_, rest) = self.0.split_last()?;
        Some(Self(rest.to_vec()))
    }

    /// The last name, or nothing for the file itself.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// Whether the value here is one that must never be shown: a name on the way speaks of a secret. The names that a
    /// person gave to providers and channels say nothing.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        let named_by_a_person = |at: usize| at == 1 && matches!(self.0[0].as_str(), "providers" | "channels");
        self.0.iter().enumerate().any(|(at, name)| !named_by_a_person(at) && super::names_a_secret(name))
    }

    /// Whether the value here is hidden when the configuration is shown: secrets, and whatever headers carry.
    pub(super) fn is_hidden(&self) -> bool {
        self.is_secret() || self.0.iter().any(|name| name == "headers")
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.0.iter().enumerate() {
            let plain =
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
            match (at, plain) {
                _ if at > 0 && name.bytes().all(|byte| byte.is_ascii_digit()) => write!(f, "[{name}]")?,
                (0, true) => write!(f, "{name}")?,
                (_, true) => write!(f, ".{name}")?,
                (0, false) => write!(f, "{name:?}")?,
                (_, false) => write!(f, ".{name:?}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_it_is_written() {
        for text in ["agent", "agent.limits.model_calls", "agent.ask[1]", "providers.my-llm.headers.x-key"] {
            assert_eq!(KeyPath::parse(text).to_string(), text);
        }
        assert_eq!(KeyPath::parse("a").child("b c").to_string(), "a.\"b c\"");
    }

    #[test]
    fn secrets_are_known_by_the_names_that_the_format_gives() {
        let secret = [
            "providers.main.api_key",
            "http.token",
            "providers.x.headers.authorization",
            "channels.a.app_secret",
        ];
        for text in secret {
            assert!(KeyPath::parse(text).is_secret(), "{text}");
        }
        for text in ["providers.keycdn.base_url", "channels.tokens.enabled", "agent.model"] {
            assert!(!KeyPath::parse(text).is_secret(), "{text}");
        }
    }
}
