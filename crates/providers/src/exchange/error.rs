//! From everything that can go wrong to one kind and one sentence for a person.

use std::time::Duration;

use agent_core::{ModelError, ModelErrorKind as Kind, Retry};
use http_client::{
    StatusCode, TransportError, TransportErrorKind,
    header::{HeaderMap, RETRY_AFTER},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// Longest that a server's wish to be left alone is respected.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Longest piece of a server's own words in a message, in characters.
const LONGEST_QUOTE: usize = 200;

/// What a reply suffers from, apart from its connection.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// A frame is not what the format says.
    Nonsense,
    /// A line or the whole reply is too long.
    TooLong,
    /// Too many tool calls.
    TooManyCalls,
    /// The stream ended before the reply did.
    BrokeOff,
    /// The stream ended in order and there was nothing in it.
    Empty,
    /// The server reported an error in the middle.
    Said(Value),
}

/// How one provider speaks of its failures in one call.
#[derive(Clone)]
pub(crate) struct Voice {
    /// Its name in the configuration.
    pub(crate) provider: String,
    /// The model asked for; empty where none was.
    pub(crate) model: String,
    /// Host and port.
    pub(crate) server: String,
    /// What must not appear, whatever a server repeats.
    pub(crate) secrets: Vec<SecretString>,
    /// The time limit of the whole reply.
    pub(crate) total: Duration,
}

/// What a server says of its error, as far as it can be found.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    text: String,
    /// `code` and `type`, lower case, with a space between.
    code: String,
    /// The status that an error inside a stream stands for.
    status: Option<u16>,
    /// The body is a page for browsers.
    page: bool,
}

