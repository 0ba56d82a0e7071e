//! What a command can fail with, and its exit code.

use agent_core::{AgentError, ModelErrorKind};
use session_api::StoreError;

use super::config::ConfigCommandError;
use crate::{SetupError, config::ConfigError, exit};

/// One sentence for a person, with the fix, and a code for a script.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// What was given cannot be used.
    #[error("{0}")]
    Input(String),
    /// What was named is not there.
    #[error("{0}")]
    NotFound(String),
    /// The configuration or the set-up.
    #[error("{0}")]
    Setup(#[from] SetupError),
    /// The library.
    #[error("{0}")]
    Agent(#[from] AgentError),
    /// Reading or writing.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A channel's key or section is wrong.
    #[error("{0}")]
    ChannelSetup(String),
    /// A platform cannot be reached.
    #[error("{0}")]
    Away(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::Setup(error.into())
    }
}

impl From<ConfigCommandError> for CliError {
    fn from(error: ConfigCommandError) -> Self {
        match error {
            ConfigCommandError::Config(error) => error.into(),
            ConfigCommandError::Output(error) => error.into(),
        }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        Self::Agent(error.into())
    }
}

impl CliError {
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Input(_) => exit::INPUT,
            Self::NotFound(_) => exit::NOT_FOUND,
            Self::Setup(error) => error.exit_code(),
            Self::Agent(error) => agent_code(error),
            Self::ChannelSetup(_) => exit::CONFIG,
            Self::Away(_) => exit::MODEL,
            Self::Io(_) | Self::Failed(_) => exit::FAILED,
        }
    }
}

fn agent_code(error: &AgentError) -> u8 {
    match error {
        AgentError::Provider(error) if error.kind == ModelErrorKind::NotConfigured => exit::CONFIG,
        AgentError::Provider(_) => exit::MODEL,
        AgentError::Session(_) => exit::STORAGE,
        AgentError::Cancelled => exit::STOPPED,
        AgentError::Tool(_) | AgentError::Context(_) => exit::FAILED,
    }
}

/// The exit code for what a run came to.
pub(super) fn run_code(result: &crate::RunResult) -> u8 {
    match (result.stop_reason.as_str(), &result.error) {
        ("suspended", _) => exit::QUESTION,
        ("stopped", _) => exit::STOPPED,
        ("model_failed" | "empty_answer", _) => exit::MODEL,
        (_, Some(_)) => exit::FAILED,
        (_, None) => exit::OK,
    }
}
