//! What the assistant said, as frames.

use std::borrow::Cow;

use agent_core::AgentError;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use session_api::{InboundState, OutboxKind, OutboxMessage, Part, SessionKey, StoreError};

use super::{
    close::End,
    frame::{Answer, Attachment, Ending, Frame},
    queue::Queue,
};
use crate::{
    WebSocketLimits,
    state::{Shared, in_time},
};

/// The text of a message.
pub(super) fn text(message: &OutboxMessage) -> String {
    message.parts.iter().filter_map(Part::as_text).collect::<Vec<_>>().join("\n")
}

/// Passes a message on, unless it went elsewhere: a turn may write to other chats. The outer error is the client's, the
/// inner one the store's.
pub(super) async fn pass_on(
    shared: &Shared,
    limits: &WebSocketLimits,
    key: &SessionKey,
    message: &OutboxMessage,
    queue: &mut Queue,
) -> Result<Result<(), AgentError>, End> {
    let route = &message.route;
    if route.channel != key.channel || route.account != key.account || route.chat != key.chat {
        return Ok(Ok(()));
    }
    let (outcome, attachments, open) = match in_time(gathered(shared, limits, key, message)).await {
        Ok(gathered) => gathered,
        Err(error) => return Ok(Err(error)),
    };
    let answer = Answer {
        event_id: message.id,
        session: &key.chat,
        inbound: message.inbound,
        in_reply_to: route.reply_to.as_deref(),
        text: text(message),
        outcome,
        at: message.at,
        attachments,
    };
    let frame = match message.kind {
        OutboxKind::Reply => Frame::Reply(answer),
        OutboxKind::Notice | OutboxKind::Pairing { .. } => Frame::Notice(answer),
        OutboxKind::Question { approval } => Frame::Question { approval, open, answer },
    };
    queue.push(&frame).await?;
    Ok(Ok(()))
}

/// What has to be read for it: how its message ended, its files, and whether a question still waits.
async fn gathered<'a>(
    shared: &Shared,
    limits: &WebSocketLimits,
    key: &SessionKey,
    message: &'a OutboxMessage,
) -> Result<(Option<Ending>, Vec<Attachment<'a>>, bool), AgentError> {
    let outcome = match message.inbound {
        // A question ends nothing, also where its message has ended since.
        Some(_) if matches!(message.kind, OutboxKind::Question { .. }) => None,
        Some(inbound) => shared.factotum.standing(inbound).await?.and_then(|view| ending(&view.state)),
        None => None,
    };
    let open = match message.kind {
        OutboxKind::Question { approval } => {
            let waiting = shared.factotum.waiting(key).await?;
            waiting.questions.iter().any(|question| question.id == approval)
        }
        OutboxKind::Reply | OutboxKind::Notice | OutboxKind::Pairing { .. } => false,
    };
    Ok((outcome, attachments(shared, limits, message).await?, open))
}

fn ending(state: &InboundState) -> Option<Ending> {
    match state {
        InboundState::Settled(settled) => Some(settled.outcome.into()),
        InboundState::Dead { .. } => Some(Ending::Dead),
        InboundState::Pending { .. } | InboundState::Running(_) | InboundState::Suspended(_) => None,
    }
}

/// The files of a message: small ones with their bytes, all with the id to fetch them by.
async fn attachments<'a>(
    shared: &Shared,
    limits: &WebSocketLimits,
    message: &'a OutboxMessage,
) -> Result<Vec<Attachment<'a>>, AgentError> {
    let mut left = limits.inline;
    let mut all = Vec::new();
    for part in &message.parts {
        let (blob, mime, name) = match part {
            Part::Image { blob, mime } => {
                let kind = mime.strip_prefix("image/").unwrap_or("bin");
                (blob, mime, Cow::Owned(format!("image.{kind}")))
            }
            Part::File { blob, mime, name } => (blob, mime, Cow::Borrowed(name.as_str())),
            _ => continue,
        };
        // A file whose bytes are gone or damaged is still named; fetching it then says so.
        let bytes = match shared.factotum.file(blob).await {
            Err(AgentError::Session(error @ StoreError::Corrupt { .. })) => {
                tracing::warn!(%error, "a file of a reply cannot be read");
                None
            }
            read => read?,
        };
        let bytes = bytes.unwrap_or_default();
        let fits = bytes.len() <= left && !bytes.is_empty();
        if fits {
            left -= bytes.len();
        }
        let base64 = fits.then(|| STANDARD.encode(&bytes));
        all.push(Attachment { name, mime, bytes: bytes.len(), blob, base64 });
    }
    Ok(all)
}
