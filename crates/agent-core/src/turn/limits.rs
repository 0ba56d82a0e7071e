//! How far a turn may go.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use session_api::RunOverrides;

/// The limits of one turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Most calls of the model.
    pub model_calls: u32,
    /// Most tool calls.
    pub tool_calls: u32,
    /// Longest wall time in seconds, waiting for approvals not counted.
    pub seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { model_calls: 40, tool_calls: 200, seconds: 30 * 60 }
    }
}

impl Limits {
    /// These limits as far as a run narrows them. A run never widens them.
    #[must_use]
    pub fn narrowed(self, overrides: &RunOverrides) -> Self {
        Self {
            model_calls: self.model_calls.min(overrides.max_model_calls.unwrap_or(u32::MAX)),
            tool_calls: self.tool_calls.min(overrides.max_tool_calls.unwrap_or(u32::MAX)),
            seconds: self.seconds.min(overrides.max_seconds.unwrap_or(u64::MAX)),
        }
    }

    /// The longest wall time.
    #[must_use]
    pub fn wall_time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}
