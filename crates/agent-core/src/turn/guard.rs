//! Turns that go round in circles.

use session_api::{Message, ToolCall, ToolResult, ToolStatus};

use super::Ending;

/// Calls that count as the same: equal name and equal arguments, whatever their spelling.
fn same(a: &ToolCall, b: &ToolCall) -> bool {
    let value = |call: &ToolCall| serde_json::from_str::<serde_json::Value>(&call.arguments).ok();
    a.name == b.name
        && (a.arguments == b.arguments || matches!((value(a), value(b)), (Some(a), Some(b)) if a == b))
}

/// The ending for `call` if it is asked for the third time, with what the turn added before (the message that holds
/// `call` included).
pub(super) fn repeated_call(added: &[Message], call: &ToolCall) -> Option<Ending> {
    let times = added.iter().flat_map(Message::tool_calls).filter(|earlier| same(earlier, call)).count();
    (times >= 3).then(|| Ending::RepeatedCall(call.name.clone()))
}

/// The ending for a failure that the turn has seen before: same call, same words. Refused and unknown results count,
/// since asking again will not change them either.
pub(super) fn repeated_failure(added: &[Message], call: &ToolCall, result: &ToolResult) -> Option<Ending> {
    if result.status == ToolStatus::Ok {
        return None;
    }
    let calls: Vec<&ToolCall> = added.iter().flat_map(Message::tool_calls).collect();
    let seen = added.iter().flat_map(Message::tool_results).any(|earlier| {
        earlier.status != ToolStatus::Ok
            && earlier.content == result.content
            && calls.iter().any(|c| c.id == earlier.call_id && same(c, call))
    });
    seen.then(|| Ending::RepeatedFailure(call.name.clone()))
}
