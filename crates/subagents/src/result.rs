//! How a subagent's end reaches its parent.

use session_api::{
    Inbound, InboundId, InboundKind, Outside, Part, Principal, Route, RunOverrides, Runner, SessionKey,
    Timestamp, TurnId, WhenBusy,
};

/// How a subagent has ended that did what it was to do.
pub const DONE: &str = "done";

/// A subagent that has ended.
#[derive(Debug, Clone)]
pub struct Ended<'a> {
    /// The id of the row that tells it, a new one.
    pub id: InboundId,
    /// Which.
    pub child: InboundId,
    /// Its name.
    pub name: &'a str,
    /// The turn that was its last.
    pub turn: TurnId,
    /// Who started it.
    pub parent: &'a SessionKey,
    /// Where the answers of the parent go.
    pub reply: &'a Route,
    /// On whose behalf.
    pub principal: &'a Principal,
    /// In a word or a sentence: [`DONE`], `failed: …`, `stopped`.
    pub how: &'a str,
    /// What it said last.
    pub text: &'a str,
    /// Through what it has read text from outside.
    pub outside: &'a Outside,
    /// When.
    pub now: Timestamp,
}

/// The row that tells a parent of the end of its child. A turn tells it once.
#[must_use]
pub fn result(ended: &Ended<'_>) -> Inbound {
    let Ended { id, child, name, turn, parent, reply, principal, how, text, outside, now } = *ended;
    let mut parts: Vec<Part> = outside.parts().collect();
    parts.push(Part::text(format!("[The agent “{name}” ({child}) has ended: {how}]")));
    if !text.trim().is_empty() {
        parts.push(Part::text(text));
    }
    Inbound {
        id,
        external_id: format!("{child}:{turn}"),
        session: parent.clone(),
        parent: None,
        reply: reply.clone(),
        principal: principal.clone(),
        kind: InboundKind::Result { child: turn },
        busy: WhenBusy::Steer,
        coalesce: None,
        runner: Runner::Any,
        overrides: RunOverrides::default(),
        parts,
        shared: false,
        received_at: now,
        correlation: child.to_string(),
    }
}

/// The subagent that a row of kind `Result` tells of, and its answer where it got to one.
#[must_use]
pub fn result_of(inbound: &Inbound) -> Option<(InboundId, Option<&str>)> {
    if !matches!(inbound.kind, InboundKind::Result { .. }) {
        return None;
    }
    let (child, _) = inbound.external_id.split_once(':')?;
    let mut texts = inbound.parts.iter().filter_map(Part::as_text);
    let done = texts.next().is_some_and(|head| head.ends_with(&format!(": {DONE}]")));
    Some((child.parse().ok()?, texts.next().filter(|_| done)))
}
