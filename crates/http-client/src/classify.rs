//! From the HTTP library's nested errors to one kind and one sentence.

use std::error::Error;
use std::io;

use rustls::CertificateError;

use crate::egress::EgressRefusal;
use crate::error::{TransportError, TransportErrorKind as Kind};
use crate::redact::endpoint;

/// Bound of a foreign error text inside a sentence, in characters: a server's bytes may stand in it.
const LONGEST_CAUSE: usize = 160;

/// Classifies an error; `proxy` is the `host:port` of the proxy in between, if there is one.
///
/// Takes the error by value, so that no caller goes on with a text that holds the URL.
pub(crate) fn explain(error: reqwest::Error, proxy: Option<&str>) -> TransportError {
    let target = error.url().map_or_else(|| "the server".to_owned(), endpoint);
    let error = error.without_url();
    if let Some(refusal) = find::<EgressRefusal>(&error) {
        return refusal.clone().into();
    }
    let peer = match proxy {
        Some(proxy) => format!("{target} (through the proxy {proxy})"),
        None => target,
    };
    let connecting = error.is_connect();
    if let Some(tls) = find::<rustls::Error>(&error) {
        return TransportError::new(Kind::Tls, tls_sentence(tls, &peer));
    }
    if error.is_timeout() {
        let message = if connecting {
            format!("no connection to {peer} within the time limit")
        } else if error.is_body() || error.is_decode() {
            format!("{peer} stopped in the middle of its answer, and the time limit passed")
        } else {
            format!("{peer} did not answer within the time limit")
        };
        return TransportError::new(Kind::Timeout, message);
    }
    if error.is_dns() {
        return TransportError::new(Kind::Dns, format!("the name of {peer} cannot be resolved"));
    }
    if let Some(kind) = io_kind(&error) {
        if kind == io::ErrorKind::ConnectionRefused {
            return TransportError::new(Kind::Refused, format!("connection refused by {peer}"));
        }
        if matches!(kind, io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) {
            return TransportError::new(Kind::Connect, format!("there is no route to {peer}"));
        }
        if !connecting && is_closed(kind) {
            return TransportError::new(Kind::Closed, closed_sentence(&peer));
        }
    }
    if connecting {
        return TransportError::new(
            Kind::Connect,
            format!("cannot connect to {peer}: {}", innermost(&error)),
        );
    }
    if find::<hyper::Error>(&error).is_some_and(|error| error.is_incomplete_message() || error.is_closed()) {
        return TransportError::new(Kind::Closed, closed_sentence(&peer));
    }
    if error.is_body() || error.is_decode() {
        return TransportError::new(
            Kind::Body,
            format!("the answer of {peer} is broken: {}", innermost(&error)),
        );
    }
    TransportError::new(Kind::Other, format!("the request to {peer} failed: {}", innermost(&error)))
}

fn closed_sentence(peer: &str) -> String {
    format!("{peer} closed the connection before its answer was complete")
}

fn is_closed(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof)
}

/// What the certificate check or the handshake found, for a person.
fn tls_sentence(error: &rustls::Error, peer: &str) -> String {
    match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                format!("the certificate of {peer} has expired (or the clock here is wrong)")
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                format!("the certificate of {peer} is not valid yet (or the clock here is wrong)")
            }
            CertificateError::UnknownIssuer => {
                format!("the certificate of {peer} was not issued by a known authority")
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!("the certificate of {peer} belongs to another name")
            }
            other => format!("the certificate of {peer} is not acceptable: {}", cut(&other.to_string())),
        },
        rustls::Error::InvalidMessage(_) => format!("{peer} does not speak TLS on that port"),
        other => format!("the TLS handshake with {peer} failed: {}", cut(&other.to_string())),
    }
}

/// The deepest cause as a short text. Only for errors whose URL has been taken off.
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    cut(&chain(error).last().unwrap_or(error).to_string())
}

fn cut(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match text.char_indices().nth(LONGEST_CAUSE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The first cause of the given type.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    chain(error).find_map(|cause| cause.downcast_ref::<T>())
}

/// The kind of the deepest I/O error; outer ones often say no more than "other".
fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    chain(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).last().map(io::Error::kind)
}

/// The error and all its causes. An `io::Error` that wraps another error names that error's *source* as its own, so
/// that plain walking would step over exactly the TLS error that is looked for; hence the detour by `get_ref`.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), deeper)
}

fn deeper<'a>(error: &&'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let error: &'a (dyn Error + 'static) = *error;
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

#[cfg(test)]
mod tests {
    use super::{cut, find, io_kind, tls_sentence};
    use rustls::{CertificateError, InvalidMessage};
    use std::io;

    #[test]
    fn each_certificate_problem_has_its_own_sentence() {
        let certificate = rustls::Error::InvalidCertificate;
        for (error, expected) in [
            (
                certificate(CertificateError::Expired),
                "the certificate of a:1 has expired (or the clock here is wrong)",
            ),
            (
                certificate(CertificateError::NotValidYet),
                "the certificate of a:1 is not valid yet (or the clock here is wrong)",
            ),
            (
                certificate(CertificateError::UnknownIssuer),
                "the certificate of a:1 was not issued by a known authority",
            ),
            (
                certificate(CertificateError::NotValidForName),
                "the certificate of a:1 belongs to another name",
            ),
            (
                rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType),
                "a:1 does not speak TLS on that port",
            ),
        ] {
            assert_eq!(tls_sentence(&error, "a:1"), expected);
        }
    }

    #[test]
    fn an_error_inside_an_io_error_is_found() {
        let outer =
            io::Error::other(io::Error::new(io::ErrorKind::InvalidData, rustls::Error::HandshakeNotComplete));
        assert!(find::<rustls::Error>(&outer).is_some());
        assert_eq!(io_kind(&outer), Some(io::ErrorKind::InvalidData));
    }

    #[test]
    fn a_foreign_text_is_bounded_and_without_control_characters() {
        assert_eq!(cut("a\u{1b}[31m\nb"), "a [31m b");
        assert_eq!(cut(&"é".repeat(500)).chars().count(), 161);
    }
}
