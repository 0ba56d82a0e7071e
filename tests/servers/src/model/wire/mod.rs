//! A message in the wire format that the request is written in.

mod chat;
mod messages;
mod responses;

use bytes::Bytes;
use serde_json::{Value, json};

use super::reply::{Call, Message};
use super::request::Request;

/// A wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Chat completions.
    Chat,
    /// Anthropic Messages.
    Messages,
    /// Responses.
    Responses,
}

impl Format {
    /// The format that is spoken at `path`.
    pub(super) fn of(path: &str) -> Option<Self> {
        match path {
            "/v1/chat/completions" => Some(Self::Chat),
            "/v1/messages" => Some(Self::Messages),
            "/v1/responses" => Some(Self::Responses),
            _ => None,
        }
    }
}

/// The answer as server-sent events, one element for each.
pub(super) fn events(message: &Message, request: &Request) -> Vec<Bytes> {
    match request.format() {
        Format::Chat => chat::events(message, request),
        Format::Messages => messages::events(message, request),
        Format::Responses => responses::events(message, request),
    }
}

/// The answer as one JSON document.
pub(super) fn document(message: &Message, request: &Request) -> Bytes {
    match request.format() {
        Format::Chat => chat::document(message, request),
        Format::Messages => Bytes::from(messages::document(message, request).to_string()),
        Format::Responses => Bytes::from(responses::document(message, request).to_string()),
    }
}

fn model(request: &Request) -> &str {
    request.body["model"].as_str().unwrap_or("scripted")
}

fn id_of(call: &Call, index: usize, request: &Request) -> String {
    call.id.clone().unwrap_or_else(|| format!("call_{}_{index}", request.n))
}

/// An event that says its type both ways, as newer formats do.
fn typed(kind: &str, mut event: Value) -> Bytes {
    event["type"] = json!(kind);
    Bytes::from(format!("event: {kind}\ndata: {event}\n\n"))
}
