//! The part of a history that goes into a request.

use std::collections::HashSet;

use session_api::{CallId, Checkpoint, Message, Part, Role, StoredMessage, TurnId, Window};

use super::Gauge;

/// A part of a window that goes into a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryFit {
    /// The first message of the window that goes in.
    pub start: usize,
    /// The tokens of the summary and of what goes in.
    pub tokens: u64,
    /// Whether something that the model could have known is not in.
    pub left_out: bool,
}

/// Where the history of a request begins, so that summary and messages have no more than `room` tokens and `most`
/// messages.
///
/// Where not everything fits, the beginning must not move with every turn: the provider's cache of the request ends at the
/// first byte that differs. So of the places between the first that fits and the first that leaves half of the room free,
/// the one with the roundest number is taken, which stays the same for many turns, in every process, without being kept
/// anywhere.
#[must_use]
pub fn fit_history(window: &Window, room: u64, most: usize, gauge: Gauge) -> HistoryFit {
    let summary = window.checkpoint.as_ref().map_or(0, |checkpoint| gauge.text(&checkpoint.summary));
    let room = room.saturating_sub(summary);
    let costs: Vec<u64> = window.messages.iter().map(|stored| gauge.message(&stored.message)).collect();
    let all: u64 = costs.iter().sum();
    if !window.truncated && all <= room && costs.len() <= most {
        return HistoryFit { start: 0, tokens: all + summary, left_out: false };
    }
    let room = room.min(all);
    let (mut first, mut half) = (costs.len(), costs.len());
    let mut tokens = 0_u64;
    for (at, cost) in costs.iter().enumerate().rev() {
        tokens += cost;
        let count = costs.len() - at;
        if tokens > room || count > most {
            break;
        }
        first = at;
        if tokens <= room / 2 && count <= most.div_ceil(2) {
            half = at;
        }
    }
    let newest = costs.len().saturating_sub(1);
    let roundest = (first..=half.min(newest)).max_by_key(|at| {
        // Of several that are equally round, the first.
        (seq(window, *at).trailing_zeros(), std::cmp::Reverse(*at))
    });
    let mut start = roundest.unwrap_or(costs.len());
    // What a person said begins a turn.
    let asks = |at: &usize| window.messages.get(*at).is_some_and(|stored| stored.message.role == Role::User);
    if let Some(turn) = (start..costs.len()).find(asks) {
        start = turn;
    }
    let tokens = costs.iter().skip(start).sum::<u64>() + summary;
    HistoryFit { start, tokens, left_out: true }
}

fn seq(window: &Window, at: usize) -> u64 {
    window.messages.get(at).map_or(0, |stored| stored.seq)
}

/// The summary of a checkpoint as the model reads it, with the places of what it stands for.
#[must_use]
pub(crate) fn summary(checkpoint: &Checkpoint) -> String {
    format!(
        "[summary of the conversation so far, up to message #{}; the person did not write it]\n{}",
        checkpoint.upto, checkpoint.summary
    )
}

/// A window as messages for a model, from its message number `start` on: the checkpoint's summary first, then whole pairs
/// only. A window may begin in the middle of a turn, so results whose calls lie before it, and calls whose results are
/// missing, are left out.
#[must_use]
pub fn fold_history(window: &Window, start: usize) -> Vec<Message> {
    let stored = window.messages.get(start..).unwrap_or_default();
    let mut messages: Vec<Message> = Vec::with_capacity(stored.len() + 1);
    if let Some(checkpoint) = window.checkpoint.as_ref().filter(|checkpoint| !checkpoint.summary.is_empty()) {
        messages.push(Message {
            id: checkpoint.id,
            role: Role::User,
            principal: None,
            turn: TurnId(checkpoint.id.0),
            at: checkpoint.at,
            parts: vec![Part::text(summary(checkpoint))],
        });
    }
    messages.extend(whole_pairs(stored));
    messages
}

/// `stored` without calls that have no result in it, and without results that have no call in it.
pub(crate) fn whole_pairs(stored: &[StoredMessage]) -> Vec<Message> {
    let each = || stored.iter().map(|stored| &stored.message);
    // A call's id is unique within its turn only.
    let calls: HashSet<(TurnId, &CallId)> =
        each().flat_map(|m| m.tool_calls().map(|call| (m.turn, &call.id))).collect();
    let results: HashSet<(TurnId, &CallId)> =
        each().flat_map(|m| m.tool_results().map(|result| (m.turn, &result.call_id))).collect();
    let mut messages = Vec::with_capacity(stored.len());
    for message in each() {
        let whole = |part: &&Part| match part {
            Part::ToolCall(call) => results.contains(&(message.turn, &call.id)),
            Part::ToolResult(result) => calls.contains(&(message.turn, &result.call_id)),
            _ => true,
        };
        let parts: Vec<Part> = message.parts.iter().filter(whole).cloned().collect();
        if !parts.is_empty() {
            // Field by field: a copy of the whole would copy the parts once more.
            let Message { id, role, principal, turn, at, parts: _ } = message;
            let (id, role, turn, at) = (*id, *role, *turn, *at);
            messages.push(Message { id, role, principal: principal.clone(), turn, at, parts });
        }
    }
    messages
}
