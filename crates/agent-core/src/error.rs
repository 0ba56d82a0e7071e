//! What can go wrong in a run.

use session_api::StoreError;

use crate::{ModelError, ModelErrorKind, turn::RecordError};

/// An error of the library, by where it comes from.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The model could not be had; the message is kept.
    #[error("{0}")]
    Provider(#[source] ModelError),
    /// The run's tools are not as they should be.
    #[error("{0}")]
    Tool(String),
    /// The store refused or failed.
    #[error("{0}")]
    Session(#[from] StoreError),
    /// The turn could not be built or taken up.
    #[error("{0}")]
    Context(String),
    /// The run was stopped before it had an answer.
    #[error("stopped")]
    Cancelled,
}

impl AgentError {
    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn retry_helps(&self) -> bool {
        match self {
            Self::Provider(error) => error.retry != crate::Retry::Never,
            Self::Session(error) => error.retry_helps(),
            Self::Tool(_) | Self::Context(_) | Self::Cancelled => false,
        }
    }

    /// A model error of which only kind and words are known.
    #[must_use]
    pub fn model(kind: ModelErrorKind, message: String) -> Self {
        Self::Provider(ModelError::new(kind, message))
    }
}

impl From<RecordError> for AgentError {
    fn from(error: RecordError) -> Self {
        Self::Context(error.to_string())
    }
}
