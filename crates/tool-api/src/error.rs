//! What can go wrong in a tool call. Each goes back to the model as the call's result.

/// Why a call has no ordinary result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    /// The arguments do not fit the schema. Nothing ran.
    #[error("invalid arguments: {0}")]
    InvalidArguments(String),
    /// A rule forbids it. Nothing ran.
    #[error("refused ({class}): {reason}; do not look for another way")]
    Refused {
        /// Stable name of the rule: `path_outside`, `not_permitted`, …
        class: &'static str,
        /// The rule in a sentence.
        reason: String,
    },
    /// A person or the absence of one said no. Nothing ran.
    #[error("denied: {0}")]
    Denied(String),
    /// It took too long and was ended.
    #[error("timed out after {seconds} s; it may have had effects")]
    TimedOut {
        /// The limit.
        seconds: u64,
    },
    /// The turn was stopped while it ran.
    #[error("stopped; it may have had effects")]
    Cancelled,
    /// A bound was passed.
    #[error("limit reached ({class}): {reason}")]
    Limit {
        /// Stable name of the limit: `limit_output`, …
        class: &'static str,
        /// What was passed, and what can be done.
        reason: String,
    },
    /// It ran and failed.
    #[error("{0}")]
    Failed(String),
}

impl ToolError {
    /// The stable name of the kind, for logs, audit rows and tests.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Self::InvalidArguments(_) => "invalid_arguments",
            Self::Refused { class, .. } | Self::Limit { class, .. } => class,
            Self::Denied(_) => "approval_denied",
            Self::TimedOut { .. } => "timeout",
            Self::Cancelled => "cancelled",
            Self::Failed(_) => "failed",
        }
    }
}
