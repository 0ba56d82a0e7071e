//! Profiles: what a kind of subagent is, as a person wrote it down.

use serde::{Deserialize, Serialize};

/// Longest profile in bytes.
pub const LONGEST: usize = 64 * 1024;
/// Longest name.
const LONGEST_NAME: usize = 64;

/// A kind of subagent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// Its name: that of its file.
    #[serde(skip_deserializing)]
    pub name: String,
    /// What it is good for, in a line: whoever chooses reads it.
    pub description: String,
    /// The model, as in `agent.model`; without it that of the parent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Instructions.
    pub prompt: String,
    /// The only tools that it has, as far as its parent has them; without it those of its parent that do not speak to
    /// people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<String>>,
    /// How far it may go.
    pub limits: ProfileLimits,
}

/// How far a subagent with a profile may go. It never may more than the configuration and its parent allow.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProfileLimits {
    /// Most model calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_calls: Option<u32>,
    /// Most tool calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<u32>,
    /// Longest wall time in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// The most that it may cost, in US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dollars: Option<f64>,
}

impl ProfileLimits {
    /// The most that it may cost, in millionths of a US dollar.
    #[must_use]
    pub fn cost_micros(&self) -> Option<u64> {
        // A cast from f64 saturates.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be positive when it was read"
        )]
        self.dollars.map(|dollars| (dollars * 1e6).round() as u64)
    }
}

/// Why a profile cannot be used. One sentence for a person, with the file and, where it is known, the line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("profiles/{name}.yaml: {reason}")]
pub struct ProfileError {
    /// The profile.
    pub name: String,
    /// What is wrong.
    pub reason: String,
}

impl Profile {
    /// Reads the profile `name`. `tools`: the names that there are.
    ///
    /// # Errors
    /// What is wrong and where; an unknown word names the nearest right one.
    pub fn parse(name: &str, text: &str, tools: &[String]) -> Result<Self, ProfileError> {
        let wrong = |reason: String| ProfileError { name: name.to_owned(), reason };
        if !is_name(name) {
            return Err(wrong("its name may hold letters, digits, `-` and `_` only, 64 at most".into()));
        }
        if text.len() > LONGEST {
            return Err(wrong(format!("it has {} bytes; {LONGEST} is the limit", text.len())));
        }
        let mut profile: Self = if text.trim().is_empty() {
            return Err(wrong("it is empty; it needs at least `prompt:`".into()));
        } else {
            serde_saphyr::from_str(text).map_err(|error| wrong(described(&error)))?
        };
        name.clone_into(&mut profile.name);
        for tool in profile.tools.iter().flatten() {
            if !tools.contains(tool) {
                let near = nearest(tool, tools.iter().map(String::as_str));
                return Err(wrong(format!("tools: there is no tool `{tool}`{near}")));
            }
        }
        let ProfileLimits { model_calls, tool_calls: _, seconds, dollars } = profile.limits;
        if model_calls == Some(0) || seconds == Some(0) {
            return Err(wrong("limits: `model_calls` and `seconds` must be at least 1".into()));
        }
        if dollars.is_some_and(|dollars| !(dollars > 0.0 && dollars <= 1e6)) {
            return Err(wrong("limits: `dollars` must be more than 0 and at most 1000000".into()));
        }
        if profile.prompt.trim().is_empty() && profile.model.is_none() && profile.tools.is_none() {
            return Err(wrong(
                "it says nothing; it needs at least one of `prompt`, `model` and `tools`".into(),
            ));
        }
        Ok(profile)
    }
}

/// Whether a profile may be named so: its file then lies in the folder of profiles, whatever the system.
fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

const KEYS: [&str; 9] =
    ["description", "model", "prompt", "tools", "limits", "model_calls", "tool_calls", "seconds", "dollars"];

/// The error in a line, with the nearest right key where one is wrong.
fn described(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let line = text.lines().next().unwrap_or_default().to_owned();
    let unknown = line.split_once("unknown field `").and_then(|(_, rest)| rest.split_once('`'));
    match unknown {
        Some((key, _)) => format!("{line}{}", nearest(key, KEYS.into_iter())),
        None => line,
    }
}

/// “; did you mean …?”, where something is near.
fn nearest<'a>(word: &str, among: impl Iterator<Item = &'a str>) -> String {
    let near = among
        .map(|known| (strsim::jaro_winkler(word, known), known))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.7);
    near.map_or_else(String::new, |(_, known)| format!("; did you mean `{known}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "description: looks things up\nmodel: quick/small\nprompt: |\n  Read, then answer.\ntools: [grep, read_file]\nlimits:\n  model_calls: 5\n  dollars: 0.25\n";

    fn read(text: &str) -> Result<Profile, String> {
        let tools = ["grep".to_owned(), "read_file".to_owned()];
        Profile::parse("reader", text, &tools).map_err(|error| error.to_string())
    }

    #[test]
    fn a_profile_is_read() {
        let profile = read(GOOD).unwrap();
        assert_eq!((profile.name.as_str(), profile.prompt.as_str()), ("reader", "Read, then answer.\n"));
        assert_eq!(profile.limits.cost_micros(), Some(250_000));
        assert_eq!(profile.tools.unwrap().len(), 2);
    }

    #[test]
    fn a_profile_that_makes_no_sense_says_where_and_what_is_near() {
        for (text, expected) in [
            ("", "it is empty"),
            ("description: nothing\n", "it says nothing"),
            ("promt: x\n", "did you mean `prompt`?"),
            ("prompt: x\nlimits:\n  model_cals: 3\n", "did you mean `model_calls`?"),
            ("prompt: x\ntools: [gerp]\n", "there is no tool `gerp`; did you mean `grep`?"),
            ("prompt: x\nlimits: {model_calls: 0}\n", "at least 1"),
            ("prompt: x\nlimits: {dollars: -1}\n", "more than 0"),
            ("prompt: x\nlimits: {dollars: .nan}\n", "more than 0"),
            ("prompt: x\nname: other\n", "name"),
            ("- a\n- b\n", "profiles/reader.yaml"),
            ("prompt: [unclosed\n", "profiles/reader.yaml"),
            ("prompt: x\nprompt: y\n", "prompt"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text:?}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
        let long = format!("prompt: {}", "x".repeat(LONGEST));
        assert!(read(&long).unwrap_err().contains("is the limit"));
        assert!(Profile::parse("../evil", GOOD, &[]).is_err());
    }

    proptest::proptest! {
        /// Whatever stands in the file, it is read or refused.
        #[test]
        fn nothing_panics(text in "\\PC{0,200}", bytes in "[-:\\[\\]{}&*!|>'\"%@` \n\ta-z0-9]{0,80}") {
            let _ = read(&text);
            let _ = read(&bytes);
        }
    }
}
