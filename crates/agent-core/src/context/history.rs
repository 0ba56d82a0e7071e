//! The part of a history that goes into a request.

use std::collections::HashSet;

use session_api::{
    CallId, Checkpoint, Importance, Message, MessageId, Part, Role, StoredMessage, TurnId, Window,
};

use super::{Gauge, cut::shorten};

/// One part in so many of the room is for messages that stay whole: were it less, every turn would shorten the one before.
const WHOLE: u64 = 4;

/// A part of a window that goes into a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryFit {
    /// The first message of the window that goes in.
    pub start: usize,
    /// Of tools' results of low importance in messages before this one only the beginnings go in.
    pub short: usize,
    /// How many messages that makes shorter.
    pub shortened: usize,
    /// The tokens of the summary and of what goes in.
    pub tokens: u64,
    /// Whether messages that the model could have known are not in.
    pub left_out: bool,
}

/// Where the history of a request begins, so that summary and messages have no more than `room` tokens and `most`
/// messages. Where not everything fits, the older tools' results of low importance are shortened first; what then still
/// has no room is left out from the beginning on.
///
/// Neither place may move with every turn: the provider's cache of the request ends at the first byte that differs. So of
/// the places between the first that fits and the first that leaves half of the room free, the one with the roundest
/// number is taken, which stays the same for many turns, in every process, without being kept anywhere.
#[must_use]
pub fn fit_history(window: &Window, room: u64, most: usize, gauge: Gauge) -> HistoryFit {
    let summary = window.checkpoint.as_ref().map_or(0, |checkpoint| gauge.text(&checkpoint.summary));
    let room = room.saturating_sub(summary);
    let whole: Vec<u64> = window.messages.iter().map(|stored| gauge.message(&stored.message)).collect();
    let all: u64 = whole.iter().sum();
    if !window.truncated && all <= room && whole.len() <= most {
        return HistoryFit { start: 0, short: 0, shortened: 0, tokens: all + summary, left_out: false };
    }
    let least: Vec<u64> = window.messages.iter().map(|stored| shortened(&stored.message, gauge)).collect();
    let costs = newest_whole(&whole, &least, room / WHOLE);
    let everything = !window.truncated && costs.iter().sum::<u64>() <= room && costs.len() <= most;
    let start = if everything { 0 } else { beginning(window, &costs, room, most) };
    let short = first_whole(window, start, &whole, &least, room);
    let shortened = (start..short).filter(|at| least[*at] < whole[*at]).count();
    let tokens = least[start..short].iter().chain(&whole[short..]).sum::<u64>() + summary;
    HistoryFit { start, short, shortened, tokens, left_out: !everything }
}

/// The tokens of a message once it is shortened.
fn shortened(message: &Message, gauge: Gauge) -> u64 {
    if message.tool_results().all(|result| result.importance != Importance::Low) {
        return gauge.message(message);
    }
    let mut message = message.clone();
    shorten(&mut message, gauge);
    gauge.message(&message)
}

/// What each message takes, if the newest ones with up to `room` tokens stay whole and the older ones are shortened.
fn newest_whole(whole: &[u64], least: &[u64], room: u64) -> Vec<u64> {
    let mut costs = least.to_vec();
    let mut taken = 0_u64;
    for (cost, whole) in costs.iter_mut().zip(whole).rev() {
        taken += whole;
        if taken > room {
            break;
        }
        *cost = *whole;
    }
    costs
}

/// The first message that goes in, if each has its length in `costs`.
fn beginning(window: &Window, costs: &[u64], room: u64, most: usize) -> usize {
    let room = room.min(costs.iter().sum());
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
    let start = roundest(window, first, half.min(newest)).unwrap_or(costs.len());
    // What a person said begins a turn.
    let asks = |at: &usize| window.messages.get(*at).is_some_and(|stored| stored.message.role == Role::User);
    (start..costs.len()).find(asks).unwrap_or(start)
}

/// The first message whose results are whole, not before `start`.
fn first_whole(window: &Window, start: usize, whole: &[u64], least: &[u64], room: u64) -> usize {
    let mut tokens: u64 = whole.iter().skip(start).sum();
    let mut first = start;
    while tokens > room && first < whole.len() {
        tokens = tokens - whole[first] + least[first];
        first += 1;
    }
    if first == start {
        return start;
    }
    let halfway = first + (whole.len() - first) / 2;
    roundest(window, first, halfway).unwrap_or(first)
}

/// Of the places from `first` to `last`, the one whose message has the roundest number; of several that are equally round,
/// the first.
fn roundest(window: &Window, first: usize, last: usize) -> Option<usize> {
    (first..=last).max_by_key(|at| (seq(window, *at).trailing_zeros(), std::cmp::Reverse(*at)))
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

/// Shortens in `messages`, which were folded from `window`, what `fit` wants shortened. Returns the whole texts, which must be
/// stored before a model reads the marks in their places.
pub(crate) fn shorten_results(
    messages: &mut [Message],
    window: &Window,
    fit: &HistoryFit,
    gauge: Gauge,
) -> Vec<String> {
    let old = window.messages.get(fit.start..fit.short).unwrap_or_default();
    let old: HashSet<MessageId> = old.iter().map(|stored| stored.message.id).collect();
    let old = messages.iter_mut().filter(|message| old.contains(&message.id));
    old.flat_map(|message| shorten(message, gauge)).collect()
}

/// `stored` without calls that have no result in it, and without results that have no call in it.
fn whole_pairs(stored: &[StoredMessage]) -> Vec<Message> {
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

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