impl Voice {
    /// An answer with an error status.
    pub(crate) fn status(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ModelError {
        let mut error = self.judge(status.as_u16(), &self.read(body));
        if let (Some(wait), Kind::RateLimited | Kind::Unavailable) = (wait_wanted(headers), error.kind) {
            error.retry = Retry::After(wait.min(LONGEST_WAIT));
        }
        error.status = Some(status.as_u16());
        error
    }

    /// What an error status and its body come to, for those who find their own words: what can be done, how long the server
    /// wants to be left alone, and its own words, ready to stand behind a sentence.
    #[cfg(any(feature = "whisper", feature = "speech", feature = "embeddings"))]
    pub(crate) fn verdict(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> (Kind, Option<Duration>, String) {
        let said = self.read(body);
        let kind = kind_of(status.as_u16(), &said);
        let wait = wait_wanted(headers).filter(|_| matches!(kind, Kind::RateLimited | Kind::Unavailable));
        (kind, wait.map(|wait| wait.min(LONGEST_WAIT)), self.quote(&said))
    }

    fn judge(&self, status: u16, said: &Said) -> ModelError {
        let name = &self.provider;
        let http = format!("HTTP {status}");
        let quote = self.quote(said);
        let kind = kind_of(status, said);
        let text = match kind {
            // Servers like to repeat the key here, if only in part, so their words are left out.
            Kind::Auth if status == 403 => {
                format!(
                    "provider `{name}` does not allow this with the key it was given ({http}); check the key's rights"
                )
            }
            Kind::Auth => format!(
                "provider `{name}` refused the key ({http}); check api_key in [providers.{name}] or {}",
                key_variable(name)
            ),
            Kind::Quota => {
                format!(
                    "the account at provider `{name}` has no credit left ({http}){quote}; add credit or use another provider"
                )
            }
            Kind::NotFound if self.model.is_empty() || said.page => format!(
                "provider `{name}` knows no such path at {} ({http}); check base_url in [providers.{name}], it usually ends in /v1",
                self.server
            ),
            Kind::NotFound => format!(
                "provider `{name}` does not know the model `{}` ({http}){quote}; check the model's name and base_url in [providers.{name}]",
                self.model
            ),
            Kind::ContextTooLong => {
                format!(
                    "the conversation is too long for the model `{}` of provider `{name}` ({http}){quote}",
                    self.model
                )
            }
            Kind::RateLimited => {
                format!("provider `{name}` wants fewer requests ({http}){quote}; try again later")
            }
            Kind::Timeout => format!("provider `{name}` gave up waiting ({http}){quote}; try again"),
            Kind::Unavailable => {
                format!("provider `{name}` cannot serve now ({http}){quote}; try again later")
            }
            _ if (300..400).contains(&status) => {
                format!(
                    "provider `{name}` has moved ({http}); set base_url in [providers.{name}] to its new address"
                )
            }
            _ => format!("provider `{name}` refused the request ({http}){quote}"),
        };
        ModelError::new(kind, text)
    }

    /// Something in the reply itself.
    pub(crate) fn trouble(&self, trouble: &Trouble) -> ModelError {
        let name = &self.provider;
        let bad = |text: String| ModelError::new(Kind::BadReply, text);
        match trouble {
            Trouble::Nonsense => bad(format!(
                "the reply of provider `{name}` makes no sense; does it speak another format than the `kind` in [providers.{name}]?"
            )),
            Trouble::TooLong => {
                bad(format!("the reply of provider `{name}` is longer than any reply may be"))
            }
            Trouble::TooManyCalls => {
                bad(format!("provider `{name}` wants more tools called at once than is allowed"))
            }
            Trouble::BrokeOff => bad(format!("the reply of provider `{name}` broke off; try again")),
            Trouble::Empty => bad(format!("provider `{name}` sent an empty reply; try again")),
            Trouble::Said(error) => self.said(error),
        }
    }

    fn said(&self, error: &Value) -> ModelError {
        let said = self.said_by(error);
        if let Some(status) = said.status.filter(|status| (400..600).contains(status)) {
            return ModelError { status: Some(status), ..self.judge(status, &said) };
        }
        let kind = match kind_of(0, &said) {
            Kind::BadRequest if !said.code.contains("invalid_request") => Kind::Unavailable,
            kind => kind,
        };
        let text =
            format!("provider `{}` reported an error in its reply{}", self.provider, self.quote(&said));
        ModelError::new(kind, text)
    }

    /// A reply that is no stream and no JSON.
    pub(crate) fn page(&self, status: StatusCode) -> ModelError {
        let text = format!(
            "provider `{}` answered with a page for browsers (HTTP {}); check base_url in [providers.{0}], it usually ends in /v1",
            self.provider,
            status.as_u16()
        );
        ModelError { status: Some(status.as_u16()), ..ModelError::new(Kind::BadReply, text) }
    }

    /// A request that never got an answer.
    pub(crate) fn unreachable(&self, error: &TransportError) -> ModelError {
        let name = &self.provider;
        let reason = self.scrub(&error.message);
        match error.kind {
            TransportErrorKind::Timeout => ModelError::new(
                Kind::Timeout,
                format!("provider `{name}` took too long: {reason}; try again"),
            ),
            TransportErrorKind::Egress => {
                ModelError::new(Kind::NotConfigured, format!("provider `{name}` cannot be asked: {reason}"))
            }
            _ => ModelError::new(
                Kind::Unavailable,
                format!(
                    "provider `{name}` cannot be reached: {reason}; check base_url in [providers.{name}] and the network"
                ),
            ),
        }
    }

    /// A connection that failed in the middle of a reply.
    pub(crate) fn broken(&self, error: &TransportError) -> ModelError {
        let text = format!(
            "the reply of provider `{}` broke off: {}; try again",
            self.provider,
            self.scrub(&error.message)
        );
        let kind = if error.kind == TransportErrorKind::Timeout { Kind::Timeout } else { Kind::BadReply };
        ModelError::new(kind, text)
    }

    /// Nothing came for too long.
    pub(crate) fn silence(&self, idle: Duration) -> ModelError {
        let text = format!(
            "provider `{}` sent nothing for {} s; try again, or raise idle_timeout_seconds in [providers.{0}]",
            self.provider,
            idle.as_secs()
        );
        ModelError::new(Kind::Timeout, text)
    }

    /// The whole time is over.
    pub(crate) fn late(&self) -> ModelError {
        let text = format!(
            "the reply of provider `{}` was not complete after {} s; try again, or raise total_timeout_seconds in [providers.{0}]",
            self.provider,
            self.total.as_secs()
        );
        ModelError::new(Kind::Timeout, text)
    }

    /// The server's words in brackets of their own, or nothing.
    fn quote(&self, said: &Said) -> String {
        // Scrubbed before it is cut: a secret that is cut in two would no longer be found.
        let text = self.scrub(&said.text);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        let text = text.trim_end_matches('.');
        match text.char_indices().nth(LONGEST_QUOTE) {
            _ if text.is_empty() => String::new(),
            Some((end, _)) => format!(": {}…", &text[..end]),
            None => format!(": {text}"),
        }
    }

    /// `text` without the secrets.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            let secret = secret.expose_secret();
            // Anything shorter is no secret and would tear words apart.
            if secret.len() >= 4 {
                text = text.replace(secret, "[secret]");
            }
        }
        text
    }

