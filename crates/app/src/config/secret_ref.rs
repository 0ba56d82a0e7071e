//! A secret as it stands in a configuration.

use std::{borrow::Cow, fmt, path::PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Whether a key of this name holds a secret, so that its value is never shown.
#[must_use]
pub fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["key", "token", "secret", "password", "passwd", "passphrase", "authorization", "cookie", "credential"]
        .iter()
        .any(|word| name.contains(word))
}

/// Where a secret is, or the secret itself.
///
/// `Display`, `Debug` and `Serialize` give the reference as it was written, and `***` for a secret that is written out.
#[derive(Clone)]
pub enum SecretRef {
    /// `env:NAME`: a variable of the environment.
    Env(String),
    /// `file:PATH`: the text of a file without the line break at its end. A relative path starts in the data directory.
    File(PathBuf),
    /// `cmd:PROGRAM ARGUMENT…`: what a program prints, without the line break at its end. No shell is involved.
    Command(Vec<String>),
    /// The secret itself.
    Literal(SecretString),
}

/// A reference that refers to nothing. The text never holds what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretRefError {
    /// Nothing at all.
    #[error("is empty; write env:NAME, file:PATH or cmd:PROGRAM")]
    Empty,
    /// No variable can have this name.
    #[error("`env:` must be followed by the name of a variable (letters, digits and _)")]
    Variable,
    /// There is no path.
    #[error("`file:` must be followed by a path")]
    Path,
    /// There is no program.
    #[error("`cmd:` must be followed by a program and its arguments, with quotation marks closed")]
    Command,
}

impl SecretRef {
    /// Reads what stands in a configuration.
    pub fn parse(text: &str) -> Result<Self, SecretRefError> {
        if text.trim().is_empty() {
            return Err(SecretRefError::Empty);
        }
        match text.split_once(':') {
            Some(("env", name)) => {
                let shaped = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                let starts = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
                if shaped && starts { Ok(Self::Env(name.to_owned())) } else { Err(SecretRefError::Variable) }
            }
            Some(("file", path)) if path.trim().is_empty() || path.contains('\0') => {
                Err(SecretRefError::Path)
            }
            Some(("file", path)) => Ok(Self::File(path.into())),
            Some(("cmd", line)) => match words(line) {
                Some(words) if !words.is_empty() => Ok(Self::Command(words)),
                _ => Err(SecretRefError::Command),
            },
            _ => Ok(Self::Literal(SecretString::from(text.to_owned()))),
        }
    }

    /// The secret, if it is written out.
    #[must_use]
    pub fn literal(&self) -> Option<&SecretString> {
        match self {
            Self::Literal(secret) => Some(secret),
            _ => None,
        }
    }
}

/// Words between blanks; quotation marks of either kind keep blanks. `None` when one is left open.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut open: Option<char> = None;
    for c in line.chars() {
        match open {
            Some(mark) if c == mark => open = None,
            None if c == '"' || c == '\'' => {
                open = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            _ if c == '\0' => return None,
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    open.is_none().then_some(words)
}

fn quoted(word: &str) -> Cow<'_, str> {
    let needs = word.is_empty() || word.contains(|c: char| c.is_whitespace() || c == '"' || c == '\'');
    match (needs, word.contains('"')) {
        (false, _) => word.into(),
        (true, false) => format!("\"{word}\"").into(),
        (true, true) => format!("'{word}'").into(),
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Command(words) => {
                let words: Vec<Cow<'_, str>> = words.iter().map(|word| quoted(word)).collect();
                write!(f, "cmd:{}", words.join(" "))
            }
            Self::Literal(_) => f.write_str("***"),
        }
    }
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretRef({self})")
    }
}

impl PartialEq for SecretRef {
    /// Equal when they are written alike.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(one), Self::Literal(two)) => one.expose_secret() == two.expose_secret(),
            (Self::Literal(_), _) | (_, Self::Literal(_)) => false,
            _ => self.to_string() == other.to_string(),
        }
    }
}

impl Serialize for SecretRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl JsonSchema for SecretRef {
    fn schema_name() -> Cow<'static, str> {
        "SecretRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "secret" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_shown_as_written_and_secrets_as_stars() {
        let table = [
            ("env:OPENAI_API_KEY", "env:OPENAI_API_KEY"),
            ("file:/run/secrets/key", "file:/run/secrets/key"),
            ("file:keys/main key", "file:keys/main key"),
            ("cmd:pass show  openai", "cmd:pass show openai"),
            ("cmd:'my tool' --name \"a b\"", "cmd:\"my tool\" --name \"a b\""),
            ("sk-secret-value", "***"),
            ("https://not-a-reference", "***"),
        ];
        for (written, shown) in table {
            let reference = SecretRef::parse(written).unwrap();
            assert_eq!(reference.to_string(), shown);
            assert_eq!(serde_json::to_value(&reference).unwrap(), shown);
            assert!(!format!("{reference:?}").contains("secret-value"));
        }
    }

    #[test]
    fn references_to_nothing_are_refused_without_showing_what_stood_there() {
        let table = [
            ("", SecretRefError::Empty),
            ("  ", SecretRefError::Empty),
            ("env:", SecretRefError::Variable),
            ("env:sk-train-123", SecretRefError::Variable),
            ("env:1A", SecretRefError::Variable),
            ("env:A B", SecretRefError::Variable),
            ("file:", SecretRefError::Path),
            ("file: ", SecretRefError::Path),
            ("cmd:", SecretRefError::Command),
            ("cmd:pass 'open", SecretRefError::Command),
        ];
        for (written, expected) in table {
            assert_eq!(SecretRef::parse(written).err(), Some(expected), "{written:?}");
            let error = serde_json::from_value::<SecretRef>(written.into()).unwrap_err().to_string();
            assert!(!error.contains("train"), "{error}");
        }
    }

    #[test]
    fn names_that_speak_of_secrets() {
        for name in
            ["api_key", "token", "bot_token", "APP_SECRET", "imap_password", "Authorization", "x-api-key"]
        {
            assert!(names_a_secret(name), "{name}");
        }
        for name in ["model", "base_url", "allow", "bind", "level"] {
            assert!(!names_a_secret(name), "{name}");
        }
    }
}
