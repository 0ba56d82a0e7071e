//! Naming a URL in a log line or an error text without giving anything away.

use reqwest::Url;

/// Longest text that [`redact_url`] returns, in characters.
const LONGEST: usize = 200;

/// A path segment from this length on that mixes letters and digits is taken for a token (webhook and bot URLs).
const TOKEN_LENGTH: usize = 24;

/// `host:port` of a URL, the port being the scheme's own when none is written.
#[must_use]
pub fn endpoint(url: &Url) -> String {
    let host = url.host_str().unwrap_or("(no host)");
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// The URL for people: scheme, host, port and path. User name, password, query and fragment are left out, path segments
/// that look like a token become `…`, and the text is cut at 200 characters.
#[must_use]
pub fn redact_url(url: &Url) -> String {
    let Some(host) = url.host_str() else {
        // `data:`, `mailto:` and the like carry all they have in the path.
        return format!("{}:…", url.scheme());
    };
    let mut text = format!("{}://{host}", url.scheme());
    if let Some(port) = url.port() {
        text.push_str(&format!(":{port}"));
    }
    for segment in url.path_segments().into_iter().flatten() {
        text.push('/');
        text.push_str(if looks_like_token(segment) { "…" } else { segment });
    }
    if text.chars().count() > LONGEST {
        text = text.chars().take(LONGEST - 1).collect();
        text.push('…');
    }
    text
}

fn looks_like_token(segment: &str) -> bool {
    let letters = segment.bytes().any(|byte| byte.is_ascii_alphabetic());
    let digits = segment.bytes().any(|byte| byte.is_ascii_digit());
    segment.len() >= TOKEN_LENGTH && letters && digits
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, endpoint, redact_url};
    use proptest::prelude::{prop_assert, proptest};
    use reqwest::Url;

    #[test]
    fn a_redacted_url_keeps_what_helps_and_drops_what_harms() {
        let cases = [
            ("https://user:secret@api.example.com/v1/chat?key=abc#part", "https://api.example.com/v1/chat"),
            ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
            ("https://[2001:db8::1]:8443/", "https://[2001:db8::1]:8443/"),
            (
                "https://api.telegram.org/bot123456:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc/getMe",
                "https://api.telegram.org/…/getMe",
            ),
            (
                "https://example.com/a-rather-long-but-plain-segment/x",
                "https://example.com/a-rather-long-but-plain-segment/x",
            ),
            ("data:text/plain,secret", "data:…"),
        ];
        for (url, expected) in cases {
            assert_eq!(redact_url(&Url::parse(url).unwrap()), expected);
        }
    }

    #[test]
    fn an_endpoint_names_the_port_even_when_the_url_does_not() {
        for (url, expected) in [
            ("https://api.example.com/v1", "api.example.com:443"),
            ("http://u:p@localhost/", "localhost:80"),
            ("http://[::1]:9/", "[::1]:9"),
        ] {
            assert_eq!(endpoint(&Url::parse(url).unwrap()), expected);
        }
    }

    proptest! {
        #[test]
        fn no_credential_or_query_survives(
            user in "[A-Z]{4,8}", password in "[A-Z]{4,8}", query in "[A-Z]{4,8}", path in "[a-z/]{0,300}",
        ) {
            let url = Url::parse(&format!("https://{user}:{password}@host.test/{path}?q={query}#{query}")).unwrap();
            let text = redact_url(&url);
            prop_assert!(!text.contains(&user) && !text.contains(&password) && !text.contains(&query));
            prop_assert!(text.chars().count() <= LONGEST);
        }
    }
}
