//! What the server recorded of a request.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use super::wire::Format;

/// One request as it arrived, whole.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `POST` …
    pub method: String,
    /// The path without the query, such as `/v1/chat/completions`; it says the wire format.
    pub path: String,
    /// What stood after the question mark.
    pub query: Option<String>,
    /// The headers by lower-case name; of a repeated one the last.
    pub headers: BTreeMap<String, String>,
    /// The body, `null` when it is not JSON.
    pub body: Value,
    /// The body's bytes.
    pub raw: Bytes,
    /// The how-manieth request for a completion this is, from 0.
    pub n: usize,
}

impl Request {
    /// The format it is written in.
    pub(super) fn format(&self) -> Format {
        Format::of(&self.path).unwrap_or(Format::Chat)
    }

    /// The conversation that was sent.
    #[must_use]
    pub fn messages(&self) -> &[Value] {
        let key = if self.format() == Format::Responses { "input" } else { "messages" };
        self.body[key].as_array().map_or(&[], Vec::as_slice)
    }

    /// The roles of the conversation, in order; of an item without a role, its type.
    #[must_use]
    pub fn roles(&self) -> Vec<&str> {
        let key = |message: &Value| if message["role"].is_string() { "role" } else { "type" };
        self.messages().iter().map(|message| message[key(message)].as_str().unwrap_or("")).collect()
    }

    /// The text of the newest message of the user; text parts are joined by a line feed.
    #[must_use]
    pub fn last_user_text(&self) -> Option<String> {
        self.messages().iter().rev().find(|message| message["role"] == "user").map(text_of)
    }

    /// The results that stand after the newest message which is no result: (call id, text), in order.
    #[must_use]
    pub fn tool_results(&self) -> Vec<(String, String)> {
        let messages = self.messages();
        if self.format() == Format::Messages {
            let blocks = messages.last().and_then(|last| last["content"].as_array());
            let results = blocks.into_iter().flatten().filter(|block| block["type"] == "tool_result");
            return results.map(|result| result_of(result, "tool_use_id", "content")).collect();
        }
        let (kind, what, id, content) = match self.format() {
            Format::Responses => ("type", "function_call_output", "call_id", "output"),
            _ => ("role", "tool", "tool_call_id", "content"),
        };
        let end = messages.iter().rposition(|message| message[kind] != what).map_or(0, |index| index + 1);
        messages[end..].iter().map(|message| result_of(message, id, content)).collect()
    }

    /// The names of the offered tools.
    #[must_use]
    pub fn tools(&self) -> Vec<&str> {
        let tools = self.body["tools"].as_array().map_or(&[] as &[Value], Vec::as_slice);
        tools.iter().filter_map(|tool| tool["function"]["name"].as_str().or(tool["name"].as_str())).collect()
    }

    /// Whether a stream was asked for.
    #[must_use]
    pub fn wants_stream(&self) -> bool {
        self.body["stream"] == true
    }

    /// Whether usage was asked for at the end of the stream.
    #[must_use]
    pub fn wants_usage(&self) -> bool {
        self.body["stream_options"]["include_usage"] == true
    }

    /// A header by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The key after `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }
}

fn result_of(message: &Value, id: &str, content: &str) -> (String, String) {
    (message[id].as_str().unwrap_or("").to_owned(), text_in(&message[content]))
}

fn text_of(message: &Value) -> String {
    text_in(&message["content"])
}

fn text_in(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}
