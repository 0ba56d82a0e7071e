//! Entries of the corpus, which are written as chat completions, in the words of the other formats.

use serde_json::{Value, json};

/// The chunks of an entry with each event said in the format of `kind`. What is no event of chat completions stays.
pub(crate) fn chunks(input: &Value, kind: &str) -> Value {
    let mut say = Say { kind: kind.to_owned(), next: 0 };
    let chunks = input["chunks"].as_array().unwrap().iter().map(|chunk| {
        let said: String =
            chunk.as_str().unwrap().split_inclusive("\n\n").map(|event| say.event(event)).collect();
        Value::String(said)
    });
    let chunks: Vec<Value> = chunks.collect();
    let mut input = input.clone();
    input["chunks"] = chunks.into();
    input
}

struct Say {
    kind: String,
    /// The next index of a block or item.
    next: u64,
}

impl Say {
    fn event(&mut self, event: &str) -> String {
        let Some(data) = event.strip_prefix("data: ").map(str::trim) else { return event.to_owned() };
        if data == "[DONE]" && self.kind == "anthropic" {
            return frame(&json!({"type": "message_stop"}));
        }
        let Some(choice) =
            serde_json::from_str::<Value>(data).ok().and_then(|chunk| chunk.get("choices").cloned())
        else {
            return event.to_owned();
        };
        let choice = &choice[0];
        let mut out = String::new();
        if let Some(text) = choice["delta"]["content"].as_str() {
            out.push_str(&self.text(text));
        }
        for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            out.push_str(&self.call(call));
        }
        if let Some(reason) = choice["finish_reason"].as_str() {
            out.push_str(&self.end(reason));
        }
        out
    }

    fn text(&mut self, text: &str) -> String {
        if self.kind == "anthropic" {
            let begin = json!({"type": "content_block_start", "index": self.next, "content_block": {"type": "text", "text": ""}});
            let delta = json!({"type": "content_block_delta", "index": self.next, "delta": {"type": "text_delta", "text": text}});
            let stop = json!({"type": "content_block_stop", "index": self.next});
            self.next += 1;
            return [begin, delta, stop].iter().map(frame).collect();
        }
        frame(&json!({"type": "response.output_text.delta", "output_index": 0, "delta": text}))
    }

    /// At the index that the entry says, also where two calls share one.
    fn call(&mut self, call: &Value) -> String {
        let (index, id) = (&call["index"], &call["id"]);
        let (name, arguments) = (&call["function"]["name"], &call["function"]["arguments"]);
        if self.kind == "anthropic" {
            let block = json!({"type": "tool_use", "id": id, "name": name, "input": {}});
            let delta = json!({"type": "input_json_delta", "partial_json": arguments});
            return [
                json!({"type": "content_block_start", "index": index, "content_block": block}),
                json!({"type": "content_block_delta", "index": index, "delta": delta}),
            ]
            .iter()
            .map(frame)
            .collect();
        }
        let item = json!({"type": "function_call", "call_id": id, "name": name, "arguments": arguments});
        frame(&json!({"type": "response.output_item.done", "output_index": index, "item": item}))
    }

    fn end(&self, reason: &str) -> String {
        if self.kind == "anthropic" {
            let reason = if reason == "tool_calls" { "tool_use" } else { "end_turn" };
            return frame(
                &json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 1}}),
            );
        }
        let usage = json!({"input_tokens": 1, "output_tokens": 1});
        frame(&json!({"type": "response.completed", "response": {"status": "completed", "usage": usage}}))
    }
}

fn frame(event: &Value) -> String {
    format!("data: {event}\n\n")
}
