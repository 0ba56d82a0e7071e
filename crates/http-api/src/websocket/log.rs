//! What the store says: what was said behind a position, and which messages have ended.

use agent_core::AgentError;
use session_api::{InboundId, InboundState, OutboxId, OutboxMessage, SessionKey};

use super::{
    follow::Tracked,
    frame::{Ending, ErrorCode, Position, Refusal},
    render,
};
use crate::{WebSocketLimits, state::Shared};

/// How many messages are read at first; mostly one is new, and mostly it is enough.
const FIRST_READ: usize = 8;
/// Reads of more than this take their turn, since each may hold a good deal of memory.
const LARGE_READ: usize = 256;
/// How many messages are passed on before something else gets its turn.
const BATCH: usize = 64;

/// What stands behind a position.
pub(super) struct Behind {
    /// Oldest first, at most [`BATCH`].
    pub(super) messages: Vec<OutboxMessage>,
    /// Whether there are more.
    pub(super) more: bool,
    /// Whether the position itself was found.
    pub(super) found: bool,
}

/// How a message ended.
pub(super) struct Ended {
    pub(super) outcome: Ending,
    pub(super) event_id: Option<OutboxId>,
    pub(super) text: Option<String>,
}

/// Where a client begins: behind what it has, which must exist, or at the end.
pub(super) async fn position(
    shared: &Shared,
    limits: &WebSocketLimits,
    key: &SessionKey,
    after: Option<Position>,
) -> Result<Position, Refusal> {
    let Some(position) = after else {
        let newest = shared.factotum.said(key, 1).await?;
        return Ok(newest.first().map_or(Position::Start, |message| Position::After(message.id)));
    };
    if behind(shared, limits, key, position).await?.found {
        return Ok(position);
    }
    let why = "`after` is no event of this session, or lies too far back; attach without it";
    Err(Refusal::new(ErrorCode::UnknownEvent, why))
}

/// What was said behind a position. A position that is gone has everything behind it that is left.
pub(super) async fn behind(
    shared: &Shared,
    limits: &WebSocketLimits,
    key: &SessionKey,
    position: Position,
) -> Result<Behind, AgentError> {
    let mut limit = FIRST_READ;
    loop {
        let _turn = match limit > LARGE_READ {
            true => shared.large_reads.acquire().await.ok(),
            false => None,
        };
        let mut said = shared.factotum.said(key, limit).await?;
        let whole = said.len() < limit;
        let at = match position {
            Position::Start => whole.then_some(said.len()),
            Position::After(id) => said.iter().position(|message| message.id == id),
        };
        if at.is_none() && !whole && limit < limits.catch_up {
            limit = (limit * 8).min(limits.catch_up);
            continue;
        }
        said.truncate(at.unwrap_or(said.len()));
        let more = said.len() > BATCH;
        let messages = said.into_iter().rev().take(BATCH).collect();
        return Ok(Behind { messages, more, found: at.is_some() });
    }
}

/// Those of the client's messages that have ended.
pub(super) async fn ended(
    shared: &Shared,
    tracked: &[Tracked],
) -> Result<Vec<(InboundId, Ended)>, AgentError> {
    let mut all = Vec::new();
    for tracked in tracked {
        let ended = match shared.factotum.standing(tracked.inbound).await?.map(|view| view.state) {
            Some(InboundState::Settled(settled)) => {
                let answer = settled.replies.last();
                let event_id = answer.map(|answer| answer.id);
                let text = answer.filter(|_| tracked.repeated).map(render::text);
                Ended { outcome: settled.outcome.into(), event_id, text }
            }
            Some(InboundState::Dead { error }) => {
                Ended { outcome: Ending::Dead, event_id: None, text: tracked.repeated.then_some(error) }
            }
            None => Ended { outcome: Ending::Deleted, event_id: None, text: None },
            Some(_) => continue,
        };
        all.push((tracked.inbound, ended));
    }
    Ok(all)
}
