//! From a [`ModelRequest`] to the bytes of a request.
//!
//! The server stores nothing (`store` is false), so that each request holds the whole conversation. The order is fixed and
//! puts first what changes least, so that the bytes before the newest message are the same from turn to turn.

use std::borrow::Cow;

use agent_core::ModelRequest;
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};
use serde_json::Value;
use session_api::{Effort, Message, Part, Role, ToolCall, ToolResult};
use tool_api::ToolSpec;

use super::{
    KIND,
    config::{ResponsesConfig, Summary},
};
use crate::{
    exchange::extra,
    exchange::parts::{DataUrl, Piece, Sight, arguments, call_id, name, silent},
    table,
};

/// The media types of files that the format knows.
pub(super) const FILES: &[&str] = &["application/pdf"];

/// The body of a request for a response.
pub(super) struct Body<'a> {
    pub(super) request: &'a ModelRequest,
    pub(super) config: &'a ResponsesConfig,
    /// The server, for thoughts that only the server which sealed them may get back.
    pub(super) from: &'a str,
}

impl Body<'_> {
    fn thinks(&self) -> bool {
        let model = self.request.model.rsplit('/').next().unwrap_or_default();
        let known = || table::vendor("openai").and_then(|vendor| table::find(vendor.models, model));
        self.config.reasoning.unwrap_or_else(|| known().is_none_or(|model| model.reasoning))
    }
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Reasoning<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            effort: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            summary: Option<Summary>,
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("model", &self.request.model)?;
        map.serialize_entry("stream", &self.config.stream)?;
        map.serialize_entry("store", &false)?;
        if self.thinks() {
            map.serialize_entry("include", &["reasoning.encrypted_content"])?;
            let wanted = self.request.effort.map(|effort| match effort {
                Effort::Off => "none",
                effort => effort.as_str(),
            });
            let effort = wanted.or(self.config.reasoning_effort.as_deref());
            let summary = self.config.reasoning_summary;
            if effort.is_some() || summary.is_some() {
                map.serialize_entry("reasoning", &Reasoning { effort, summary })?;
            }
        }
        if let Some(limit) = self.request.max_output_tokens {
            map.serialize_entry("max_output_tokens", &limit)?;
        }
        extra::write(&self.config.extra_body, &mut map)?;
        if !self.request.tools.is_empty() || !self.config.server_tools.is_empty() {
            map.serialize_entry("tools", &Tools(&self.request.tools, &self.config.server_tools))?;
        }
        if !self.request.system.is_empty() {
            map.serialize_entry("instructions", &*self.request.system)?;
        }
        map.serialize_entry("input", &self.items())?;
        map.end()
    }
}

struct Tools<'a>(&'a [ToolSpec], &'a [Value]);

impl Serialize for Tools<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Tool<'a> {
            r#type: &'static str,
            name: &'a str,
            description: &'a str,
            parameters: &'a Value,
            /// Without it the server rewrites the schema.
            strict: bool,
        }
        let mut specs: Vec<&ToolSpec> = self.0.iter().collect();
        specs.sort_by(|a, b| a.name.cmp(&b.name));
        let mut list = serializer.serialize_seq(Some(self.1.len() + specs.len()))?;
        self.1.iter().try_for_each(|tool| list.serialize_element(tool))?;
        for spec in specs {
            list.serialize_element(&Tool {
                r#type: "function",
                name: &spec.name,
                description: &spec.description,
                parameters: &spec.parameters,
                strict: false,
            })?;
        }
        list.end()
    }
}

/// An entry of the input.
enum Item<'a> {
    User(Vec<Piece<'a>>),
    Said {
        text: Cow<'a, str>,
        phase: Option<&'a Value>,
    },
    Call(&'a ToolCall),
    Answer {
        result: &'a ToolResult,
        pieces: Vec<Piece<'a>>,
    },
    /// A thought that the server wants back as it was.
    Kept(&'a Value),
}

/// The field `key` of an opaque part that came from the server `from` in this format.
fn kept<'a>(part: &'a Part, from: &str, key: &str) -> Option<&'a Value> {
    match part {
        Part::Opaque { format, data } if format == KIND && data["from"] == from => {
            data.get(key).filter(|value| !value.is_null())
        }
        _ => None,
    }
}

