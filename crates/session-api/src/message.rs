//! Messages of a session's history.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{BlobId, MessageId, PrincipalId, Timestamp, TurnId};

/// Who a message is from, in the sense of the model's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A person, a job, or a subagent's result.
    User,
    /// The model.
    Assistant,
    /// Results of the tool calls of the assistant message before it.
    Tool,
}

/// The id that a model gave to one of its tool calls. Unique within one reply.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub String);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A tool call as the model wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Its id.
    pub id: CallId,
    /// The tool's name.
    pub name: String,
    /// The arguments, byte for byte as the model wrote them. Normally a JSON object, but nobody has checked it yet.
    pub arguments: String,
}

/// How a tool call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolStatus {
    /// It did what was asked.
    Ok,
    /// It did not; the content says why.
    Error,
    /// It was started and nobody knows how it ended. It must not be repeated unasked.
    Unknown,
}

/// How much a tool's result matters when room is short: what matters less is cut first, when it comes in and whenever it
/// is shown again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Importance {
    /// Cut it first: it can be had again, or is soon out of date.
    Low,
    /// As usual.
    #[default]
    Normal,
    /// Keep as much of it as possible.
    High,
}

impl Importance {
    /// Whether nothing needs to be said about it.
    #[must_use]
    pub fn is_normal(&self) -> bool {
        *self == Self::Normal
    }
}

/// The answer to a tool call. Every call in a stored history has exactly one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResult {
    /// Which call it answers.
    pub call_id: CallId,
    /// The tool's name, for readers.
    pub name: String,
    /// How it ended.
    pub status: ToolStatus,
    /// What the model gets to read: text and images.
    pub content: Vec<Part>,
    /// The whole result, where `content` holds only its beginning.
    pub whole: Option<BlobId>,
    /// How much it matters; results from before tools said so matter as usual.
    #[serde(default, skip_serializing_if = "Importance::is_normal")]
    pub importance: Importance,
}

impl ToolResult {
    /// A result that is all there and matters as usual.
    #[must_use]
    pub fn new(call_id: CallId, name: String, status: ToolStatus, content: Vec<Part>) -> Self {
        Self { call_id, name, status, content, whole: None, importance: Importance::Normal }
    }
}

/// A piece of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Part {
    /// Text.
    Text {
        /// The text.
        text: String,
    },
    /// An image in the blob store.
    Image {
        /// Its bytes.
        blob: BlobId,
        /// Its media type, such as `image/png`.
        mime: String,
    },
    /// Any other file in the blob store.
    File {
        /// Its bytes.
        blob: BlobId,
        /// Its media type.
        mime: String,
        /// A safe base name.
        name: String,
    },
    /// The model wants a tool called (assistant messages only).
    ToolCall(ToolCall),
    /// A tool's answer (tool messages only).
    ToolResult(ToolResult),
    /// What the model thought aloud; shown, not part of the answer.
    Reasoning {
        /// The text.
        text: String,
    },
    /// Something a provider wants back unchanged with the next request, such as signed reasoning.
    Opaque {
        /// The wire format that understands it; others leave it out.
        format: String,
        /// Its content.
        data: serde_json::Value,
    },
    /// A mark: what follows in this message, or this tool's result, was written outside (see
    /// [`Outside`](crate::Outside)). No model reads it.
    Outside {
        /// What it came through, such as a tool's name.
        through: String,
    },
}

impl Part {
    /// A text part.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }

    /// The text of a text part.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text { text } => Some(text),
            _ => None,
        }
    }
}

/// One message of a session. Immutable once committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Who it is from.
    pub role: Role,
    /// Who said it, for `Role::User`.
    pub principal: Option<PrincipalId>,
    /// The turn that added it.
    pub turn: TurnId,
    /// When.
    pub at: Timestamp,
    /// What it says.
    pub parts: Vec<Part>,
}

impl Message {
    /// All text parts, joined by line ends. Reasoning is not text.
    #[must_use]
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self.parts.iter().filter_map(Part::as_text).collect();
        texts.join("\n")
    }

    /// As [`text`](Self::text), with the text that the model read of each tool result.
    #[must_use]
    pub fn readable(&self) -> String {
        let mut texts = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text { text } => texts.push(text.as_str()),
                Part::ToolResult(result) => texts.extend(result.content.iter().filter_map(Part::as_text)),
                _ => {}
            }
        }
        texts.join("\n")
    }

    /// The tool calls it holds, in order.
    pub fn tool_calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.parts.iter().filter_map(|part| match part {
            Part::ToolCall(call) => Some(call),
            _ => None,
        })
    }

    /// The tool results it holds, in order.
    pub fn tool_results(&self) -> impl Iterator<Item = &ToolResult> {
        self.parts.iter().filter_map(|part| match part {
            Part::ToolResult(result) => Some(result),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_from_before_tools_spoke_of_importance_is_read() {
        let old = r#"{"call_id":"1","name":"look","status":"ok","content":[],"whole":null}"#;
        let read: ToolResult = serde_json::from_str(old).unwrap();
        assert_eq!(read.importance, Importance::Normal);
        assert_eq!(serde_json::to_string(&read).unwrap(), old);
        let low = ToolResult { importance: Importance::Low, ..read };
        let again: ToolResult = serde_json::from_str(&serde_json::to_string(&low).unwrap()).unwrap();
        assert_eq!(again, low);
    }
}
