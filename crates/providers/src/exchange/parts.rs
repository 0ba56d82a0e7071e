//! Pieces of a conversation, as several wire formats write them.

use std::{borrow::Cow, collections::HashMap};

use base64::{display::Base64Display, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Serialize, Serializer, de::IgnoredAny};
use session_api::{BlobId, Part, ToolStatus};

/// Something that a person or a tool said or showed.
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    Text(&'a str),
    /// In place of what cannot be sent.
    Note(String),
    Image {
        mime: &'a str,
        bytes: &'a [u8],
    },
    File {
        mime: &'a str,
        name: &'a str,
        bytes: &'a [u8],
    },
}

/// What can be sent of a conversation.
pub(crate) struct Sight<'a> {
    /// The bytes at hand.
    pub(crate) blobs: &'a HashMap<BlobId, Bytes>,
    /// Whether the provider takes images.
    pub(crate) images: bool,
    /// The media types of files that the format can hold.
    pub(crate) files: &'static [&'static str],
}

impl<'a> Sight<'a> {
    /// What is sent of a part; nothing of empty text and of what is no content.
    pub(crate) fn piece(&self, part: &'a Part) -> Option<Piece<'a>> {
        match part {
            Part::Text { text } => (!text.is_empty()).then_some(Piece::Text(text)),
            Part::Image { mime, .. } if !self.images => Some(Piece::Note(format!(
                "[an image ({mime}) is not sent: this provider is set up as taking none]"
            ))),
            Part::Image { blob, mime } => Some(match self.blobs.get(blob) {
                Some(bytes) => Piece::Image { mime, bytes },
                None => Piece::Note(format!("[an image ({mime}) is not sent: its bytes are not at hand]")),
            }),
            Part::File { blob, mime, name } => {
                let bytes = self.blobs.get(blob).filter(|_| self.files.contains(&mime.as_str()));
                Some(match bytes {
                    Some(bytes) => Piece::File { mime, name, bytes },
                    None => Piece::Note(format!(
                        "[the file `{name}` ({mime}) is attached; its content is not part of this message]"
                    )),
                })
            }
            Part::ToolCall(_)
            | Part::ToolResult(_)
            | Part::Reasoning { .. }
            | Part::Opaque { .. }
            | Part::Outside { .. } => None,
        }
    }

    /// All pieces of a list of parts.
    pub(crate) fn pieces(&self, parts: &'a [Part]) -> Vec<Piece<'a>> {
        parts.iter().filter_map(|part| self.piece(part)).collect()
    }
}

/// What a result without content says.
pub(crate) fn silent(status: ToolStatus) -> &'static str {
    match status {
        ToolStatus::Ok => "(no output)",
        ToolStatus::Error => "(it failed and said nothing)",
        ToolStatus::Unknown => "(it was started; how it ended is unknown)",
    }
}

/// Whether a letter may stand in a tool's name or a call's id everywhere.
fn plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// A tool's name that servers accept; a model may have made one up that they refuse to read again.
pub(crate) fn name(name: &str) -> Cow<'_, str> {
    if name.is_empty() {
        Cow::Borrowed("unnamed")
    } else if name.len() <= 64 && name.chars().all(plain) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(name.chars().take(64).map(|c| if plain(c) { c } else { '_' }).collect())
    }
}

/// A call's id that servers accept, although another server may have made it up. The same id always becomes the same
/// one, so that call and result find each other; different ones stay different.
#[cfg(any(feature = "anthropic", feature = "openai-responses", test))]
pub(crate) fn call_id(id: &str) -> Cow<'_, str> {
    if !id.is_empty() && id.len() <= 64 && id.chars().all(plain) {
        return Cow::Borrowed(id);
    }
    let digest = digest(id);
    let kept: String = id.chars().take(40).map(|c| if plain(c) { c } else { '_' }).collect();
    Cow::Owned(format!("{kept}_{digest:016x}"))
}

/// As [`call_id`], in nine letters and digits.
pub(crate) fn short_call_id(id: &str) -> Cow<'_, str> {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    if id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Cow::Borrowed(id);
    }
    let mut rest = digest(id);
    let digit = || {
        let digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
        char::from(digit)
    };
    Cow::Owned(std::iter::repeat_with(digit).take(9).collect())
}

/// FNV-1a: the digest must be the same in every process and version, and nobody gains by a collision.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |digest, byte| {
        (digest ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The arguments as the model wrote them, if they are a JSON object. Servers refuse a history in which they are not, so
/// anything else is wrapped; the model still sees what it wrote.
pub(crate) fn arguments(raw: &str) -> Cow<'_, str> {
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

/// Bytes as base64, encoded while they are written.
#[cfg(feature = "anthropic")]
pub(crate) struct Base64<'a>(pub(crate) &'a [u8]);

#[cfg(feature = "anthropic")]
impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &STANDARD))
    }
}

/// Bytes as a `data:` URL, encoded while they are written.
pub(crate) struct DataUrl<'a> {
    pub(crate) mime: &'a str,
    pub(crate) bytes: &'a [u8],
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
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    #[test]
    fn nonsense_that_a_model_wrote_is_sent_back_in_a_form_that_servers_accept() {
        for (raw, expected) in [
            (r#"{"a": 1}"#, r#"{"a": 1}"#),
            (" \n", "{}"),
            ("{bad}", r#"{"_invalid":"{bad}"}"#),
            ("null", r#"{"_invalid":"null"}"#),
            (r#"{"a":1}{"#, r#"{"_invalid":"{\"a\":1}{"}"#),
        ] {
            assert_eq!(arguments(raw), expected, "{raw}");
        }
        for (raw, expected) in [
            ("read_file", "read_file"),
            ("", "unnamed"),
            ("read file ä", "read_file__"),
            (&"x".repeat(65), &"x".repeat(64)),
        ] {
            assert_eq!(name(raw), expected);
        }
        for (raw, expected) in [
            ("call_1", "call_1"),
            ("functions.look:0", "functions_look_0_0217fe28bb536531"),
            ("", "_cbf29ce484222325"),
        ] {
            assert_eq!(call_id(raw), expected);
        }
    }

    proptest! {
        #[test]
        fn any_id_becomes_one_that_fits_and_stays_itself(a: String, b: String) {
            for id in [&a, &b] {
                let fit = call_id(id);
                prop_assert!(fit.len() <= 64 && !fit.is_empty() && fit.chars().all(plain), "{fit}");
                prop_assert_eq!(&call_id(&fit), &fit);
            }
            for id in [&a, &b] {
                let short = short_call_id(id);
                prop_assert!(short.len() == 9 && short.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{short}");
                prop_assert_eq!(&short_call_id(&short), &short);
            }
            prop_assert_eq!(a == b, call_id(&a) == call_id(&b));
        }

        #[test]
        fn arguments_are_always_a_json_object(raw: String) {
            prop_assert!(serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&arguments(&raw)).is_ok());
        }
    }
}