impl<'a> Body<'a> {
    fn items(&self) -> Vec<Item<'a>> {
        let sight = Sight { blobs: &self.request.blobs, images: self.config.images, files: FILES };
        let mut items = Vec::with_capacity(self.request.messages.len() * 2);
        // Where results hold only text, their images wait until all results of one reply have been written.
        let mut with_images: Vec<&ToolResult> = Vec::new();
        for message in self.request.messages.iter() {
            if message.role != Role::Tool && !with_images.is_empty() {
                items.push(images_of(&std::mem::take(&mut with_images), &sight));
            }
            match message.role {
                Role::User => items.push(Item::User(sight.pieces(&message.parts))),
                Role::Assistant => self.assistant(message, &sight, &mut items),
                Role::Tool => {
                    for result in message.tool_results() {
                        items.push(self.answer(result, &sight));
                        if !self.config.tool_result_images && result.content.iter().any(is_image) {
                            with_images.push(result);
                        }
                    }
                }
            }
        }
        if !with_images.is_empty() {
            items.push(images_of(&with_images, &sight));
        }
        items
    }

    fn assistant(&self, message: &'a Message, sight: &Sight<'a>, items: &mut Vec<Item<'a>>) {
        let begin = items.len();
        let mut phase = None;
        for part in &message.parts {
            match part {
                Part::ToolCall(call) => items.push(Item::Call(call)),
                Part::Opaque { .. } => {
                    items.extend(kept(part, self.from, "item").map(Item::Kept));
                    phase = kept(part, self.from, "phase").or(phase);
                }
                part => match sight.piece(part) {
                    Some(Piece::Text(text)) => {
                        items.push(Item::Said { text: Cow::Borrowed(text), phase: phase.take() });
                    }
                    Some(Piece::Note(note)) => items.push(Item::Said { text: Cow::Owned(note), phase: None }),
                    _ => {}
                },
            }
        }
        // The server refuses a thought that nothing follows; without anything else this message said nothing.
        while items.len() > begin && matches!(items.last(), Some(Item::Kept(_))) {
            items.pop();
        }
        if items.len() == begin {
            items.push(Item::Said { text: Cow::Borrowed("(no text)"), phase: None });
        }
    }

    fn answer(&self, result: &'a ToolResult, sight: &Sight<'a>) -> Item<'a> {
        let pieces = result.content.iter().filter_map(|part| match part {
            Part::Image { .. } if !self.config.tool_result_images => {
                Some(Piece::Note("[an image: see the user message after the results]".into()))
            }
            part => sight.piece(part),
        });
        Item::Answer { result, pieces: pieces.collect() }
    }
}

fn is_image(part: &Part) -> bool {
    matches!(part, Part::Image { .. })
}

/// The images of tool results as a message of the user, for servers whose results can hold only text.
fn images_of<'a>(results: &[&'a ToolResult], sight: &Sight<'a>) -> Item<'a> {
    let mut pieces = Vec::new();
    for result in results {
        pieces.push(Piece::Note(format!(
            "[images from the result of `{}` ({}):]",
            result.name, result.call_id
        )));
        pieces
            .extend(result.content.iter().filter(|part| is_image(part)).filter_map(|part| sight.piece(part)));
    }
    Item::User(pieces)
}

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Item::Kept(item) = self {
            return item.serialize(serializer);
        }
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::User(pieces) => {
                map.serialize_entry("role", "user")?;
                let empty = [Piece::Text("(empty)")];
                map.serialize_entry("content", &Pieces(if pieces.is_empty() { &empty } else { pieces }))?;
            }
            Self::Said { text, phase } => {
                map.serialize_entry("role", "assistant")?;
                map.serialize_entry("content", text)?;
                if let Some(phase) = phase {
                    map.serialize_entry("phase", phase)?;
                }
            }
            Self::Call(call) => {
                map.serialize_entry("type", "function_call")?;
                map.serialize_entry("call_id", &call_id(&call.id.0))?;
                map.serialize_entry("name", &name(&call.name))?;
                map.serialize_entry("arguments", &arguments(&call.arguments))?;
            }
            Self::Answer { result, pieces } => {
                map.serialize_entry("type", "function_call_output")?;
                map.serialize_entry("call_id", &call_id(&result.call_id.0))?;
                match pieces.as_slice() {
                    [] => map.serialize_entry("output", silent(result.status))?,
                    [Piece::Text(text)] => map.serialize_entry("output", text)?,
                    pieces => map.serialize_entry("output", &Pieces(pieces))?,
                }
            }
            Self::Kept(_) => {}
        }
        map.end()
    }
}

struct Pieces<'a>(&'a [Piece<'a>]);

impl Serialize for Pieces<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Listed))
    }
}

struct Listed<'a>(&'a Piece<'a>);

impl Serialize for Listed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            Piece::Text(text) => {
                map.serialize_entry("type", "input_text")?;
                map.serialize_entry("text", text)?;
            }
            Piece::Note(note) => {
                map.serialize_entry("type", "input_text")?;
                map.serialize_entry("text", note)?;
            }
            Piece::Image { mime, bytes } => {
                map.serialize_entry("type", "input_image")?;
                map.serialize_entry("image_url", &DataUrl { mime, bytes })?;
            }
            Piece::File { mime, name, bytes } => {
                map.serialize_entry("type", "input_file")?;
                map.serialize_entry("filename", name)?;
                map.serialize_entry("file_data", &DataUrl { mime, bytes })?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
