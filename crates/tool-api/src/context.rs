//! What a call knows of the turn that makes it.

use std::{sync::Arc, time::Duration};

use session_api::{CallId, Outside, Principal, Route, RunOverrides, SessionKey, Timestamp, TurnId};
use tokio_util::sync::CancellationToken;

/// Given to every call. A tool takes its rights from here, never from its arguments.
#[derive(Debug, Clone)]
pub struct ToolContext {
    /// For whom the turn runs; the lowest rank where several speak.
    pub principal: Principal,
    /// Whether nobody else speaks or reads along in the turn: what is for one person's eyes is given to nobody otherwise.
    pub alone: bool,
    /// The conversation.
    pub session: SessionKey,
    /// Where its answer goes.
    pub reply: Route,
    /// The turn.
    pub turn: TurnId,
    /// The call.
    pub call_id: CallId,
    /// What the turn does differently from the configuration: whoever it starts gets no more.
    pub run: Arc<RunOverrides>,
    /// The tools that the turn has, by name.
    pub offered: Arc<[String]>,
    /// Through what the turn has read text from outside. Whoever it starts has read it too.
    pub outside: Outside,
    /// Wall-clock time at the start of the call.
    pub now: Timestamp,
    /// How long it may take. The caller enforces it too.
    pub timeout: Duration,
    /// Cancelled when the turn is stopped; a tool then ends what it started and returns soon.
    pub cancel: CancellationToken,
}
