//! What somebody asks for, checked.

use std::time::Duration;

use serde_json::Value;
use session_api::{IdSource, Job, JobId, Principal, Route, SessionKey, Timestamp};

use crate::{JobDefinition, Misfire, Payload, ScheduleError, When, Zones, due};

/// Jobs do not run more often than this.
pub const MIN_INTERVAL: Duration = Duration::from_secs(60);
/// Longest prompt, in bytes.
const MAX_TEXT: usize = 32 << 10;
/// Longest name, in characters.
const MAX_NAME: usize = 80;
/// The longest that a run may be put off.
const MAX_JITTER: u64 = 24 * 3600;
/// The channel of the conversations in which jobs run.
const CHANNEL: &str = "cron";

/// A job that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRequest {
    /// Its name; made of its text where it is empty.
    pub name: String,
    /// When it runs.
    pub when: When,
    /// What it does.
    pub payload: Payload,
    /// Whose it is.
    pub principal: Principal,
    /// Where its answers go.
    pub reply: Route,
    /// The conversation in which it is made.
    pub origin: Option<SessionKey>,
    /// It does not run after this time.
    pub until: Option<Timestamp>,
    /// It ends after so many runs.
    pub max_runs: Option<u64>,
    /// What becomes of missed runs.
    pub misfire: Misfire,
    /// Each run is put off by up to so many seconds.
    pub jitter_seconds: u64,
    /// The model of its runs.
    pub model: Option<String>,
}

impl JobRequest {
    /// A prompt with nothing special about it.
    #[must_use]
    pub fn new(when: When, payload: Payload, principal: Principal, reply: Route) -> Self {
        Self {
            name: String::new(),
            when,
            payload,
            principal,
            reply,
            origin: None,
            until: None,
            max_runs: None,
            misfire: Misfire::default(),
            jitter_seconds: 0,
            model: None,
        }
    }

    /// Checks it and makes the row.
    ///
    /// # Errors
    /// The first thing that makes no sense: a schedule that never comes or comes too often, an end before the beginning, an
    /// empty text.
    pub fn into_job(self, now: Timestamp, zones: &Zones, ids: &dyn IdSource) -> Result<Job, ScheduleError> {
        let Self {
            name,
            when,
            payload,
            principal,
            reply,
            origin,
            until,
            max_runs,
            misfire,
            jitter_seconds,
            model,
        } = self;
        let wrong = |field, reason: &str| Err(ScheduleError::new(field, reason));
        match &payload {
            Payload::Prompt { text } | Payload::Goal { text, .. } if text.trim().is_empty() => {
                return wrong("message", "it says nothing");
            }
            Payload::Prompt { text } | Payload::Goal { text, .. } if text.len() > MAX_TEXT => {
                return wrong(
                    "message",
                    "it has more than 32 KiB; put it into a file of the workspace and name that",
                );
            }
            Payload::Tool { arguments, .. } if !matches!(arguments, Value::Object(_)) => {
                return wrong("tool", "its arguments are no JSON object");
            }
            Payload::Tool { .. } if principal.rank != session_api::Rank::Owner => {
                return wrong("tool", "only the owner may have tools called without a model");
            }
            Payload::Prompt { .. } | Payload::Goal { .. } | Payload::Tool { .. } => {}
        }
        let name = match name.trim() {
            "" => short(&payload.describe()),
            name if name.chars().count() > MAX_NAME => {
                return wrong("name", "it has more than 80 characters");
            }
            name if name.chars().any(char::is_control) => {
                return wrong("name", "it holds control characters");
            }
            name => name.to_owned(),
        };
        let timetable = when.timetable(zones)?;
        if let When::Every { seconds, .. } = when
            && seconds < MIN_INTERVAL.as_secs()
        {
            return wrong("every", "a job runs once a minute at most");
        }
        let first = match when {
            // A moment that has just gone by, as when "in 0 minutes" was thought about for a while.
            When::At { at } if at <= now && now.since(at) <= due::GRACE => Some(at),
            _ => timetable.next_after(now),
        };
        let Some(first) = first else {
            return match when {
                When::At { .. } => wrong("at", "that time has passed"),
                _ => wrong("cron", "it never runs"),
            };
        };
        if until.is_some_and(|until| until < first) {
            return wrong("until", "it ends before its first run");
        }
        if max_runs == Some(0) {
            return wrong("max_runs", "a job that may not run is none");
        }
        if jitter_seconds > MAX_JITTER {
            return wrong("jitter", "a run is put off by a day at most");
        }
        let definition = JobDefinition {
            when,
            payload,
            principal,
            reply,
            origin,
            until,
            max_runs,
            misfire,
            jitter_seconds,
            model,
            created_at: now,
        };
        let id = JobId::new(ids);
        let begins = due::put_off(&timetable, first, jitter_seconds, ids.next_uuid().as_bytes());
        Ok(Job {
            id,
            owner: definition.principal.id.clone(),
            name,
            definition: definition.to_text()?,
            enabled: true,
            due: Some(first),
            next_run_at: Some(begins),
            runs: 0,
        })
    }
}

/// The first words of a text, as a name.
fn short(text: &str) -> String {
    let mut name = String::new();
    for word in text.split_whitespace() {
        let word: String = word.chars().filter(|c| !c.is_control()).take(30).collect();
        if !name.is_empty() && name.chars().count() + word.chars().count() > 40 {
            break;
        }
        if !name.is_empty() {
            name.push(' ');
        }
        name.push_str(&word);
    }
    name
}

/// The conversation in which a job runs: its own, so that it neither waits for a chat nor holds one up.
#[must_use]
pub fn session_of(job: JobId) -> SessionKey {
    SessionKey::new(CHANNEL, "local", job.to_string())
}

/// Whether this is the conversation of a job.
#[must_use]
pub fn is_job(session: &SessionKey) -> bool {
    session.channel == CHANNEL
}

#[cfg(test)]
mod tests;
