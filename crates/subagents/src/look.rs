//! How subagents are doing, for people and models.

use serde::Serialize;
use session_api::{
    InboundId, InboundKind, InboundState, OutboxKind, Outcome, Outside, Part, Scope, SessionInfo, SessionKey,
    StoreError, Stores, Timestamp, TurnState, UsageBy,
};

use crate::{id_of, is_agent};

/// Most subagents of one session that are looked at.
const MOST: usize = 200;
/// Deepest tree that is followed: limits may have been larger once.
const DEEPEST: usize = 16;
/// Longest part of a task that is shown.
const SHOWN: usize = 100;

/// Where a subagent stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "reason", rename_all = "snake_case")]
pub enum AgentState {
    /// Nobody works on it yet.
    Queued,
    /// It works.
    Running,
    /// A person is asked whether one of its calls may run.
    Asking,
    /// Its own subagents work.
    Waiting,
    /// It did what it was to do.
    Done,
    /// It did not, for this reason.
    Failed(String),
    /// Somebody stopped it.
    Stopped,
}

impl AgentState {
    /// Whether it has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Done | Self::Failed(_) | Self::Stopped)
    }
}

impl std::fmt::Display for AgentState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Queued => f.write_str("queued"),
            Self::Running => f.write_str("running"),
            Self::Asking => f.write_str("waiting for an answer"),
            Self::Waiting => f.write_str("waiting for its agents"),
            Self::Done => f.write_str("done"),
            Self::Failed(reason) => write!(f, "failed ({reason})"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}

/// A subagent with those that it started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgentView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Where it stands.
    #[serde(flatten)]
    pub state: AgentState,
    /// Since when: the start of the turn that runs, else of the last change.
    pub since: Timestamp,
    /// Known cost in millionths of a US dollar.
    pub cost_micros: u64,
    /// The beginning of its task.
    pub task: String,
    /// What it said last.
    #[serde(skip)]
    pub said: String,
    /// Through what text from outside came into that.
    #[serde(skip)]
    pub outside: Outside,
    /// Those that it started, in the order of their start.
    pub agents: Vec<AgentView>,
}

/// The subagents of `parent`, with theirs, in the order of their start.
///
/// # Errors
/// The store cannot be read.
pub async fn tree(stores: &Stores, parent: &SessionKey) -> Result<Vec<AgentView>, StoreError> {
    below(stores, parent, 0).await
}

/// One subagent; `None`: there is none with this id.
///
/// # Errors
/// The store cannot be read.
pub async fn look(stores: &Stores, id: InboundId) -> Result<Option<AgentView>, StoreError> {
    let session = crate::session_of(id);
    let Some(info) = stores.sessions.session(&Scope::All, &session).await? else { return Ok(None) };
    view(stores, &info, 0).await
}

/// Whether a session, which may be a subagent's, or one of its subagents works or waits.
///
/// # Errors
/// The store cannot be read.
pub async fn is_busy(stores: &Stores, session: &SessionKey) -> Result<bool, StoreError> {
    let info = stores.sessions.session(&Scope::All, session).await?;
    if info.is_some_and(|info| info.open_turn.is_some() || info.pending > 0) {
        return Ok(true);
    }
    at_work(stores, session).await
}

