//! Fetching the files of a message, within what Slack lets an acknowledgement wait.

use std::time::Duration;

use agent_core::{Inlet, safe_name};
use session_api::{Part, StoreError};

use super::{
    inbound::SlackFile,
    wire::{Api, Expected, Missing},
};

/// How long all files of one message may take. Slack wants its acknowledgement within 3 s, and the commit comes after.
const BUDGET: Duration = Duration::from_secs(2);

/// Most files of one message that are looked at.
const MOST: usize = 10;

/// A part for each file: the file itself, or a note that says why it is not there.
pub(super) async fn fetch(api: &Api, inlet: &Inlet, files: Vec<SlackFile>) -> Result<Vec<Part>, StoreError> {
    let mut budget = inlet.clock().sleep(BUDGET);
    let mut parts = Vec::new();
    let mut spent = false;
    let left_out = files.len().saturating_sub(MOST);
    for file in files.into_iter().take(MOST) {
        let late = || note(&file, "could not be fetched in time");
        if spent {
            parts.push(late());
            continue;
        }
        let came = tokio::select! {
            biased;
            came = bytes(api, inlet, &file) => came,
            () = &mut budget => {
                spent = true;
                parts.push(late());
                continue;
            }
        };
        parts.push(match came {
            Ok((bytes, name, mime)) => inlet.keep(bytes, &mime, &name).await?,
            Err(why) => note(&file, &why),
        });
    }
    if left_out > 0 {
        parts.push(Part::text(format!("[{left_out} more files were left out]")));
    }
    Ok(parts)
}

/// The bytes of a file with its name and type, or why they are not to be had.
async fn bytes(api: &Api, inlet: &Inlet, file: &SlackFile) -> Result<(bytes::Bytes, String, String), String> {
    let asked;
    let file = if file.file_access.as_deref() == Some("check_file_info") {
        // A channel shared with another company names its files only.
        let answer = api.get("files.info", &[("file", &file.id)]).await.map_err(|error| error.to_string())?;
        asked = serde_json::from_value::<SlackFile>(answer["file"].clone()).unwrap_or_default();
        &asked
    } else {
        file
    };
    if file.is_external || file.mode.as_deref() == Some("external") {
        return Err("is kept outside of Slack".into());
    }
    if matches!(file.mode.as_deref(), Some("tombstone" | "hidden_by_limit")) {
        return Err("has been deleted or hidden".into());
    }
    let most = inlet.media_limit();
    if let Some(size) = file.size.filter(|size| *size > most) {
        return Err(format!("has {size} bytes, more than the {most} that are taken in"));
    }
    let address = file.url_private_download.as_deref().or(file.url_private.as_deref());
    let address = address.ok_or_else(|| "came without an address".to_owned())?;
    let mime = file.mimetype.clone().unwrap_or_else(|| "application/octet-stream".into());
    let expected = Expected { mime: &mime, size: file.size, most };
    match api.download(address, expected).await {
        Ok(bytes) => Ok((bytes, file.name.clone().unwrap_or_default(), mime)),
        Err(Missing::TooLarge) => Err(format!("has more than the {most} bytes that are taken in")),
        Err(Missing::LoginPage) => {
            Err("could not be fetched: Slack showed its login page; the app needs the scope files:read"
                .into())
        }
        Err(Missing::Elsewhere) => Err("is not on Slack's own servers and was not fetched".into()),
        Err(Missing::Failed(why)) => Err(format!("could not be fetched: {why}")),
    }
}

fn note(file: &SlackFile, why: &str) -> Part {
    Part::text(format!("[file {}: {why}]", safe_name(file.name.as_deref().unwrap_or(&file.id))))
}
