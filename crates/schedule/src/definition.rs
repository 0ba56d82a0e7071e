//! What a job is.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use session_api::{Job, Principal, Route, SessionKey, Timestamp};

use crate::{ScheduleError, When};

/// The text of a job's row, read. Fields are only ever added, with a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobDefinition {
    /// When it runs.
    pub when: When,
    /// What it does.
    pub payload: Payload,
    /// On whose behalf, with the rank at the time it was made.
    pub principal: Principal,
    /// Where the answer goes.
    pub reply: Route,
    /// The conversation in which it was made: a stop there stops its runs too.
    #[serde(default)]
    pub origin: Option<SessionKey>,
    /// It does not run after this time.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// It ends after so many runs.
    #[serde(default)]
    pub max_runs: Option<u64>,
    /// What becomes of runs whose time passed while nobody was there.
    #[serde(default)]
    pub misfire: Misfire,
    /// Each run is put off by up to so many seconds, by chance.
    #[serde(default)]
    pub jitter_seconds: u64,
    /// The model of its runs, as `PROVIDER/MODEL`.
    #[serde(default)]
    pub model: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a job does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Payload {
    /// Says something to the model.
    Prompt {
        /// What.
        text: String,
    },
    /// Works on towards a goal, a round each time, until it is reached.
    Goal {
        /// What is to be reached.
        text: String,
        /// The most that all rounds may cost, in millionths of a US dollar.
        #[serde(default)]
        max_cost_micros: Option<u64>,
    },
    /// Calls a tool; no model is asked.
    Tool {
        /// Which.
        name: String,
        /// With what: an object.
        arguments: Value,
    },
}

impl Payload {
    /// For a person, in one line.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Prompt { text } | Self::Goal { text, .. } => {
                text.split_whitespace().collect::<Vec<_>>().join(" ")
            }
            Self::Tool { name, arguments } => format!("tool:{name} {arguments}"),
        }
    }
}

/// What becomes of runs whose time passed while nobody was there to start them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Misfire {
    /// They are left out.
    Skip,
    /// One of them is made up for.
    #[default]
    Once,
    /// All of them are, up to [`CATCH_UP`](crate::due::CATCH_UP).
    All,
}

impl JobDefinition {
    /// Reads the definition of a stored job.
    ///
    /// # Errors
    /// It was written by a newer version, or by hand.
    pub fn of(job: &Job) -> Result<Self, ScheduleError> {
        serde_json::from_str(&job.definition)
            .map_err(|error| ScheduleError::new("definition", format!("it cannot be read: {error}")))
    }

    /// The text for the row.
    ///
    /// # Errors
    /// Never, as long as arguments are JSON.
    pub fn to_text(&self) -> Result<String, ScheduleError> {
        serde_json::to_string(self).map_err(|error| ScheduleError::new("definition", error.to_string()))
    }
}
