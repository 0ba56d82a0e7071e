//! A file of the workspace as a part of a message.

use session_api::{BlobId, Part};

/// Longest name in bytes.
const MAX_NAME: usize = 120;

/// Extensions and what they mean. Anything else is sent as bytes without a meaning.
const TYPES: &[(&str, &str)] = &[
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("flac", "audio/flac"),
    ("gz", "application/gzip"),
    ("html", "text/html"),
    ("ics", "text/calendar"),
    ("json", "application/json"),
    ("log", "text/plain"),
    ("m4a", "audio/mp4"),
    ("md", "text/markdown"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("pdf", "application/pdf"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("txt", "text/plain"),
    ("wav", "audio/wav"),
    ("webm", "video/webm"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("xml", "application/xml"),
    ("zip", "application/zip"),
];

/// The media type of an image that every platform shows, by its first bytes: an extension can lie.
fn image(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

/// The part for the file `path` with these bytes, which the blob store keeps as `blob`.
pub(super) fn part(path: &str, bytes: &[u8], blob: BlobId) -> Part {
    if let Some(mime) = image(bytes) {
        return Part::Image { blob, mime: mime.to_owned() };
    }
    let name = safe_name(path);
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    let known = TYPES.iter().find(|(known, _)| extension.as_deref() == Some(*known));
    let mime = known.map_or("application/octet-stream", |(_, mime)| *mime);
    Part::File { blob, mime: mime.to_owned(), name }
}

/// The base name, without what a disk, a header or a listing could misread; its extension is kept.
fn safe_name(path: &str) -> String {
    let base = path.rsplit('/').next().unwrap_or_default();
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
            || matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*' | '\\')
    };
    let clean: String = base.chars().map(|c| if odd(c) { '_' } else { c }).collect();
    let clean = clean.trim().trim_start_matches('.');
    let (stem, extension) = match clean.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.len() <= 16 => {
            (stem, format!(".{extension}"))
        }
        _ => (clean, String::new()),
    };
    let mut end = stem.len().min(MAX_NAME - extension.len());
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    if end == 0 { "file".to_owned() } else { format!("{}{extension}", &stem[..end]) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn images_are_known_by_their_bytes_and_files_by_their_names() {
        let of = |path: &str, bytes: &[u8]| match part(path, bytes, BlobId::of(bytes)) {
            Part::Image { mime, .. } => mime,
            Part::File { mime, name, .. } => format!("{name} {mime}"),
            other => format!("{other:?}"),
        };
        assert_eq!(of("a/chart.txt", b"\x89PNG\r\n\x1a\nrest"), "image/png");
        assert_eq!(of("a.jpg", b"\xff\xd8\xff\xe0"), "image/jpeg");
        assert_eq!(of("a.gif", b"GIF89a"), "image/gif");
        assert_eq!(of("a.webp", b"RIFF\x01\x02\x03\x04WEBPVP8 "), "image/webp");
        assert_eq!(of("lies.png", b"#!/bin/sh"), "lies.png application/octet-stream");
        assert_eq!(of("out/Report.PDF", b"%PDF"), "Report.PDF application/pdf");
        assert_eq!(of("notes.md", b""), "notes.md text/markdown");
        assert_eq!(of(".env", b""), "env application/octet-stream");
        assert_eq!(of("a\u{202e}fdp.exe", b""), "a_fdp.exe application/octet-stream");
    }

    proptest! {
        #[test]
        fn names_are_always_safe(path: String) {
            let name = safe_name(&path);
            prop_assert!(!name.is_empty() && name.len() <= MAX_NAME && !name.starts_with('.'), "{:?}", name);
            prop_assert!(!name.chars().any(|c| c.is_control() || "/\\<>:\"|?*".contains(c)), "{:?}", name);
        }
    }
}
