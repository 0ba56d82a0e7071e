//! Which files of a mail are taken in.

use agent_core::{Inlet, safe_name};
use bytes::Bytes;
use session_api::{Part, StoreError};

use crate::body::Attachment;
use crate::config::Config;

/// Most files of one mail.
const MOST: usize = 5;

/// Stores what may be stored; for everything else there is a note that says what was left out and why.
pub(crate) async fn keep(
    attachments: &[Attachment<'_>],
    config: &Config,
    inlet: &Inlet,
) -> Result<Vec<Part>, StoreError> {
    let mut parts = Vec::new();
    let mut kept = 0;
    for file in attachments {
        let name = safe_name(file.name.as_deref().unwrap_or("attachment"));
        let limit = config.attachment_bytes.min(inlet.media_limit());
        let judged = if kept == MOST {
            Err(format!("only {MOST} files of a mail are taken"))
        } else {
            judge(file, config, limit)
        };
        match judged {
            Ok(mime) => {
                kept += 1;
                parts.push(inlet.keep(Bytes::copy_from_slice(file.bytes), &mime, &name).await?);
            }
            Err(why) => parts.push(Part::text(format!("[the attachment {name} was not taken: {why}]"))),
        }
    }
    Ok(parts)
}

/// The media type under which a file may be stored, or why it may not.
fn judge(file: &Attachment<'_>, config: &Config, limit: u64) -> Result<String, String> {
    let length = file.bytes.len() as u64;
    if length > limit {
        return Err(format!("it has {}, the limit is {}", size(length), size(limit)));
    }
    let mime = match sniff(file.bytes) {
        Some(seen) => seen.to_owned(),
        None if file.mime.starts_with("image/") && file.mime != "image/svg+xml"
            || file.mime == "application/pdf" =>
        {
            return Err(format!("it is no {}, as it says", file.mime));
        }
        None if file.mime.starts_with("text/") && file.bytes.contains(&0) => {
            return Err("it is no text, as it says".into());
        }
        None => file.mime.clone(),
    };
    if !config.attachments.iter().any(|glob| glob.covers(&mime)) {
        return Err(format!("files of the type {mime} are not allowed"));
    }
    Ok(mime)
}

/// What the first bytes show, for types whose name could hide something else.
fn sniff(bytes: &[u8]) -> Option<&'static str> {
    let marks: [(&[u8], &str); 12] = [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xFF\xD8\xFF", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"BM", "image/bmp"),
        (b"II*\0", "image/tiff"),
        (b"MM\0*", "image/tiff"),
        (b"%PDF-", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
        (b"\x7FELF", "application/x-executable"),
        (b"MZ", "application/x-msdownload"),
        (b"\x1F\x8B", "application/gzip"),
    ];
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Some("image/webp");
    }
    let found = marks.iter().find(|(mark, _)| bytes.starts_with(mark));
    // Two letters may well begin a text.
    found.filter(|(mark, _)| mark.len() > 2 || bytes.contains(&0)).map(|(_, mime)| *mime)
}

/// A number of bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    const MEGA: u64 = 1 << 20;
    if bytes >= MEGA {
        // One digit behind the point, rounded up: what is refused is never shown at the limit.
        let tenths = (bytes * 10).div_ceil(MEGA);
        return format!("{}.{} MB", tenths / 10, tenths % 10).replace(".0 ", " ");
    }
    format!("{} kB", bytes.div_ceil(1 << 10))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config;

    fn config(globs: &[&str]) -> Config {
        config::read(json!({
            "address": "a@b.example", "imap_host": "h", "imap_password": "p", "smtp_host": "h", "attachments": globs,
        }))
        .unwrap()
    }

    #[test]
    fn type_size_and_content_must_agree() {
        let usual = ["image/*", "application/pdf", "text/*"];
        for (globs, mime, bytes, verdict) in [
            (&usual[..], "image/png", &b"\x89PNG\r\n\x1a\nx"[..], Ok("image/png")),
            (&usual[..], "application/octet-stream", b"%PDF-1.7", Ok("application/pdf")),
            (&usual[..], "text/csv", b"a,b", Ok("text/csv")),
            (&usual[..], "text/plain", b"MZ is a text", Ok("text/plain")),
            (&usual[..], "image/png", b"<html>", Err("it is no image/png")),
            (&usual[..], "application/pdf", b"PK\x03\x04", Err("application/zip are not allowed")),
            (&usual[..], "text/plain", b"MZ\0\0", Err("x-msdownload are not allowed")),
            (&usual[..], "text/plain", b"a\0b", Err("it is no text")),
            (&usual[..], "application/zip", b"PK\x03\x04", Err("not allowed")),
            (&["*/*"][..], "application/zip", b"PK\x03\x04", Ok("application/zip")),
            (&[][..], "image/png", b"\x89PNG\r\n\x1a\nx", Err("not allowed")),
            (&usual[..], "image/png", &[b' '; 100], Err("it has 1 kB, the limit is 1 kB")),
        ] {
            let file = Attachment { mime: mime.to_owned(), name: None, bytes };
            match (judge(&file, &config(globs), 50), verdict) {
                (Ok(found), Ok(wanted)) => assert_eq!(found, wanted),
                (Err(found), Err(wanted)) => assert!(found.contains(wanted), "{found}"),
                other => panic!("{mime}: {other:?}"),
            }
        }
    }

    #[test]
    fn sizes_are_for_people() {
        for (bytes, text) in [(1, "1 kB"), (2 << 20, "2 MB"), ((2 << 20) + 1, "2.1 MB"), (3 << 20, "3 MB")] {
            assert_eq!(size(bytes), text);
        }
    }
}
