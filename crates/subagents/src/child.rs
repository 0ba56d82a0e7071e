//! A subagent's session and its first row.

use session_api::{
    Inbound, InboundId, InboundKind, Outside, Part, Principal, Route, RunOverrides, Runner, SessionKey,
    Timestamp, WhenBusy,
};

/// The channel of subagents' sessions.
pub const CHANNEL: &str = "agent";

/// The session of the subagent whose first row has this id. That id is the subagent's.
#[must_use]
pub fn session_of(id: InboundId) -> SessionKey {
    SessionKey::new(CHANNEL, "local", id.to_string())
}

/// Whether a session is a subagent's.
#[must_use]
pub fn is_agent(session: &SessionKey) -> bool {
    session.channel == CHANNEL
}

/// The subagent whose session this is.
#[must_use]
pub fn id_of(session: &SessionKey) -> Option<InboundId> {
    is_agent(session).then(|| session.chat.parse().ok()).flatten()
}

/// What a subagent starts with.
#[derive(Debug, Clone)]
pub struct Start<'a> {
    /// Its id, a new one.
    pub id: InboundId,
    /// The session that starts it.
    pub parent: &'a SessionKey,
    /// Where the answers of that session's turn go: its questions go there too.
    pub reply: &'a Route,
    /// On whose behalf.
    pub principal: &'a Principal,
    /// What it is to do.
    pub task: String,
    /// Through what its parent has read text from outside: it has read it too.
    pub outside: &'a Outside,
    /// How it runs: see [`narrowed`](crate::narrowed).
    pub overrides: RunOverrides,
    /// When.
    pub now: Timestamp,
}

/// The row that starts a subagent.
#[must_use]
pub fn row(start: Start<'_>) -> Inbound {
    let Start { id, parent, reply, principal, task, outside, overrides, now } = start;
    let parts = outside.parts().chain([Part::text(task)]).collect();
    Inbound {
        id,
        external_id: id.to_string(),
        session: session_of(id),
        parent: Some(parent.clone()),
        reply: Route { reply_to: None, ..reply.clone() },
        principal: principal.clone(),
        kind: InboundKind::Message,
        busy: WhenBusy::Queue,
        coalesce: None,
        runner: Runner::Any,
        overrides,
        parts,
        shared: false,
        received_at: now,
        correlation: id.to_string(),
    }
}

/// The row that stops the subagent `child` and all that it started; `id` is the row's.
#[must_use]
pub fn stop(id: InboundId, child: InboundId, principal: &Principal, now: Timestamp) -> Inbound {
    let session = session_of(child);
    Inbound {
        id,
        external_id: id.to_string(),
        reply: Route::to_session(&session),
        session,
        parent: None,
        principal: principal.clone(),
        kind: InboundKind::Stop,
        busy: WhenBusy::default(),
        coalesce: None,
        runner: Runner::Any,
        overrides: RunOverrides::default(),
        parts: vec![Part::text("/stop")],
        shared: false,
        received_at: now,
        correlation: child.to_string(),
    }
}
