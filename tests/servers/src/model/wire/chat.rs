//! A message in the wire format of the chat completions API.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{id_of, model};
use crate::model::reply::{Message, Usage, split};
use crate::model::request::Request;

/// The creation time in every answer, in Unix seconds: fixed, so that transcripts can be compared.
const CREATED: u64 = 1_750_000_000;

/// The answer as one JSON document.
pub(super) fn document(message: &Message, request: &Request) -> Bytes {
    let mut answer = Map::new();
    answer.insert("role".into(), "assistant".into());
    let text = message.deltas.concat();
    let empty = message.deltas.is_empty();
    answer.insert("content".into(), if empty { Value::Null } else { text.into() });
    if !message.reasoning.is_empty() {
        answer.insert("reasoning_content".into(), message.reasoning.concat().into());
    }
    if !message.calls.is_empty() {
        let calls = message.calls.iter().enumerate().map(|(index, call)| {
            let function = json!({"name": call.name, "arguments": call.arguments});
            json!({"id": id_of(call, index, request), "type": "function", "function": function})
        });
        answer.insert("tool_calls".into(), calls.collect());
    }
    let choice = json!({"index": 0, "message": answer, "finish_reason": finish(message)});
    let mut whole = envelope("chat.completion", &json!([choice]), request);
    if let Some(usage) = message.usage {
        whole["usage"] = counts(usage);
    }
    Bytes::from(whole.to_string())
}

/// The answer as server-sent events, one element for each.
pub(super) fn events(message: &Message, request: &Request) -> Vec<Bytes> {
    let mut events = vec![delta(&json!({"role": "assistant", "content": ""}), request)];
    events.extend(message.reasoning.iter().map(|text| delta(&json!({"reasoning_content": text}), request)));
    events.extend(message.deltas.iter().map(|text| delta(&json!({"content": text}), request)));
    for (index, call) in message.calls.iter().enumerate() {
        for (n, piece) in split(&call.arguments, call.pieces).iter().enumerate() {
            // Only the first delta of a call names it; the others are found by the index.
            let call = if n == 0 {
                let function = json!({"name": call.name, "arguments": piece});
                json!({"index": index, "id": id_of(call, index, request), "type": "function", "function": function})
            } else {
                json!({"index": index, "function": {"arguments": piece}})
            };
            events.push(delta(&json!({"tool_calls": [call]}), request));
        }
    }
    if message.finished {
        let choice = json!({"index": 0, "delta": {}, "finish_reason": finish(message)});
        events.push(event(&envelope("chat.completion.chunk", &json!([choice]), request)));
    }
    if let (Some(usage), true) = (message.usage, request.wants_usage()) {
        let mut last = envelope("chat.completion.chunk", &json!([]), request);
        last["usage"] = counts(usage);
        events.push(event(&last));
    }
    if message.done {
        events.push(Bytes::from_static(b"data: [DONE]\n\n"));
    }
    events
}

fn delta(delta: &Value, request: &Request) -> Bytes {
    let choice = json!({"index": 0, "delta": delta, "finish_reason": null});
    event(&envelope("chat.completion.chunk", &json!([choice]), request))
}

fn event(value: &Value) -> Bytes {
    Bytes::from(format!("data: {value}\n\n"))
}

fn envelope(object: &str, choices: &Value, request: &Request) -> Value {
    json!({
        "id": format!("chatcmpl-{}", request.n),
        "object": object,
        "created": CREATED,
        "model": model(request),
        "choices": choices,
    })
}

fn finish(message: &Message) -> Value {
    match (&message.finish, message.finished) {
        (_, false) => Value::Null,
        (Some(reason), true) => reason.clone().into(),
        (None, true) => if message.calls.is_empty() { "stop" } else { "tool_calls" }.into(),
    }
}

fn counts(usage: Usage) -> Value {
    json!({
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
    })
}
