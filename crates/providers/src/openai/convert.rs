//! From a [`ModelRequest`] to the bytes of a request.
//!
//! Nothing is copied on the way: the serialisers borrow. The order is fixed and puts first what changes least, so that
//! the bytes before the newest message are the same from turn to turn and the server's cache of prompts holds.

use std::{borrow::Cow, fmt};

use agent_core::ModelRequest;
use base64::{display::Base64Display, engine::general_purpose::STANDARD};
use serde::{
    Serialize, Serializer,
    de::IgnoredAny,
    ser::{SerializeMap, SerializeSeq},
};
use session_api::{Message, Part, Role, ToolCall, ToolResult, ToolStatus};
use tool_api::ToolSpec;

use super::config::OpenAiConfig;

/// The body of a request for a completion.
pub(super) struct Body<'a> {
    pub(super) request: &'a ModelRequest,
    pub(super) config: &'a OpenAiConfig,
    /// The field for the limit of tokens, if there is a limit.
    pub(super) limit_field: &'static str,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("model", &self.request.model)?;
        map.serialize_entry("stream", &true)?;
        if self.config.stream_usage {
            map.serialize_entry("stream_options", &StreamOptions { include_usage: true })?;
        }
        if let Some(limit) = self.request.max_output_tokens {
            map.serialize_entry(self.limit_field, &limit)?;
        }
        if !self.request.tools.is_empty() {
            map.serialize_entry("tools", &Tools(&self.request.tools))?;
        }
        map.serialize_entry("messages", &Messages(self))?;
        map.end()
    }
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

struct Tools<'a>(&'a [ToolSpec]);

impl Serialize for Tools<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Tool<'a> {
            r#type: &'static str,
            function: Function<'a>,
        }
        #[derive(Serialize)]
        struct Function<'a> {
            name: &'a str,
            description: &'a str,
            parameters: &'a serde_json::Value,
        }
        let mut specs: Vec<&ToolSpec> = self.0.iter().collect();
        specs.sort_by(|a, b| a.name.cmp(&b.name));
        serializer.collect_seq(specs.into_iter().map(|spec| Tool {
            r#type: "function",
            function: Function {
                name: &spec.name,
                description: &spec.description,
                parameters: &spec.parameters,
            },
        }))
    }
}

struct Messages<'a>(&'a Body<'a>);

impl Serialize for Messages<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let body = self.0;
        let mut list = serializer.serialize_seq(None)?;
        if !body.request.system.is_empty() {
            list.serialize_element(&Plain {
                role: "system",
                content: Content(vec![Piece::Text(&body.request.system)]),
            })?;
        }
        // Results must follow their calls without anything in between, so their images wait until all have been
        // written, even where each result is a message of its own.
        let mut with_images: Vec<&ToolResult> = Vec::new();
        for message in body.request.messages.iter() {
            if message.role != Role::Tool && !with_images.is_empty() {
                list.serialize_element(&body.images_of(&std::mem::take(&mut with_images)))?;
            }
            match message.role {
                Role::User => {
                    list.serialize_element(&Plain {
                        role: "user",
                        content: body.content(&message.parts).or("(empty)"),
                    })?;
                }
                Role::Assistant => list.serialize_element(&Assistant { message, body })?,
                Role::Tool => {
                    for result in message.tool_results() {
                        list.serialize_element(&Answer { result, body })?;
                        if result.content.iter().any(|part| matches!(part, Part::Image { .. })) {
                            with_images.push(result);
                        }
                    }
                }
            }
        }
        if !with_images.is_empty() {
            list.serialize_element(&body.images_of(&with_images))?;
        }
        list.end()
    }
}

impl Body<'_> {
    fn content<'a>(&'a self, parts: &'a [Part]) -> Content<'a> {
        Content(parts.iter().filter_map(|part| self.piece(part)).collect())
    }

    fn piece<'a>(&'a self, part: &'a Part) -> Option<Piece<'a>> {
        match part {
            Part::Text { text } => (!text.is_empty()).then_some(Piece::Text(text)),
            Part::Image { mime, .. } if !self.config.images => Some(Piece::Note(format!(
                "[an image ({mime}) is not sent: this provider is set up as taking none]"
            ))),
            Part::Image { blob, mime } => Some(match self.request.blobs.get(blob) {
                Some(bytes) => Piece::Image { mime, bytes },
                None => Piece::Note(format!("[an image ({mime}) is not sent: its bytes are not at hand]")),
            }),
            Part::File { mime, name, .. } => Some(Piece::Note(format!(
                "[the file `{name}` ({mime}) is attached; its content is not part of this message]"
            ))),
            Part::ToolCall(_) | Part::ToolResult(_) | Part::Reasoning { .. } | Part::Opaque { .. } => None,
        }
    }

    /// The images of tool results as a message of the user: results can hold only text in this format.
    fn images_of<'a>(&'a self, results: &[&'a ToolResult]) -> Plain<'a> {
        let mut pieces = Vec::new();
        for result in results {
            pieces.push(Piece::Note(format!(
                "[images from the result of `{}` ({}):]",
                result.name, result.call_id
            )));
            let images = result.content.iter().filter(|part| matches!(part, Part::Image { .. }));
            pieces.extend(images.filter_map(|part| self.piece(part)));
        }
        Plain { role: "user", content: Content(pieces) }
    }
}

/// A message that has nothing but a content.
#[derive(Serialize)]
struct Plain<'a> {
    role: &'static str,
    content: Content<'a>,
}

