//! Which names the server answers to, and which web pages may call it.
//!
//! A page in the owner's browser reaches every port of the owner's machine. Two things keep it out: the browser tells
//! its origin, and a page that gave its own name the address 127.0.0.1 (DNS rebinding) still calls by that name.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, header};

use crate::HttpError;

/// The lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Guard {
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Guard {
    pub(crate) fn new(hosts: &[String], origins: &[String]) -> Result<Self, HttpError> {
        for host in hosts {
            let odd = host.is_empty() || host.contains(['/', ':', '*', '@', ' ']);
            if odd {
                let wrong = "is no host name; write it without scheme, port and wildcard: `chat.example.org`";
                return Err(HttpError::Allowed { key: "hosts", entry: host.clone(), wrong });
            }
        }
        for origin in origins {
            let authority = authority_of(origin).unwrap_or_default();
            if authority.is_empty() || authority.contains(['/', '*', '@', ' ']) {
                let wrong =
                    "is no origin; write scheme and host and nothing more: `https://chat.example.org`";
                return Err(HttpError::Allowed { key: "origins", entry: origin.clone(), wrong });
            }
        }
        let lower = |list: &[String]| list.iter().map(|entry| entry.to_ascii_lowercase()).collect();
        Ok(Self { hosts: lower(hosts), origins: lower(origins) })
    }

    /// Whether a request with these headers is let through.
    pub(crate) fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(host) = only(headers, &header::HOST) else { return false };
        self.admits_host(&host)
            && match headers.contains_key(header::ORIGIN) {
                false => true,
                true => {
                    only(headers, &header::ORIGIN).is_some_and(|origin| self.admits_origin(&origin, &host))
                }
            }
    }

    /// An address cannot be rebound; a name can, so only known ones pass.
    fn admits_host(&self, host: &str) -> bool {
        let Some(name) = name_of(host) else { return false };
        let name = name.strip_suffix('.').unwrap_or(name);
        name == "localhost" || name.parse::<IpAddr>().is_ok() || self.hosts.iter().any(|known| known == name)
    }

    /// A page that this server itself could have served, or a listed one.
    fn admits_origin(&self, origin: &str, host: &str) -> bool {
        self.origins.iter().any(|known| known == origin) || authority_of(origin) == Some(host)
    }
}

/// The value of a header that stands there once, in lower case.
fn only(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?.to_ascii_lowercase();
    values.next().is_none().then_some(value)
}

/// What stands behind the scheme of an origin.
fn authority_of(origin: &str) -> Option<&str> {
    origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))
}

/// A host without its port and without the brackets of an IPv6 address.
fn name_of(host: &str) -> Option<&str> {
    let (name, rest) = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let port = rest.strip_prefix(':').unwrap_or("0");
    (rest.is_empty() || rest.starts_with(':')).then_some(())?;
    port.parse::<u16>().is_ok().then_some(name)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn guard() -> Guard {
        Guard::new(&["Bot.Example.org".into()], &["https://chat.example.org".into()]).expect("sound lists")
    }

    fn headers(hosts: &[&str], origins: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, values) in [(header::HOST, hosts), (header::ORIGIN, origins)] {
            for value in values {
                headers.append(name.clone(), HeaderValue::from_str(value).expect("a header's value"));
            }
        }
        headers
    }

    #[test]
    fn known_names_and_addresses_are_answered_to() {
        for (host, admitted) in [
            ("localhost", true),
            ("LOCALHOST:8420", true),
            ("localhost.:8420", true),
            ("127.0.0.1:8420", true),
            ("192.168.1.7", true),
            ("[::1]:8420", true),
            ("[::1]", true),
            ("bot.example.org", true),
            ("bot.example.org:443", true),
            ("evil.example.org", false),
            ("bot.example.org.evil.test", false),
            ("127.0.0.1.evil.test", false),
            ("localhost.evil.test", false),
            ("user@localhost", false),
            ("localhost:port", false),
            ("localhost:", false),
            ("[::1", false),
            ("[::1]x", false),
            ("", false),
        ] {
            assert_eq!(guard().admits(&headers(&[host], &[])), admitted, "{host}");
        }
        assert!(!guard().admits(&headers(&[], &[])), "no host at all");
        assert!(!guard().admits(&headers(&["localhost", "localhost"], &[])), "two hosts");
    }

    #[test]
    fn pages_of_others_are_kept_out() {
        for (host, origins, admitted) in [
            ("127.0.0.1:8420", &["http://127.0.0.1:8420"][..], true),
            ("localhost:8420", &["HTTP://localhost:8420"], true),
            ("bot.example.org", &["https://bot.example.org"], true),
            ("127.0.0.1:8420", &["https://chat.example.org"], true),
            ("127.0.0.1:8420", &["http://chat.example.org"], false),
            ("127.0.0.1:8420", &["https://chat.example.org.evil.test"], false),
            ("127.0.0.1:8420", &["http://localhost:3000"], false),
            ("127.0.0.1:8420", &["http://127.0.0.1"], false),
            ("127.0.0.1:8420", &["http://evil.test"], false),
            ("127.0.0.1:8420", &["null"], false),
            ("127.0.0.1:8420", &["file://"], false),
            ("127.0.0.1:8420", &[""], false),
            ("127.0.0.1:8420", &["http://127.0.0.1:8420", "http://evil.test"], false),
        ] {
            assert_eq!(guard().admits(&headers(&[host], origins)), admitted, "{host} {origins:?}");
        }
    }

    #[test]
    fn lists_that_would_allow_nothing_or_everything_are_refused() {
        for host in ["", "*", "*.example.org", "https://example.org", "example.org:80"] {
            assert!(Guard::new(&[host.into()], &[]).is_err(), "{host}");
        }
        for origin in ["", "*", "example.org", "https://", "https://*", "https://example.org/"] {
            assert!(Guard::new(&[], &[origin.into()]).is_err(), "{origin}");
        }
    }
}
