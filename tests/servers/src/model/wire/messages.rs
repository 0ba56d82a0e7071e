//! A message as Anthropic Messages says it.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{id_of, model, typed};
use crate::model::reply::{Message, Usage, split};
use crate::model::request::Request;

/// The answer as one document.
pub(super) fn document(message: &Message, request: &Request) -> Value {
    let mut content = Vec::new();
    if !message.reasoning.is_empty() {
        content.push(
            json!({"type": "thinking", "thinking": message.reasoning.concat(), "signature": signature(request)}),
        );
    }
    if !message.deltas.is_empty() {
        content.push(json!({"type": "text", "text": message.deltas.concat()}));
    }
    for (index, call) in message.calls.iter().enumerate() {
        let input: Value = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}));
        content.push(
            json!({"type": "tool_use", "id": id_of(call, index, request), "name": call.name, "input": input}),
        );
    }
    let mut whole = head(request);
    whole["content"] = content.into();
    whole["stop_reason"] = reason(message);
    whole["usage"] = message.usage.map_or(Value::Null, counts);
    whole
}

/// The answer as events.
pub(super) fn events(message: &Message, request: &Request) -> Vec<Bytes> {
    let mut first = head(request);
    if let Some(usage) = message.usage {
        first["usage"] = counts(Usage { completion: 1, ..usage });
    }
    let mut events = vec![typed("message_start", json!({"message": first}))];
    let mut index = 0;
    let mut block = |begin: Value, deltas: Vec<Value>| {
        events.push(typed("content_block_start", json!({"index": index, "content_block": begin})));
        events.extend(
            deltas
                .into_iter()
                .map(|delta| typed("content_block_delta", json!({"index": index, "delta": delta}))),
        );
        events.push(typed("content_block_stop", json!({"index": index})));
        index += 1;
    };
    if !message.reasoning.is_empty() {
        let mut deltas: Vec<Value> = message
            .reasoning
            .iter()
            .map(|text| json!({"type": "thinking_delta", "thinking": text}))
            .collect();
        deltas.push(json!({"type": "signature_delta", "signature": signature(request)}));
        block(json!({"type": "thinking", "thinking": "", "signature": ""}), deltas);
    }
    if !message.deltas.is_empty() {
        let deltas = message.deltas.iter().map(|text| json!({"type": "text_delta", "text": text})).collect();
        block(json!({"type": "text", "text": ""}), deltas);
    }
    for (n, call) in message.calls.iter().enumerate() {
        let deltas = split(&call.arguments, call.pieces)
            .into_iter()
            .map(|piece| json!({"type": "input_json_delta", "partial_json": piece}))
            .collect();
        let begin =
            json!({"type": "tool_use", "id": id_of(call, n, request), "name": call.name, "input": {}});
        block(begin, deltas);
    }
    if message.finished {
        let output = message.usage.map_or(0, |usage| usage.completion);
        let delta = json!({"stop_reason": reason(message), "stop_sequence": null});
        events.push(typed("message_delta", json!({"delta": delta, "usage": {"output_tokens": output}})));
    }
    if message.done {
        events.push(typed("message_stop", json!({})));
    }
    events
}

fn head(request: &Request) -> Value {
    json!({
        "id": format!("msg_{}", request.n),
        "type": "message",
        "role": "assistant",
        "model": model(request),
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
    })
}

fn signature(request: &Request) -> String {
    format!("signature-{}", request.n)
}

/// The reason; one that the script gives in the words of chat completions is translated.
fn reason(message: &Message) -> Value {
    let usual = if message.calls.is_empty() { "end_turn" } else { "tool_use" };
    match message.finish.as_deref() {
        _ if !message.finished => Value::Null,
        None | Some("stop" | "tool_calls") => usual.into(),
        Some("length") => "max_tokens".into(),
        Some("content_filter") => "refusal".into(),
        Some(other) => other.into(),
    }
}

/// Here the cached tokens are no part of the others.
fn counts(usage: Usage) -> Value {
    json!({
        "input_tokens": usage.prompt.saturating_sub(usage.cached),
        "cache_read_input_tokens": usage.cached,
        "cache_creation_input_tokens": 0,
        "output_tokens": usage.completion,
    })
}
