//! The content of a message: a string where there is only text, else a list of parts.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::exchange::parts::{DataUrl, Piece};

/// What a message says and shows; not nothing, which many servers refuse.
pub(super) struct Content<'a>(pub(super) &'a [Piece<'a>]);

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            [Piece::Text(text)] => serializer.serialize_str(text),
            pieces if pieces.iter().any(|piece| matches!(piece, Piece::Image { .. })) => {
                serializer.collect_seq(pieces.iter().map(Listed))
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
                Piece::Image { .. } | Piece::File { .. } => {}
            }
        }
        Ok(())
    }
}

/// A piece as an entry of a list.
struct Listed<'a>(&'a Piece<'a>);

impl Serialize for Listed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Url<'a> {
            url: DataUrl<'a>,
        }
        #[derive(Serialize)]
        struct File<'a> {
            filename: &'a str,
            file_data: DataUrl<'a>,
        }
        let mut map = serializer.serialize_map(Some(2))?;
        match self.0 {
            Piece::Text(text) => {
                map.serialize_entry("type", "text")?;
                map.serialize_entry("text", text)?;
            }
            Piece::Note(note) => {
                map.serialize_entry("type", "text")?;
                map.serialize_entry("text", note)?;
            }
            Piece::Image { mime, bytes } => {
                map.serialize_entry("type", "image_url")?;
                map.serialize_entry("image_url", &Url { url: DataUrl { mime, bytes } })?;
            }
            Piece::File { mime, name, bytes } => {
                map.serialize_entry("type", "file")?;
                let file = File { filename: name, file_data: DataUrl { mime, bytes } };
                map.serialize_entry("file", &file)?;
            }
        }
        map.end()
    }
}
