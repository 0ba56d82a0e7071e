//! The blocks of which messages are made.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Value, value::RawValue};
use session_api::{Part, ToolCall, ToolResult, ToolStatus};

use super::KIND;
use crate::exchange::parts::{Base64, Piece, Sight, arguments, call_id, name, silent};

/// The media types of images that the format knows.
const IMAGES: &[&str] = &["image/jpeg", "image/png", "image/gif", "image/webp"];

/// The media types of files that the format knows as documents.
pub(super) const FILES: &[&str] = &[PDF, TEXT];
const PDF: &str = "application/pdf";
const TEXT: &str = "text/plain";

/// One block of a message.
pub(super) enum Block<'a> {
    Piece(Piece<'a>),
    Call(&'a ToolCall),
    Result {
        result: &'a ToolResult,
        pieces: Vec<Piece<'a>>,
    },
    /// A block that the server wants back as it was.
    Kept(&'a Value),
}

/// A block that the server made, if `part` is one that came from the server `from`: signatures mean nothing to others.
pub(super) fn kept<'a>(part: &'a Part, from: &str) -> Option<&'a Value> {
    match part {
        Part::Opaque { format, data } if format == KIND && data["from"] == from => {
            data.get("block").filter(|block| block.is_object())
        }
        _ => None,
    }
}

impl<'a> Block<'a> {
    pub(super) fn text(text: &'a str) -> Self {
        Self::Piece(Piece::Text(text))
    }

    pub(super) fn result(result: &'a ToolResult, sight: &Sight<'a>) -> Self {
        let mut pieces = sight.pieces(&result.content);
        pieces.retain(is_said);
        Self::Result { result, pieces }
    }

    /// Whether it is a thought. Those can bear no mark for the cache.
    pub(super) fn is_kept(&self) -> bool {
        matches!(self, Self::Kept(_))
    }
}

/// Whether it is more than white space, which the server refuses.
pub(super) fn is_said(piece: &Piece<'_>) -> bool {
    !matches!(piece, Piece::Text(text) if text.trim().is_empty())
}

/// A mark behind which the server should remember what stands before it.
#[derive(Serialize)]
pub(super) struct Mark {
    r#type: &'static str,
}

impl Mark {
    pub(super) const HERE: Self = Self { r#type: "ephemeral" };
}

/// A block as it is written, marked or not.
pub(super) struct Marked<'a> {
    pub(super) block: &'a Block<'a>,
    pub(super) mark: bool,
}

impl Serialize for Marked<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.block {
            Block::Kept(block) => {
                for (key, value) in block.as_object().into_iter().flatten() {
                    map.serialize_entry(key, value)?;
                }
            }
            Block::Piece(piece) => write(piece, &mut map)?,
            Block::Call(call) => {
                map.serialize_entry("type", "tool_use")?;
                map.serialize_entry("id", &call_id(&call.id.0))?;
                map.serialize_entry("name", &name(&call.name))?;
                let arguments = arguments(&call.arguments);
                let input: &RawValue =
                    serde_json::from_str(arguments.trim()).map_err(serde::ser::Error::custom)?;
                map.serialize_entry("input", input)?;
            }
            Block::Result { result, pieces } => {
                map.serialize_entry("type", "tool_result")?;
                map.serialize_entry("tool_use_id", &call_id(&result.call_id.0))?;
                match pieces.as_slice() {
                    [] => map.serialize_entry("content", silent(result.status))?,
                    [Piece::Text(text)] => map.serialize_entry("content", text)?,
                    pieces => map.serialize_entry("content", &Pieces(pieces))?,
                }
                if result.status != ToolStatus::Ok {
                    map.serialize_entry("is_error", &true)?;
                }
            }
        }
        if self.mark {
            map.serialize_entry("cache_control", &Mark::HERE)?;
        }
        map.end()
    }
}

struct Pieces<'a>(&'a [Piece<'a>]);

impl Serialize for Pieces<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Alone))
    }
}

struct Alone<'a>(&'a Piece<'a>);

impl Serialize for Alone<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        write(self.0, &mut map)?;
        map.end()
    }
}

/// Where bytes or text come from.
#[derive(Serialize)]
struct Source<'a, D: Serialize> {
    r#type: &'static str,
    media_type: &'a str,
    data: D,
}

fn write<M: SerializeMap>(piece: &Piece<'_>, map: &mut M) -> Result<(), M::Error> {
    match piece {
        Piece::Text(text) => say(text, map),
        Piece::Note(note) => say(note, map),
        Piece::Image { mime, bytes } if IMAGES.contains(mime) => {
            map.serialize_entry("type", "image")?;
            map.serialize_entry("source", &Source { r#type: "base64", media_type: mime, data: Base64(bytes) })
        }
        Piece::Image { mime, .. } => {
            say(&format!("[an image is not sent: this format knows no {mime}]"), map)
        }
        Piece::File { mime, name, bytes } => {
            map.serialize_entry("type", "document")?;
            if *mime == PDF {
                let source = Source { r#type: "base64", media_type: PDF, data: Base64(bytes) };
                map.serialize_entry("source", &source)?;
            } else {
                let data = String::from_utf8_lossy(bytes);
                map.serialize_entry("source", &Source { r#type: "text", media_type: TEXT, data })?;
            }
            map.serialize_entry("title", name)
        }
    }
}

fn say<M: SerializeMap>(text: &str, map: &mut M) -> Result<(), M::Error> {
    map.serialize_entry("type", "text")?;
    map.serialize_entry("text", text)
}
