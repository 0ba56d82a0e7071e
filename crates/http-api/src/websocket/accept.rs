//! A client's message on its way into the inbox.

use agent_core::{Arrival, Delivered, Place};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use session_api::{Ack, InboundId, Part, SessionKey};

use super::{
    frame::{ErrorCode, Refusal},
    request::SentFile,
};
use crate::state::Shared;

/// Most files of one message.
pub(super) const FILES: usize = 8;

/// Puts a message into the inbox. Returns its id there, whether it stood there before, and the proof.
pub(super) async fn accept(
    shared: &Shared,
    key: &SessionKey,
    id: &str,
    text: String,
    files: Vec<SentFile>,
) -> Result<(InboundId, bool, Ack), Refusal> {
    let inlet = &shared.inlet;
    let mut parts = Vec::with_capacity(files.len() + 1);
    if !text.trim().is_empty() {
        parts.push(Part::text(text));
    }
    let files = files.into_iter().map(decoded).collect::<Result<Vec<_>, _>>()?;
    for (name, mime, bytes) in files {
        parts.push(inlet.keep(bytes, &mime, &name).await?);
    }
    let arrival = Arrival {
        // Two conversations may use the same ids.
        external_id: format!("{}/{id}", key.chat),
        chat: key.chat.clone(),
        thread: None,
        place: Place::Direct,
        sender: "token".into(),
        sender_name: None,
        addressed: true,
        distrusted: None,
        message_id: Some(id.to_owned()),
        parts: parts.clone(),
        received_at: inlet.clock().now(),
    };
    let (delivered, ack) = inlet.deliver(vec![arrival]).await?;
    match delivered.first() {
        Some(Delivered::Accepted(inbound)) => Ok((*inbound, false, ack)),
        Some(Delivered::Duplicate(first)) => {
            same(shared, *first, &parts).await?;
            Ok((*first, true, ack))
        }
        Some(Delivered::Ignored) | None => Err(Refusal::new(ErrorCode::Refused, "you may not speak here")),
    }
}

/// A repeat must say the same: a client that starts its numbers anew would else lose what it says.
async fn same(shared: &Shared, first: InboundId, parts: &[Part]) -> Result<(), Refusal> {
    match shared.factotum.standing(first).await? {
        Some(view) if view.row.inbound.parts == parts => Ok(()),
        Some(_) => {
            let why = "this id stands for another message of this session; choose a new one, such as a UUID";
            Err(Refusal::new(ErrorCode::IdUsed, why))
        }
        None => {
            let why = "this id was used before, and what came of it is no longer kept";
            Err(Refusal::new(ErrorCode::IdUsed, why))
        }
    }
}

/// A file's name, media type and bytes.
fn decoded(file: SentFile) -> Result<(String, String, bytes::Bytes), Refusal> {
    let SentFile { name, mime, base64 } = file;
    let bad = |why: &str| Refusal::new(ErrorCode::BadFile, why);
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$&^_.+-".contains(c);
    let essence = mime.split(';').next().unwrap_or_default().trim();
    let sound = essence.split_once('/').is_some_and(|(kind, of)| {
        !kind.is_empty() && !of.is_empty() && kind.chars().all(token) && of.chars().all(token)
    });
    if !sound || mime.len() > 128 {
        return Err(bad("`mime` is a media type such as `application/pdf`"));
    }
    let bytes = STANDARD.decode(&base64).map_err(|_| bad("`base64` is not base64"))?;
    if bytes.is_empty() {
        return Err(bad("the file is empty"));
    }
    Ok((name, mime, bytes.into()))
}
