//! Words for what goes wrong with a transcription.

use std::time::Duration;

use agent_core::{ModelError, ModelErrorKind as Kind, Retry};
use http_client::{StatusCode, TransportError, TransportErrorKind, header::HeaderMap};

use crate::openai::error::Voice;

/// An answer with an error status. Classes are those of the model servers, since they are mostly the same servers.
pub(super) fn status(voice: &Voice, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ModelError {
    let (kind, wait, quote) = voice.verdict(status, headers, body);
    let (server, code) = (&voice.server, status.as_u16());
    // 413 means the conversation elsewhere; here there is none.
    let too_large = kind == Kind::ContextTooLong;
    let kind = if too_large { Kind::BadRequest } else { kind };
    let text = match kind {
        _ if too_large => format!(
            "the recording is too large for the transcription server {server} (HTTP {code}){quote}; lower max_bytes in [transcription]"
        ),
        // Servers like to repeat the key here, if only in part, so their words are left out.
        Kind::Auth => format!(
            "the transcription server {server} refused the key (HTTP {code}); check api_key in [transcription]"
        ),
        Kind::Quota => {
            format!(
                "the account at the transcription server {server} has no credit left (HTTP {code}){quote}"
            )
        }
        Kind::NotFound => format!(
            "the transcription server {server} does not know the path or the model `{}` (HTTP {code}){quote}; \
             check base_url and model in [transcription]",
            voice.model
        ),
        Kind::RateLimited => format!(
            "the transcription server {server} wants fewer requests (HTTP {code}){quote}; try again later"
        ),
        Kind::Timeout => format!("the transcription server {server} gave up waiting (HTTP {code}){quote}"),
        Kind::Unavailable => {
            format!(
                "the transcription server {server} cannot serve now (HTTP {code}){quote}; try again later"
            )
        }
        _ if status.is_redirection() => format!(
            "the transcription server {server} has moved (HTTP {code}); set base_url in [transcription] to its new address"
        ),
        _ => format!("the transcription server {server} refused the recording (HTTP {code}){quote}"),
    };
    let mut error = ModelError { status: Some(code), ..ModelError::new(kind, text) };
    if let Some(wait) = wait {
        error.retry = Retry::After(wait);
    }
    error
}

/// No answer, or only a part of one.
pub(super) fn transport(voice: &Voice, error: &TransportError) -> ModelError {
    let (server, reason) = (&voice.server, voice.scrub(&error.message));
    let (kind, end) = match error.kind {
        TransportErrorKind::Timeout => (Kind::Timeout, "try again"),
        TransportErrorKind::Egress => (Kind::NotConfigured, "check base_url in [transcription]"),
        TransportErrorKind::Body | TransportErrorKind::Closed => (Kind::BadReply, "try again"),
        _ => (Kind::Unavailable, "check base_url in [transcription] and the network"),
    };
    ModelError::new(kind, format!("the transcription server {server} cannot be reached: {reason}; {end}"))
}

/// The time is over.
pub(super) fn late(voice: &Voice, limit: Duration) -> ModelError {
    let text = format!(
        "the transcription server {} did not answer within {} s; try again, or raise timeout_seconds in [transcription]",
        voice.server,
        limit.as_secs()
    );
    ModelError::new(Kind::Timeout, text)
}

/// An answer that is none.
pub(super) fn nonsense(voice: &Voice) -> ModelError {
    let text = format!(
        "the answer of {} is no transcript; check that base_url in [transcription] is that of a Whisper-compatible server, it \
         usually ends in /v1",
        voice.server
    );
    ModelError::new(Kind::BadReply, text)
}
