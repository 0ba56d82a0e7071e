//! The Events API: signed posts to a webhook.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::SIGNING_SECRET;
use super::server::FakeSlack;

/// What a webhook answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl FakeSlack {
    /// The headers of a post with this body, signed at this time (seconds since 1970).
    #[must_use]
    pub fn signed(&self, body: &[u8], at: i64) -> Vec<(String, String)> {
        let mut signature = String::new();
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(SIGNING_SECRET.as_bytes()) {
            mac.update(format!("v0:{at}:").as_bytes());
            mac.update(body);
            signature = format!("v0={}", hex::encode(mac.finalize().into_bytes()));
        }
        vec![
            ("x-slack-request-timestamp".into(), at.to_string()),
            ("x-slack-signature".into(), signature),
            ("content-type".into(), "application/json".into()),
        ]
    }

    /// Posts a body, signed now, to `http://HOST:PORT/path`, and waits up to 10 s for the answer.
    ///
    /// # Errors
    /// What the network says, or `InvalidData` when the answer is not HTTP.
    pub fn post(&self, url: &str, body: &[u8]) -> io::Result<Posted> {
        let at = i64::try_from(self.shared.micros() / 1_000_000).unwrap_or_default();
        post_with(url, &self.signed(body, at), body)
    }
}

/// Posts a body with these headers.
fn post_with(url: &str, headers: &[(String, String)], body: &[u8]) -> io::Result<Posted> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "not HTTP");
    let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).ok_or_else(wrong)?;
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_write_timeout(Some(Duration::from_secs(10)))?;
    let mut request = format!("POST /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    stream.write_all(request.as_bytes())?;
    stream.write_all(body)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(wrong)?;
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or_else(wrong)?;
    Ok(Posted { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::super::FakeSlack;

    #[test]
    fn a_post_comes_back_with_status_and_body() {
        let fake = FakeSlack::start();
        let posted = fake.post(&format!("{}/api/auth.test", fake.api_url()), b"{}").unwrap();
        assert_eq!((posted.status, posted.body.as_str()), (200, r#"{"error":"not_authed","ok":false}"#));
        let posted = fake.post(&format!("{}/nowhere", fake.api_url()), b"").unwrap();
        assert_eq!(posted.status, 404);
    }

    #[test]
    fn a_signature_is_what_another_program_computes() {
        // Computed with Python's hmac over `v0:1531420618:a=b` and the fake's secret.
        let fake = FakeSlack::start();
        let signed = fake.signed(b"a=b", 1_531_420_618);
        assert_eq!(signed[1].1, "v0=54b06d4292ca103d1d3a02803534e5ab2c7b6728a28b6c54fe608bcda50f0aaa");
    }
}