/// Whether there is something of the subagents of `session` to wait for: they work, or the conversation has not heard or not
/// answered yet what they came to. Messages of people that wait there are none of that.
///
/// # Errors
/// The store cannot be read.
pub async fn is_awaited(stores: &Stores, session: &SessionKey) -> Result<bool, StoreError> {
    if at_work(stores, session).await? {
        return Ok(true);
    }
    let waiting = stores.mailbox.pending(session, MOST).await?;
    if waiting.iter().any(|row| matches!(row.inbound.kind, InboundKind::Result { .. })) {
        return Ok(true);
    }
    let Some(turn) = stores.sessions.session(&Scope::All, session).await?.and_then(|info| info.open_turn)
    else {
        return Ok(false);
    };
    for founder in stores.mailbox.turn(turn).await?.map(|turn| turn.founders).unwrap_or_default() {
        let row = stores.mailbox.inbound(founder).await?.map(|view| view.row.inbound);
        if row.is_some_and(|row| matches!(row.kind, InboundKind::Result { .. })) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a subagent of `session` works or waits.
async fn at_work(stores: &Stores, session: &SessionKey) -> Result<bool, StoreError> {
    // Whoever has ended has no subagents that work.
    let active = stores.sessions.children(Some(session), true, MOST).await?;
    if active.iter().any(|info| is_agent(&info.key)) {
        return Ok(true);
    }
    // One that itself does nothing may wait for its own.
    for info in stores.sessions.children(Some(session), false, MOST).await? {
        if is_agent(&info.key) && !stores.sessions.children(Some(&info.key), true, 1).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn below(stores: &Stores, parent: &SessionKey, depth: usize) -> Result<Vec<AgentView>, StoreError> {
    let mut found = Vec::new();
    for info in stores.sessions.children(Some(parent), false, MOST).await? {
        if let Some(view) = view(stores, &info, depth).await? {
            found.push((info.created_at, view));
        }
    }
    found.sort_by(|a, b| (a.0, &a.1.id).cmp(&(b.0, &b.1.id)));
    Ok(found.into_iter().map(|(_, view)| view).collect())
}

async fn view(stores: &Stores, info: &SessionInfo, depth: usize) -> Result<Option<AgentView>, StoreError> {
    let Some(id) = id_of(&info.key) else { return Ok(None) };
    let Some(first) = stores.mailbox.inbound(id).await? else { return Ok(None) };
    let agents =
        if depth < DEEPEST { Box::pin(below(stores, &info.key, depth + 1)).await? } else { Vec::new() };
    let last = stores.mailbox.outbox(&info.key, 1).await?.pop();
    let text = |parts: &[Part]| {
        let texts: Vec<&str> = parts.iter().filter_map(Part::as_text).collect();
        texts.join("\n")
    };
    let said = last.as_ref().map(|message| text(&message.parts)).unwrap_or_default();
    let mut since = info.updated_at;
    let state = match info.open_turn {
        Some(turn) => match stores.mailbox.turn(turn).await? {
            Some(turn) => {
                since = turn.started_at;
                if turn.state == TurnState::Suspended { AgentState::Asking } else { AgentState::Running }
            }
            None => AgentState::Running,
        },
        None if info.pending > 0 => AgentState::Queued,
        None if agents.iter().any(|agent| !agent.state.is_over()) => AgentState::Waiting,
        None => match &first.state {
            InboundState::Settled(settled) if settled.outcome == Outcome::Stopped => AgentState::Stopped,
            InboundState::Dead { error } => AgentState::Failed(error.clone()),
            _ if last.as_ref().is_some_and(|message| message.kind == OutboxKind::Reply) => AgentState::Done,
            _ => AgentState::Failed(short(&said)),
        },
    };
    let usage =
        stores.usage.usage_totals(&Scope::Session(info.key.clone()), Timestamp(0), UsageBy::Purpose).await?;
    let inbound = &first.row.inbound;
    let run = inbound.overrides.child.as_deref();
    Ok(Some(AgentView {
        id: id.to_string(),
        name: run.map(|run| run.name.clone()).unwrap_or_default(),
        profile: run.and_then(|run| run.profile.clone()),
        state,
        since,
        cost_micros: usage.iter().map(|total| total.cost_micros).sum(),
        task: short(&text(&inbound.parts)),
        said,
        outside: last.map(|message| Outside::in_parts(&message.parts)).unwrap_or_default(),
        agents,
    }))
}

/// The beginning of a text, in one line.
fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= SHOWN {
        return line;
    }
    format!("{}…", line.chars().take(SHOWN - 1).collect::<String>())
}
