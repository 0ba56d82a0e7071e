//! What a call can end in, and what the port's errors make of it.

use std::time::Duration;

use agent_core::ChannelError;
use http_client::{TransportError, TransportErrorKind};
use serde::Deserialize;

/// How long to leave the platform alone when another program polls with the same token.
pub(super) const CONFLICT_PAUSE: Duration = Duration::from_secs(30);

/// Longest piece of the server's own words in a message, in characters.
const LONGEST_QUOTE: usize = 200;

/// A call that brought no result.
#[derive(Debug)]
pub(super) enum CallError {
    /// The exchange itself failed.
    Transport(TransportError),
    /// The API refused.
    Refused(Refusal),
    /// An answer that is not the API's: a page of a proxy, half a document.
    Garbage {
        /// Its HTTP status.
        status: u16,
    },
}

/// The API's refusal.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Refusal {
    /// As an HTTP status.
    #[serde(default)]
    error_code: u16,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Debug, Default, Deserialize)]
struct Parameters {
    retry_after: Option<u64>,
    migrate_to_chat_id: Option<i64>,
}

/// What a refusal means for us. The API tells most cases apart by words only, and varies the ends of its sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The key is wrong or revoked.
    Token,
    /// Too many requests.
    Flood,
    /// Somebody else polls.
    Conflict,
    /// A webhook is set, so that polling is refused.
    WebhookActive,
    /// The group has another id now.
    Migrated(i64),
    /// The edit changes nothing.
    NotModified,
    /// What was to be edited or deleted is not there (any more).
    Gone,
    /// The markup was not understood, or the text became too long by it.
    Markup,
    /// A picture that can only go as a file.
    Picture,
    /// The chat, or the right to write there, is gone; or the request can never succeed.
    Never,
    /// The server has trouble.
    Server,
}

impl Refusal {
    /// With the HTTP status where the body does not name it.
    pub(super) fn with_status(mut self, status: u16) -> Self {
        if self.error_code == 0 {
            self.error_code = status;
        }
        self
    }

    pub(super) fn cause(&self) -> Cause {
        let says = |what: &str| self.description.to_ascii_lowercase().contains(what);
        if let Some(to) = self.parameters.migrate_to_chat_id {
            return Cause::Migrated(to);
        }
        match self.error_code {
            401 | 404 => Cause::Token,
            429 => Cause::Flood,
            409 if says("webhook") => Cause::WebhookActive,
            409 => Cause::Conflict,
            500.. => Cause::Server,
            _ if says("message is not modified") => Cause::NotModified,
            _ if says("message to edit not found")
                || says("message to delete not found")
                || says("message can't be edited")
                || says("message can't be deleted")
                || says("message_id_invalid") =>
            {
                Cause::Gone
            }
            _ if says("can't parse entities") || says("message is too long") || says("message_too_long") => {
                Cause::Markup
            }
            _ if says("photo_") || says("image_process_failed") => Cause::Picture,
            _ => Cause::Never,
        }
    }

    /// The wait that the server asks for.
    fn after(&self) -> Option<Duration> {
        self.parameters.retry_after.map(Duration::from_secs)
    }

    fn quote(&self) -> String {
        let clean: String =
            self.description.chars().filter(|c| !c.is_control()).take(LONGEST_QUOTE).collect();
        if clean.is_empty() { format!("HTTP {}", self.error_code) } else { clean }
    }
}

impl CallError {
    /// What a refusal means; `None` for all that is no refusal.
    pub(super) fn cause(&self) -> Option<Cause> {
        match self {
            Self::Refused(refusal) => Some(refusal.cause()),
            _ => None,
        }
    }

    /// For calls that can be repeated without harm: what went wrong on the way is temporary.
    pub(super) fn harmless(self) -> ChannelError {
        match self {
            Self::Transport(error) => temporary(format!("Telegram cannot be reached: {error}"), None),
            // As a proxy in front of the API answers for it.
            Self::Garbage { status: 413 } => {
                ChannelError::Permanent { message: "it is too large for Telegram (HTTP 413)".into() }
            }
            Self::Garbage { status } => temporary(nonsense(status), None),
            Self::Refused(refusal) => refused(&refusal),
        }
    }

    /// For calls that put something into a chat: an answer that is missing or broken leaves open whether they did.
    pub(super) fn doubtful(self) -> ChannelError {
        match self {
            Self::Transport(error) if error.never_sent() => Self::Transport(error).harmless(),
            Self::Transport(error) => {
                let late = error.kind == TransportErrorKind::Timeout;
                let how = if late { "did not answer in time" } else { "broke off its answer" };
                let message = format!("Telegram {how}, and may have taken the message: {error}");
                ChannelError::Doubtful { message }
            }
            // An error status means that it was not taken, except from a gateway that gave up waiting.
            Self::Garbage { status } if status < 300 || status == 504 => ChannelError::Doubtful {
                message: format!("{}, and may have taken the message", nonsense(status)),
            },
            other => other.harmless(),
        }
    }
}

