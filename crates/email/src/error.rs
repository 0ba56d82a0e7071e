//! From the libraries' errors to what the core does about them. No text here holds a password: servers are quoted, but
//! only their own words, and short.

use std::time::Duration;

use agent_core::ChannelError;
use async_imap::error::Error as ImapError;
use futures_util::future::{Either, select};
use lettre::transport::smtp::Error as SmtpError;
use session_api::Clock;

/// Bound of a server's words inside a sentence, in characters.
const LONGEST: usize = 160;
/// The first wait after a mail server said "later", where the core asks for one.
const LATER: Duration = Duration::from_secs(60);

/// Later.
pub(crate) fn temporary(message: impl Into<String>) -> ChannelError {
    ChannelError::Temporary { message: message.into(), after: None }
}

/// Never.
pub(crate) fn permanent(message: impl Into<String>) -> ChannelError {
    ChannelError::Permanent { message: message.into() }
}

/// Not before somebody mends the configuration.
pub(crate) fn setup(message: impl Into<String>) -> ChannelError {
    ChannelError::Setup { message: message.into() }
}

/// Nobody knows.
pub(crate) fn doubtful(message: impl Into<String>) -> ChannelError {
    ChannelError::Doubtful { message: message.into() }
}

/// A wait with a bound: a network that says nothing looks like one that is slow.
pub(crate) async fn within<T>(
    clock: &dyn Clock,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    match select(std::pin::pin!(work), clock.sleep(limit)).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

/// The IMAP server did not do `what`.
pub(crate) fn imap(what: &str, error: &ImapError) -> ChannelError {
    match error {
        ImapError::No(text) | ImapError::Bad(text) => {
            temporary(format!("the IMAP server refused {what}: {}", words(text)))
        }
        ImapError::Io(error) => {
            temporary(format!("the IMAP connection broke at {what}: {}", cut(&error.kind().to_string())))
        }
        ImapError::ConnectionLost => temporary(format!("the IMAP server closed the connection at {what}")),
        // These quote what came over the wire, mails included.
        _ => temporary(format!("the IMAP server's answer to {what} cannot be understood")),
    }
}

/// Whether a refusal to open a mailbox means that it is not there.
pub(crate) fn is_missing(text: &str) -> bool {
    let text = text.to_ascii_uppercase();
    ["NONEXISTENT", "DOESN'T EXIST", "DOES NOT EXIST", "NOT FOUND", "UNKNOWN MAILBOX"]
        .iter()
        .any(|word| text.contains(word))
}

/// The IMAP server refused the login. Everything but a server that is not well stops the channel: providers lock
/// accounts that keep trying.
pub(crate) fn login(user: &str, error: &ImapError) -> ChannelError {
    const LATER: [&str; 5] = ["UNAVAILABLE", "INUSE", "LIMIT", "OVERQUOTA", "TRYAGAIN"];
    match error {
        ImapError::No(text) if LATER.iter().any(|code| text.to_ascii_uppercase().contains(code)) => {
            imap("the login", error)
        }
        ImapError::No(text) | ImapError::Bad(text) => setup(format!(
            "the IMAP server refused the login of {user}: {}; check imap_user and imap_password",
            words(text)
        )),
        ImapError::Validate(_) => setup("imap_user and imap_password must each be one line of text"),
        other => imap("the login", other),
    }
}

/// How far a delivery had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Connection, greeting, TLS.
    Connect,
    /// Name and password.
    Login,
    /// Sender, recipient, permission to send the content.
    Envelope,
    /// The content, and the reply to it.
    Content,
}

/// The SMTP server did not take something.
pub(crate) fn smtp(stage: Stage, error: &SmtpError) -> ChannelError {
    let said = || cut(&error_words(error));
    let code = error.status().map(u16::from);
    match (stage, code) {
        (Stage::Login, Some(500..)) | (_, Some(530 | 534 | 535 | 538)) => {
            setup(format!("the SMTP server refused the login: {}; check smtp_user and smtp_password", said()))
        }
        (Stage::Connect, Some(500..)) => temporary(format!("the SMTP server turned us away: {}", said())),
        (_, Some(500..)) => permanent(format!("the mail server refused the mail: {}", said())),
        (_, Some(_)) => ChannelError::Temporary {
            message: format!("the mail server wants to be asked again later: {}", said()),
            after: Some(LATER),
        },
        (Stage::Content, None) => {
            doubtful("the connection to the mail server ended before it said whether it took the mail")
        }
        (Stage::Login, None) if error.is_client() => {
            setup(format!("the SMTP server and we know no common way to log in: {}", said()))
        }
        (Stage::Connect, None) if error.is_client() => {
            setup(format!("no SMTP connection: {}; check smtp_tls", said()))
        }
        (_, None) => temporary(format!("no connection to the mail server: {}", said())),
    }
}

fn error_words(error: &SmtpError) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause {
        let text = deeper.to_string();
        if !words.contains(&text) {
            words = format!("{words}: {text}");
        }
        cause = deeper.source();
    }
    words
}

/// The server's own words inside the library's debug output (`code: None, info: Some("…")`).
fn words(text: &str) -> String {
    let inner =
        text.split_once("Some(\"").and_then(|(_, rest)| rest.rsplit_once("\")")).map(|(inner, _)| inner);
    cut(inner.unwrap_or(text))
}

fn cut(text: &str) -> String {
    crate::threads::one_line(text, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_server_that_is_not_well_is_asked_again_for_a_login() {
        for (text, stops) in [
            ("code: None, info: Some(\"[AUTHENTICATIONFAILED] Authentication failed.\")", true),
            ("code: None, info: Some(\"Login disabled\")", true),
            ("code: None, info: Some(\"[UNAVAILABLE] Temporary authentication failure.\")", false),
            ("code: None, info: Some(\"[LIMIT] Too many connections\")", false),
        ] {
            let error = login("bot", &ImapError::No(text.into()));
            assert_eq!(matches!(error, ChannelError::Setup { .. }), stops, "{error}");
            assert!(!error.to_string().contains("Some("), "{error}");
        }
    }
}
