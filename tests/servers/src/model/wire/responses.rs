//! A message as the Responses format says it.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{id_of, model, typed};
use crate::model::reply::{Message, Usage, split};
use crate::model::request::Request;

/// The answer as one document.
pub(super) fn document(message: &Message, request: &Request) -> Value {
    let mut whole = head(request);
    whole["output"] = items(message, request).into();
    whole["usage"] = message.usage.map_or(Value::Null, counts);
    match message.finish.as_deref() {
        _ if !message.finished => {}
        Some("length") => incomplete(&mut whole, "max_output_tokens"),
        Some("content_filter") => incomplete(&mut whole, "content_filter"),
        _ => whole["status"] = "completed".into(),
    }
    whole
}

fn incomplete(whole: &mut Value, reason: &str) {
    whole["status"] = "incomplete".into();
    whole["incomplete_details"] = json!({"reason": reason});
}

/// The answer as events.
pub(super) fn events(message: &Message, request: &Request) -> Vec<Bytes> {
    let mut events = vec![typed("response.created", json!({"response": head(request)}))];
    let mut call = message.calls.iter();
    for (index, item) in items(message, request).into_iter().enumerate() {
        let id = item["id"].clone();
        let event = |kind: &str, more: Value| {
            let mut event = json!({"output_index": index, "item_id": id});
            for (key, value) in more.as_object().into_iter().flatten() {
                event[key] = value.clone();
            }
            typed(kind, event)
        };
        let mut begun = item.clone();
        match item["type"].as_str() {
            Some("reasoning") => begun["summary"] = json!([]),
            Some("message") => begun["content"] = json!([]),
            _ => begun["arguments"] = "".into(),
        }
        events.push(event("response.output_item.added", json!({"item": begun})));
        match item["type"].as_str() {
            Some("reasoning") => {
                let delta = |text| json!({"summary_index": 0, "delta": text});
                let kind = "response.reasoning_summary_text.delta";
                events.extend(message.reasoning.iter().map(|text| event(kind, delta(text))));
            }
            Some("message") => {
                let delta = |text| json!({"content_index": 0, "delta": text});
                let kind = "response.output_text.delta";
                events.extend(message.deltas.iter().map(|text| event(kind, delta(text))));
            }
            _ => {
                let pieces = call.next().map_or(1, |call| call.pieces);
                let arguments = item["arguments"].as_str().unwrap_or("");
                events.extend(
                    split(arguments, pieces).iter().map(|piece| {
                        event("response.function_call_arguments.delta", json!({"delta": piece}))
                    }),
                );
                let whole = json!({"arguments": arguments});
                events.push(event("response.function_call_arguments.done", whole));
            }
        }
        events.push(event("response.output_item.done", json!({"item": item})));
    }
    if message.finished {
        let whole = document(message, request);
        let kind = if whole["status"] == "incomplete" { "response.incomplete" } else { "response.completed" };
        events.push(typed(kind, json!({"response": whole})));
    }
    events
}

fn items(message: &Message, request: &Request) -> Vec<Value> {
    let n = request.n;
    let mut items = Vec::new();
    if !message.reasoning.is_empty() {
        let summary = json!([{"type": "summary_text", "text": message.reasoning.concat()}]);
        items.push(json!({"type": "reasoning", "id": format!("rs_{n}"), "summary": summary, "encrypted_content": format!("sealed-{n}")}));
    }
    if !message.deltas.is_empty() {
        let content = json!([{"type": "output_text", "text": message.deltas.concat(), "annotations": []}]);
        items.push(json!({"type": "message", "id": format!("msg_{n}"), "role": "assistant", "status": "completed", "content": content}));
    }
    for (index, call) in message.calls.iter().enumerate() {
        items.push(json!({
            "type": "function_call",
            "id": format!("fc_{n}_{index}"),
            "call_id": id_of(call, index, request),
            "name": call.name,
            "arguments": call.arguments,
            "status": "completed",
        }));
    }
    items
}

fn head(request: &Request) -> Value {
    json!({
        "id": format!("resp_{}", request.n),
        "object": "response",
        "status": "in_progress",
        "model": model(request),
        "output": [],
        "usage": null,
        "error": null,
        "incomplete_details": null,
    })
}

fn counts(usage: Usage) -> Value {
    json!({
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.prompt + usage.completion,
    })
}
