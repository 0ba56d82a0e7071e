//! What can go wrong when a client is built and when it is used.

use std::fmt;

use crate::egress::EgressRefusal;

/// A client could not be built from its policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The proxy of the policy is no `http://` or `https://` URL. The text is not repeated: it may hold a password.
    #[error("the proxy is not valid: {0}")]
    Proxy(&'static str),
    /// A proxy looks names up by itself, so that the guard would judge nothing.
    #[error("a client that may reach only the public internet cannot use a proxy")]
    GuardedProxy,
    /// The user agent holds letters that a header may not hold.
    #[error("the user agent may hold only visible ASCII letters")]
    UserAgent,
    /// The TLS configuration could not be made.
    #[error("TLS could not be set up: {0}")]
    Tls(String),
    /// Anything else that the HTTP library refuses.
    #[error("the HTTP client could not be built: {0}")]
    Build(String),
}

/// What a failed exchange failed of, in as few kinds as a caller can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// The host name has no address, or the resolver did not answer.
    Dns,
    /// The machine answered that nothing listens on that port.
    Refused,
    /// Any other failure before the connection stood: no route, a proxy that refused.
    Connect,
    /// The TLS handshake failed: certificate, protocol, or no TLS on that port.
    Tls,
    /// One of the policy's time limits passed.
    Timeout,
    /// The connection ended before the answer was complete.
    Closed,
    /// The answer's body was broken: framing or encoding.
    Body,
    /// The egress guard refused the address; [`TransportError::refusal`] has the rule.
    Egress,
    /// Anything else.
    Other,
}

impl TransportErrorKind {
    /// The kind as one lower-case word, for log fields.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Refused => "refused",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Body => "body",
            Self::Egress => "egress",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for TransportErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An exchange that brought no complete answer. An answer with an error status is none of these.
///
/// The original error is not kept: its text may hold the whole URL. What remains is one sentence that names host and
/// port, safe for logs, people and models.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TransportError {
    /// What kind of failure it was.
    pub kind: TransportErrorKind,
    /// One sentence, lower case and without a final stop, such as `connection refused by 127.0.0.1:8080`.
    pub message: String,
    refusal: Option<EgressRefusal>,
}

impl TransportError {
    pub(crate) fn new(kind: TransportErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), refusal: None }
    }

    /// The rule of the egress guard, when the kind is [`TransportErrorKind::Egress`].
    #[must_use]
    pub fn refusal(&self) -> Option<&EgressRefusal> {
        self.refusal.as_ref()
    }

    /// Whether the request surely never reached the server, so that repeating even a request with effects is safe.
    #[must_use]
    pub fn never_sent(&self) -> bool {
        use TransportErrorKind::{Connect, Dns, Egress, Refused, Tls};
        matches!(self.kind, Dns | Refused | Connect | Tls | Egress)
    }
}

impl From<EgressRefusal> for TransportError {
    fn from(refusal: EgressRefusal) -> Self {
        Self { kind: TransportErrorKind::Egress, message: refusal.to_string(), refusal: Some(refusal) }
    }
}