struct Assistant<'a> {
    message: &'a Message,
    body: &'a Body<'a>,
}

impl Serialize for Assistant<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let calls: Vec<Call<'_>> = self.message.tool_calls().map(Call).collect();
        let content = self.body.content(&self.message.parts);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("role", "assistant")?;
        match (content.0.is_empty(), calls.is_empty()) {
            (true, false) => map.serialize_entry("content", &())?,
            _ => map.serialize_entry("content", &content.or("(no text)"))?,
        }
        if let Some(field) = self.body.config.replay_reasoning.field() {
            let thoughts: Vec<&str> = self.message.parts.iter().filter_map(reasoning).collect();
            if !thoughts.is_empty() {
                map.serialize_entry(field, &thoughts.concat())?;
            }
        }
        if !calls.is_empty() {
            map.serialize_entry("tool_calls", &calls)?;
        }
        map.end()
    }
}

fn reasoning(part: &Part) -> Option<&str> {
    match part {
        Part::Reasoning { text } => Some(text),
        _ => None,
    }
}

struct Call<'a>(&'a ToolCall);

impl Serialize for Call<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Wire<'a> {
            id: &'a str,
            r#type: &'static str,
            function: Function<'a>,
        }
        #[derive(Serialize)]
        struct Function<'a> {
            name: Cow<'a, str>,
            arguments: Cow<'a, str>,
        }
        let function = Function { name: name(&self.0.name), arguments: arguments(&self.0.arguments) };
        Wire { id: &self.0.id.0, r#type: "function", function }.serialize(serializer)
    }
}

/// A tool's name that servers accept; a model may have made one up that they refuse to read again.
fn name(name: &str) -> Cow<'_, str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name.is_empty() {
        Cow::Borrowed("unnamed")
    } else if name.len() <= 64 && name.chars().all(fits) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(name.chars().take(64).map(|c| if fits(c) { c } else { '_' }).collect())
    }
}

/// The arguments as the model wrote them, if they are a JSON object. Servers refuse a history in which they are not, so
/// anything else is wrapped; the model still sees what it wrote.
fn arguments(raw: &str) -> Cow<'_, str> {
    let text = raw.trim();
    if text.is_empty() {
        // Models write nothing where a call has no arguments, and the call ran as if this had stood there.
        Cow::Borrowed("{}")
    } else if text.starts_with('{') && serde_json::from_str::<IgnoredAny>(text).is_ok() {
        Cow::Borrowed(raw)
    } else {
        Cow::Owned(serde_json::json!({ "_invalid": raw }).to_string())
    }
}

/// A tool's answer.
struct Answer<'a> {
    result: &'a ToolResult,
    body: &'a Body<'a>,
}

impl Serialize for Answer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pieces = self.result.content.iter().filter_map(|part| match part {
            Part::Image { .. } => {
                Some(Piece::Note("[an image: see the user message after the results]".into()))
            }
            part => self.body.piece(part),
        });
        let nothing = match self.result.status {
            ToolStatus::Ok => "(no output)",
            ToolStatus::Error => "(it failed and said nothing)",
            ToolStatus::Unknown => "(it was started; how it ended is unknown)",
        };
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("role", "tool")?;
        map.serialize_entry("tool_call_id", &self.result.call_id.0)?;
        map.serialize_entry("content", &Content(pieces.collect()).or(nothing))?;
        map.end()
    }
}

enum Piece<'a> {
    Text(&'a str),
    Note(String),
    Image { mime: &'a str, bytes: &'a [u8] },
}

/// A string where there is only text, else a list of parts.
struct Content<'a>(Vec<Piece<'a>>);

impl Content<'_> {
    /// This, or a placeholder: many servers refuse an empty content.
    fn or(mut self, placeholder: &'static str) -> Self {
        if self.0.is_empty() {
            self.0.push(Piece::Text(placeholder));
        }
        self
    }
}

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [Piece::Text(text)] => serializer.serialize_str(text),
            pieces if pieces.iter().any(|piece| matches!(piece, Piece::Image { .. })) => {
                serializer.collect_seq(pieces)
            }
            pieces => serializer.collect_str(&Lines(pieces)),
        }
    }
}

struct Lines<'a>(&'a [Piece<'a>]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, piece) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            match piece {
                Piece::Text(text) => f.write_str(text)?,
                Piece::Note(note) => f.write_str(note)?,
                Piece::Image { .. } => {}
            }
        }
        Ok(())
    }
}

impl Serialize for Piece<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Url<'a> {
            url: DataUrl<'a>,
        }
        let mut map = serializer.serialize_map(Some(2))?;
        match self {
            Self::Text(text) => {
                map.serialize_entry("type", "text")?;
                map.serialize_entry("text", text)?;
            }
            Self::Note(note) => {
                map.serialize_entry("type", "text")?;
                map.serialize_entry("text", note)?;
            }
            Self::Image { mime, bytes } => {
                map.serialize_entry("type", "image_url")?;
                map.serialize_entry("image_url", &Url { url: DataUrl { mime, bytes } })?;
            }
        }
        map.end()
    }
}

struct DataUrl<'a> {
    mime: &'a str,
    bytes: &'a [u8],
}

impl Serialize for DataUrl<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!(
            "data:{};base64,{}",
            self.mime,
            Base64Display::new(self.bytes, &STANDARD)
        ))
    }
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
