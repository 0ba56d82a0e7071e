//! What is wrong with a configuration.

use std::{fmt, path::PathBuf};

use super::KeyPath;

/// Where a value comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    #[default]
    Default,
    /// The file.
    File {
        /// Its path.
        path: PathBuf,
        /// The line, from 1; none when the file as a whole is meant.
        line: Option<usize>,
    },
    /// A variable of the environment.
    Env {
        /// Its name.
        variable: String,
    },
    /// A flag of the command line.
    Flag,
}

impl Origin {
    /// One word, or `file:LINE`, or the variable's name: for comments and tables.
    #[must_use]
    pub fn short(&self) -> String {
        match self {
            Self::Default => "default".to_owned(),
            Self::File { line: Some(line), .. } => format!("file, line {line}"),
            Self::File { line: None, .. } => "file".to_owned(),
            Self::Env { variable } => format!("env {variable}"),
            Self::Flag => "flag".to_owned(),
        }
    }
}

impl fmt::Display for Origin {
    /// In front of a message, as compilers do it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("configuration"),
            Self::File { path, line: Some(line) } => write!(f, "{}:{line}", path.display()),
            Self::File { path, line: None } => write!(f, "{}", path.display()),
            Self::Env { variable } => write!(f, "environment variable {variable}"),
            Self::Flag => f.write_str("command line"),
        }
    }
}

/// One thing that is wrong. No part of it holds the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key at fault; empty for the file as a whole.
    pub key: KeyPath,
    /// Where it stands.
    pub origin: Origin,
    /// What is wrong, without a full stop.
    pub message: String,
    /// The nearest right key or value, or another way out.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if !self.key.0.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong, one line for each thing. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// In the order of the file's lines, then what comes from elsewhere.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    pub(super) fn one(origin: Origin, message: impl Into<String>, hint: Option<String>) -> Self {
        let message = message.into();
        Self { problems: vec![Problem { key: KeyPath::default(), origin, message, hint }] }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            let line_break = if at == 0 { "" } else { "\n" };
            write!(f, "{line_break}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}
