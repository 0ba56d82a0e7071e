//! Words for what goes wrong with one question and its answer.

use agent_core::{ModelError, ModelErrorKind as Kind, Retry};
use http_client::{StatusCode, TransportError, TransportErrorKind, header::HeaderMap};

use super::Desk;

impl Desk {
    /// An answer with an error status. Classes are those of the model servers, since they are mostly the same servers.
    pub(super) fn status(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ModelError {
        let (voice, words) = (&self.voice, self.words);
        let (what, sent, section) = (words.server, words.sent, words.section);
        let (kind, wait, quote) = voice.verdict(status, headers, body);
        let (server, code) = (&voice.server, status.as_u16());
        // 413 means the conversation elsewhere; here there is none.
        let too_large = kind == Kind::ContextTooLong;
        let kind = if too_large { Kind::BadRequest } else { kind };
        let text = match kind {
            _ if too_large => format!(
                "the {sent} is too large for the {what} {server} (HTTP {code}){quote}; {}",
                words.too_large
            ),
            // Servers like to repeat the key here, if only in part, so their words are left out.
            Kind::Auth => {
                format!("the {what} {server} refused the key (HTTP {code}); check api_key in [{section}]")
            }
            Kind::Quota => {
                format!("the account at the {what} {server} has no credit left (HTTP {code}){quote}")
            }
            Kind::NotFound => format!(
                "the {what} {server} does not know the path or the model `{}` (HTTP {code}){quote}; \
             check base_url and model in [{section}]",
                voice.model
            ),
            Kind::RateLimited => {
                format!("the {what} {server} wants fewer requests (HTTP {code}){quote}; try again later")
            }
            Kind::Timeout => format!("the {what} {server} gave up waiting (HTTP {code}){quote}"),
            Kind::Unavailable => {
                format!("the {what} {server} cannot serve now (HTTP {code}){quote}; try again later")
            }
            _ if status.is_redirection() => format!(
                "the {what} {server} has moved (HTTP {code}); set base_url in [{section}] to its new address"
            ),
            _ => format!("the {what} {server} refused the {sent} (HTTP {code}){quote}"),
        };
        let mut error = ModelError { status: Some(code), ..ModelError::new(kind, text) };
        if let Some(wait) = wait {
            error.retry = Retry::After(wait);
        }
        error
    }

    /// No answer, or only a part of one.
    pub(super) fn transport(&self, error: &TransportError) -> ModelError {
        let (voice, what) = (&self.voice, self.words.server);
        let (server, reason) = (&voice.server, voice.scrub(&error.message));
        let address = || format!("check base_url in [{}]", self.words.section);
        let (kind, end) = match error.kind {
            TransportErrorKind::Timeout => (Kind::Timeout, "try again".to_owned()),
            TransportErrorKind::Egress => (Kind::NotConfigured, address()),
            TransportErrorKind::Body | TransportErrorKind::Closed => (Kind::BadReply, "try again".to_owned()),
            _ => (Kind::Unavailable, format!("{} and the network", address())),
        };
        ModelError::new(kind, format!("the {what} {server} cannot be reached: {reason}; {end}"))
    }

    /// The time is over.
    pub(super) fn late(&self) -> ModelError {
        let text = format!(
            "the {} {} did not answer within {} s; try again, or raise timeout_seconds in [{}]",
            self.words.server,
            self.voice.server,
            self.voice.total.as_secs(),
            self.words.section
        );
        ModelError::new(Kind::Timeout, text)
    }

    /// An answer that is none.
    pub(crate) fn nonsense(&self) -> ModelError {
        let text = format!(
            "the answer of {} is no {}; check that base_url in [{}] is that of {}, it usually ends in /v1",
            self.voice.server, self.words.answer, self.words.section, self.words.compatible
        );
        ModelError::new(Kind::BadReply, text)
    }
}