fn nonsense(status: u16) -> String {
    format!(
        "Telegram's answer makes no sense (HTTP {status}); if it stays so, check channels.telegram.api_url"
    )
}

fn temporary(message: String, after: Option<Duration>) -> ChannelError {
    ChannelError::Temporary { message, after }
}

fn refused(refusal: &Refusal) -> ChannelError {
    let quote = refusal.quote();
    match refusal.cause() {
        Cause::Token => ChannelError::Setup {
            message: format!(
                "Telegram does not know the bot's token ({quote}); check channels.telegram.token, and api_url where it is set, or ask @BotFather for a new token"
            ),
        },
        Cause::Flood => temporary(format!("Telegram wants fewer messages ({quote})"), refusal.after()),
        Cause::Conflict => temporary(
            format!(
                "another program receives this bot's messages with the same token ({quote}); stop it, or use a token of its own"
            ),
            Some(CONFLICT_PAUSE),
        ),
        Cause::WebhookActive => temporary(
            format!("a webhook is set for this bot by somebody else, so that it cannot be polled ({quote})"),
            Some(CONFLICT_PAUSE),
        ),
        Cause::Server => temporary(format!("Telegram has trouble ({quote})"), refusal.after()),
        Cause::Migrated(to) => {
            ChannelError::Permanent { message: format!("the group has become the supergroup {to} ({quote})") }
        }
        Cause::NotModified | Cause::Gone | Cause::Markup | Cause::Picture | Cause::Never => {
            ChannelError::Permanent { message: format!("Telegram refused it: {quote}") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[expect(clippy::needless_pass_by_value, reason = "the tables are written in place")]
    fn refusal(code: u16, text: &str, parameters: serde_json::Value) -> Refusal {
        let body = json!({"ok": false, "error_code": code, "description": text, "parameters": parameters});
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn each_refusal_has_its_cause() {
        for (code, text, cause) in [
            (401, "Unauthorized", Cause::Token),
            (404, "Not Found", Cause::Token),
            (429, "Too Many Requests: retry after 3", Cause::Flood),
            (409, "Conflict: terminated by other getUpdates request; make sure …", Cause::Conflict),
            (409, "Conflict: can't use getUpdates method while webhook is active", Cause::WebhookActive),
            (400, "Bad Request: message is not modified: specified …", Cause::NotModified),
            (400, "Bad Request: message to edit not found", Cause::Gone),
            (400, "Bad Request: message can't be edited", Cause::Gone),
            (400, "Bad Request: message to delete not found", Cause::Gone),
            (400, "Bad Request: can't parse entities: Unsupported start tag \"h1\"", Cause::Markup),
            (400, "Bad Request: message is too long", Cause::Markup),
            (400, "Bad Request: MESSAGE_TOO_LONG", Cause::Markup),
            (400, "Bad Request: PHOTO_INVALID_DIMENSIONS", Cause::Picture),
            (400, "Bad Request: chat not found", Cause::Never),
            (403, "Forbidden: bot was blocked by the user", Cause::Never),
            (500, "Internal Server Error", Cause::Server),
        ] {
            assert_eq!(refusal(code, text, json!({})).cause(), cause, "{code} {text}");
        }
        assert_eq!(
            refusal(400, "upgraded", json!({"migrate_to_chat_id": -100})).cause(),
            Cause::Migrated(-100)
        );
    }

    #[test]
    fn errors_say_whether_and_when_a_retry_helps() {
        let flood = CallError::Refused(refusal(429, "slow down", json!({"retry_after": 7}))).doubtful();
        assert!(
            matches!(flood, ChannelError::Temporary { after: Some(wait), .. } if wait == Duration::from_secs(7))
        );
        let other =
            CallError::Refused(refusal(409, "Conflict: terminated by other getUpdates request", json!({})));
        let ChannelError::Temporary { message, after: Some(wait) } = other.harmless() else {
            panic!("not temporary")
        };
        assert!(wait >= Duration::from_secs(30) && message.contains("another program"), "{message}");
        let blocked = CallError::Refused(refusal(403, "Forbidden: bot was blocked by the user", json!({})));
        assert!(matches!(blocked.doubtful(), ChannelError::Permanent { .. }));
        assert!(matches!(CallError::Garbage { status: 502 }.doubtful(), ChannelError::Temporary { .. }));
        assert!(matches!(CallError::Garbage { status: 403 }.doubtful(), ChannelError::Temporary { .. }));
        assert!(matches!(CallError::Garbage { status: 413 }.doubtful(), ChannelError::Permanent { .. }));
        assert!(matches!(CallError::Garbage { status: 200 }.doubtful(), ChannelError::Doubtful { .. }));
        assert!(matches!(CallError::Garbage { status: 504 }.doubtful(), ChannelError::Doubtful { .. }));
        assert!(matches!(CallError::Garbage { status: 200 }.harmless(), ChannelError::Temporary { .. }));
        let dead = CallError::Refused(refusal(401, "Unauthorized", json!({}))).harmless();
        assert!(matches!(dead, ChannelError::Setup { .. }));
    }
}