    fn read(&self, body: &[u8]) -> Said {
        let text = String::from_utf8_lossy(body);
        let text = text.trim();
        if let Ok(json) = serde_json::from_str::<Value>(text) {
            // Gemini wraps its errors in a list.
            let json = json.get(0).unwrap_or(&json);
            let error = json.get("error").filter(|error| !error.is_null()).unwrap_or(json);
            return self.said_by(error);
        }
        if text.starts_with('<') {
            return Said { text: title(text).to_owned(), page: true, ..Said::default() };
        }
        Said { text: text.to_owned(), ..Said::default() }
    }

    fn said_by(&self, error: &Value) -> Said {
        let word = |key: &str| match &error[key] {
            Value::String(word) => word.to_ascii_lowercase(),
            _ => String::new(),
        };
        let details = &error["detail"];
        let text = [error, &error["message"], details, &details[0]["msg"], &error["error"]]
            .into_iter()
            .find_map(Value::as_str)
            .unwrap_or("");
        let status = error["code"].as_u64().or_else(|| error["status"].as_u64());
        Said {
            text: text.to_owned(),
            code: format!("{} {}", word("code"), word("type")),
            status: status.and_then(|status| u16::try_from(status).ok()),
            page: false,
        }
    }
}

/// The variable of the environment that holds the key of the provider `name` when the configuration names none.
pub(crate) fn key_variable(name: &str) -> String {
    format!("{}_API_KEY", name.to_ascii_uppercase().replace('-', "_"))
}

/// What can be done, from the status and from what the server says. Status 0: an error inside a stream.
fn kind_of(status: u16, said: &Said) -> Kind {
    let code = |words: &[&str]| words.iter().any(|word| said.code.contains(word));
    if code(&["insufficient_quota", "billing_", "insufficient_balance"])
        || said.text.contains("credit balance is too low")
    {
        return Kind::Quota;
    }
    if code(&["context_length_exceeded", "exceed_context_size", "context_window_exceeded"])
        || (matches!(status, 0 | 400 | 413 | 422 | 500) && says_too_long(&said.text))
    {
        return Kind::ContextTooLong;
    }
    match status {
        401 | 403 => Kind::Auth,
        402 => Kind::Quota,
        // 3xx: this client follows no redirect, so the address is wrong.
        300..=399 => Kind::BadRequest,
        404 | 405 | 410 => Kind::NotFound,
        408 => Kind::Timeout,
        413 => Kind::ContextTooLong,
        429 => Kind::RateLimited,
        409 | 425 | 500.. => Kind::Unavailable,
        _ if code(&["model_not_found"]) => Kind::NotFound,
        _ if code(&["invalid_api_key", "authentication", "permission"]) => Kind::Auth,
        _ if code(&["rate_limit"]) => Kind::RateLimited,
        _ if code(&["server_error", "overloaded", "unavailable"]) => Kind::Unavailable,
        _ => Kind::BadRequest,
    }
}

/// Servers that have no code for it say it in one of these ways.
fn says_too_long(text: &str) -> bool {
    const WAYS: &[&str] = &[
        "maximum context length",
        "context length exceeded",
        "exceeds the available context size",
        "exceeds the context window",
        "exceed context window",
        "exceed context limit",
        "context overflow",
        "prompt is too long",
        "input is too long",
        "reduce the length of the messages",
    ];
    let text = text.to_ascii_lowercase();
    WAYS.iter().any(|way| text.contains(way))
}

/// The title of a page, or nothing.
fn title(page: &str) -> &str {
    let find =
        |from: usize, what: &str| page.get(from..)?.to_ascii_lowercase().find(what).map(|at| from + at);
    let inside = || {
        let start = find(0, "<title>")? + "<title>".len();
        page.get(start..find(start, "</title>")?)
    };
    inside().unwrap_or("")
}

/// How long the server wants to be left alone: `retry-after-ms`, or `Retry-After` in seconds or as a date. The date is
/// measured from the server's own `Date`, so that a wrong clock here does not matter.
fn wait_wanted(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let finite = |seconds: f64| Duration::try_from_secs_f64(seconds).ok();
    if let Some(wait) =
        text("retry-after-ms").and_then(|text| text.parse::<f64>().ok()).and_then(|ms| finite(ms / 1000.0))
    {
        return Some(wait);
    }
    let wanted = text(RETRY_AFTER.as_str())?;
    if let Ok(seconds) = wanted.parse::<f64>() {
        // Too long for a Duration is longer than any limit.
        return finite(seconds).or((seconds > 0.0).then_some(LONGEST_WAIT));
    }
    let date = |text: &str| jiff::fmt::rfc2822::parse(text).ok();
    let (then, now) = (date(wanted)?, date(text("date")?)?);
    Duration::try_from(then.timestamp().duration_since(now.timestamp())).ok()
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
