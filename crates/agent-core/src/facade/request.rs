//! What to run.

use std::{fmt, sync::Arc};

use session_api::{Part, Principal, Route, RunOverrides, SessionKey};

use crate::Hook;

/// One message to the assistant.
#[derive(Clone)]
pub struct RunRequest {
    /// The conversation.
    pub session: SessionKey,
    /// Who speaks.
    pub principal: Principal,
    /// Where the answer goes; normally to the session's own chat.
    pub reply: Route,
    /// What is said: text, images, files.
    pub parts: Vec<Part>,
    /// What this run does differently.
    pub overrides: RunOverrides,
    /// Hooks for this run besides the core's. They are called only if this process runs the turn.
    pub hooks: Vec<Arc<dyn Hook>>,
    /// The caller's own id of the message: the same one twice is one run. A new one is made where there is none.
    pub idempotency_key: Option<String>,
    /// Dropping the stream does not stop the run.
    pub detached: bool,
}

impl RunRequest {
    /// The owner says `text` in `session`.
    pub fn new(session: SessionKey, text: impl Into<String>) -> Self {
        Self {
            reply: Route::to_session(&session),
            session,
            principal: Principal::owner(),
            parts: vec![Part::text(text)],
            overrides: RunOverrides::default(),
            hooks: Vec::new(),
            idempotency_key: None,
            detached: false,
        }
    }

    /// This with overrides.
    #[must_use]
    pub fn with(mut self, overrides: RunOverrides) -> Self {
        self.overrides = overrides;
        self
    }
}

impl fmt::Debug for RunRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunRequest")
            .field("session", &self.session)
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}
