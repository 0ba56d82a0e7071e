//! `--image` and `--file`.

use std::path::{Path, PathBuf};

use session_api::{Outside, Part};

use super::super::error::CliError;
use crate::Assistant;

/// Largest file that is sent along, in bytes.
const LARGEST: u64 = 10 << 20;
/// Largest text file that goes into the message, in bytes.
const LARGEST_TEXT: usize = 256 << 10;

pub(super) async fn parts(
    assistant: &Assistant,
    images: &[PathBuf],
    files: &[PathBuf],
) -> Result<Vec<Part>, CliError> {
    let mut parts = Vec::new();
    for path in images {
        let bytes = read(path)?;
        let Some(mime) = image_type(&bytes) else {
            return Err(CliError::Input(format!("{} is no PNG, JPEG, GIF or WebP image", path.display())));
        };
        let blob = assistant.keep(bytes.into()).await?;
        parts.push(Part::Image { blob, mime: mime.into() });
    }
    if !files.is_empty() {
        parts.push(Part::Outside { through: Outside::ATTACHMENT.into() });
    }
    for path in files {
        let bytes = read(path)?;
        let name = path.file_name().map_or_else(|| "file".into(), |name| name.to_string_lossy().into_owned());
        let text =
            String::from_utf8(bytes).ok().filter(|text| text.len() <= LARGEST_TEXT).ok_or_else(|| {
                CliError::Input(format!("{} is no text file of at most 256 KiB", path.display()))
            })?;
        parts.push(Part::text(format!("[file {name}]\n{text}")));
    }
    Ok(parts)
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let missing = |error: std::io::Error| CliError::NotFound(format!("{}: {error}", path.display()));
    let about = std::fs::metadata(path).map_err(missing)?;
    if !about.is_file() {
        return Err(CliError::Input(format!("{} is not a file", path.display())));
    }
    if about.len() > LARGEST {
        return Err(CliError::Input(format!("{} is larger than 10 MiB", path.display())));
    }
    std::fs::read(path).map_err(missing)
}

/// The type of an image by its first bytes; names lie.
fn image_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}
