//! Voice notes become text before a model reads them.

use std::time::Duration;

use session_api::{BlobId, InboundRow, Part};

use super::{run::Run, watch::watch};
use crate::is_voice;

/// How long one voice note may take to be transcribed.
const HEAR_TIME: Duration = Duration::from_secs(90);

impl Run<'_> {
    /// The row with each of its voice notes as text: what was said, or why it could not be heard.
    pub(super) async fn heard(&self, row: &InboundRow) -> InboundRow {
        let mut row = row.clone();
        for part in &mut row.inbound.parts {
            if is_voice(part)
                && let Part::File { blob, mime, name } = part
            {
                let text = match self.transcribe(blob, mime, name).await {
                    Ok(text) => format!("[voice note] {text}"),
                    Err(why) => {
                        tracing::warn!(why, "a voice note was not transcribed");
                        format!("[voice note that could not be heard: {why}]")
                    }
                };
                *part = Part::text(text);
            }
        }
        row
    }

    async fn transcribe(&self, blob: &BlobId, mime: &str, name: &str) -> Result<String, String> {
        let Some(transcriber) = &self.core.transcriber else {
            return Err("no transcription is configured; see `[transcription]`".into());
        };
        let bytes = match self.ports.stores.blobs.get_blob(blob).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err("its bytes are gone".into()),
            Err(error) => return Err(error.to_string()),
        };
        // A recording may take longer than a lease holds, and a stop must not wait for it. What was noticed is noticed
        // again by the loop of the turn.
        tokio::select! {
            _ = watch(self.ports, &self.turn.lease, &self.lease_until) => Err("the turn was ended before".into()),
            heard = transcriber.transcribe(bytes, mime, name) => heard.map_err(|error| error.message),
            () = self.ports.clock.sleep(HEAR_TIME) => Err(format!("it took longer than {} s", HEAR_TIME.as_secs())),
        }
    }
}
