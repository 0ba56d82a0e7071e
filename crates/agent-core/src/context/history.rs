//! The part of a history that goes into a request.

use std::collections::HashSet;

use session_api::{CallId, Message, Part, Role, TurnId, Window, WindowBudget};

/// `budget` with the history's share halved `times` times.
#[must_use]
pub(crate) fn shrunk(budget: WindowBudget, times: u8) -> WindowBudget {
    let halve = |share: usize| (share >> times).max(1);
    WindowBudget { messages: halve(budget.messages), bytes: halve(budget.bytes) }
}

/// A window as messages for a model: the checkpoint's summary first, then whole pairs only. A window may begin in the
/// middle of a turn, so results whose calls lie before it, and calls whose results are missing, are left out.
#[must_use]
pub fn fold_history(window: &Window) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::with_capacity(window.messages.len() + 1);
    if let Some(checkpoint) = window.checkpoint.as_ref().filter(|checkpoint| !checkpoint.summary.is_empty()) {
        messages.push(Message {
            id: checkpoint.id,
            role: Role::User,
            principal: None,
            turn: TurnId(checkpoint.id.0),
            at: checkpoint.at,
            parts: vec![Part::text(format!("[summary of the conversation so far]\n{}", checkpoint.summary))],
        });
    }
    let stored = || window.messages.iter().map(|stored| &stored.message);
    // A call's id is unique within its turn only.
    let calls: HashSet<(TurnId, &CallId)> =
        stored().flat_map(|m| m.tool_calls().map(|call| (m.turn, &call.id))).collect();
    let results: HashSet<(TurnId, &CallId)> =
        stored().flat_map(|m| m.tool_results().map(|result| (m.turn, &result.call_id))).collect();
    for message in stored() {
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
