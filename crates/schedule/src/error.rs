//! What can be wrong with a schedule.

/// A schedule or a job that makes no sense. The text is for whoever wrote it and begins with the field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct ScheduleError {
    /// The field: `minute`, `zone`, `at`, `every`, …
    pub field: &'static str,
    /// What is wrong, and what would be right.
    pub reason: String,
}

impl ScheduleError {
    pub(crate) fn new(field: &'static str, reason: impl Into<String>) -> Self {
        Self { field, reason: reason.into() }
    }
}
