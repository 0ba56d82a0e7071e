//! Webhooks.

use std::time::Duration;

use http_api::{HttpConfig, HttpLimits};

use crate::support::{Gateway, Setup, ask, config, exchange};

const GOOD: (&str, &str) = ("X-Signature", "good");

#[tokio::test]
async fn a_hook_gets_the_bytes_and_headers_as_they_came() {
    let gateway = Gateway::new(Setup::default()).await;
    let body = b"{\"raw\": \"\\u00e4\"}\r\n\xff\x00";
    // A proxy's name, and a browser's origin: neither matters where a signature does.
    let headers =
        [GOOD, ("Host", "bot.example.org"), ("Origin", "http://evil.test"), ("X-Custom", "Mixed Case")];
    let answer = ask(gateway.addr, "POST /hooks/slack", &headers, body).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "challenge"));
    let hooks = gateway.office.hooks.lock().expect("not poisoned");
    let (kind, request) = hooks.first().expect("it came through");
    assert_eq!(kind, "slack");
    assert_eq!(&request.body[..], body);
    assert_eq!(request.header("x-custom"), Some("Mixed Case"));
    assert!(request.headers.iter().all(|(name, _)| *name == name.to_ascii_lowercase()));
}

#[tokio::test]
async fn whoever_proves_nothing_learns_nothing() {
    let gateway = Gateway::new(Setup::default()).await;
    for (line, headers, status) in [
        ("POST /hooks/slack", &[][..], 401),
        ("POST /hooks/slack", &[("X-Signature", "bad")][..], 401),
        ("POST /hooks/unheard-of", &[GOOD], 404),
        ("POST /hooks/", &[GOOD], 404),
        ("POST /hooks/Slack", &[GOOD], 404),
        ("POST /hooks/sl%61ck", &[GOOD], 200),
        ("POST /hooks/..%2fslack", &[GOOD], 404),
        ("POST /hooks/slack/x", &[GOOD], 404),
        ("POST /hooks/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", &[GOOD], 404),
        ("GET /hooks/slack", &[GOOD], 405),
        ("PUT /hooks/slack", &[GOOD], 405),
    ] {
        let answer = ask(gateway.addr, line, headers, b"{}").await;
        assert_eq!(answer.status, status, "{line} {headers:?}");
        let one_segment = line.split('/').count() == 3 && !line.ends_with('/');
        if status != 200 && one_segment {
            assert_eq!(answer.body, "", "{line}");
        }
    }
    assert_eq!(gateway.office.hooks.lock().expect("not poisoned").len(), 1);
}

#[tokio::test]
async fn bodies_have_a_limit() {
    let gateway = Gateway::new(Setup::default()).await;
    for (bytes, status) in [(4 << 20, 200), ((4 << 20) + 1, 413), (32 << 20, 413)] {
        let answer = ask(gateway.addr, "POST /hooks/slack", &[GOOD], &vec![b'A'; bytes]).await;
        assert_eq!(answer.status, status, "{bytes}");
    }
    let mut chunked = format!(
        "POST /hooks/slack HTTP/1.1\r\nhost: {}\r\nx-signature: good\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n",
        gateway.addr
    )
    .into_bytes();
    for _ in 0..5 {
        chunked.extend_from_slice(b"100000\r\n");
        chunked.extend_from_slice(&vec![b'A'; 0x10_0000]);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(exchange(gateway.addr, &chunked).await.status, 413);
}

#[tokio::test]
async fn a_hook_that_takes_too_long_is_to_be_sent_again() {
    let limits = HttpLimits { hook_timeout: Duration::from_millis(50), ..HttpLimits::default() };
    let gateway = Gateway::new(Setup { config: HttpConfig { limits, ..config() }, ..Setup::default() }).await;
    assert_eq!(ask(gateway.addr, "POST /hooks/slow", &[], b"{}").await.status, 503);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let limits = HttpLimits { body_timeout: Duration::from_millis(50), ..HttpLimits::default() };
    let gateway = Gateway::new(Setup { config: HttpConfig { limits, ..config() }, ..Setup::default() }).await;
    let head = format!("POST /hooks/slack HTTP/1.1\r\nhost: {}\r\ncontent-length: 9\r\n\r\n{{", gateway.addr);
    assert_eq!(exchange(gateway.addr, head.as_bytes()).await.status, 408);
    assert!(gateway.office.hooks.lock().expect("not poisoned").is_empty());
}
