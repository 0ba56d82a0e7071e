//! Fetching the files of admitted arrivals.

use agent_core::{ChannelError, Inlet};
use session_api::Part;
use teloxide_core::{payloads::GetFile, types::FileId};

use super::{
    api::{Api, DownloadError},
    inbound::{Attachment, Incoming},
    wire::FilePath,
};

/// The files of `incoming` as parts, appended to its arrival. Nothing is fetched for a stranger. What cannot be had
/// becomes a sentence in the file's place, so that neither the person nor the model is left to wonder.
pub(super) async fn fetch(api: &Api, inlet: &Inlet, incoming: &mut Incoming) -> Result<(), ChannelError> {
    if incoming.files.is_empty() || !inlet.admits(&incoming.arrival).await? {
        return Ok(());
    }
    for file in &incoming.files {
        let part = match get(api, inlet.media_limit(), file).await {
            Ok(bytes) => inlet.keep(bytes, &file.mime, &file.name).await?,
            Err(DownloadError::TooLarge) => Part::text(too_large(file, inlet.media_limit())),
            Err(DownloadError::Failed(error)) => {
                tracing::warn!(target: "channels::telegram", error, what = file.what, "a file could not be fetched");
                Part::text(format!("[{} {}: could not be fetched from Telegram]", file.what, shown(file)))
            }
        };
        incoming.arrival.parts.push(part);
    }
    Ok(())
}

async fn get(api: &Api, limit: u64, file: &Attachment) -> Result<bytes::Bytes, DownloadError> {
    if file.size.is_some_and(|size| size > limit) {
        return Err(DownloadError::TooLarge);
    }
    let asked = api.call::<FilePath, _>(&GetFile::new(FileId(file.file_id.clone()))).await;
    let found = asked.map_err(|error| match error.harmless() {
        // The public server refuses what is above 20 MB, whatever our own limit is.
        ChannelError::Permanent { message } if message.contains("too big") => DownloadError::TooLarge,
        other => DownloadError::Failed(other.to_string()),
    })?;
    if found.file_size.is_some_and(|size| size > limit) {
        return Err(DownloadError::TooLarge);
    }
    let path = found.file_path.ok_or_else(|| DownloadError::Failed("Telegram names no path".into()))?;
    api.download(&path, limit).await
}

/// The name, which somebody else chose, as it may stand in a text.
fn shown(file: &Attachment) -> String {
    agent_core::safe_name(&file.name)
}

fn too_large(file: &Attachment, limit: u64) -> String {
    let size = file.size.map_or_else(String::new, |size| format!(", {}", megabytes(size)));
    format!("[{} {}{size}: too large to take in (limit {})]", file.what, shown(file), megabytes(limit))
}

/// As people say it, rounded up so that nothing too large looks as if it fitted.
fn megabytes(bytes: u64) -> String {
    if bytes < 1 << 20 {
        format!("{} kB", bytes.div_ceil(1 << 10))
    } else {
        format!("{} MB", bytes.div_ceil(1 << 20))
    }
}
