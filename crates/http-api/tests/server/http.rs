//! Health, metrics, and what every answer has in common.

use std::time::Duration;

use http_api::{HttpConfig, HttpError, HttpLimits};
use serde_json::json;

use crate::support::{Gateway, Setup, ask, authorization, config, exchange};

#[tokio::test]
async fn health_and_readiness_are_told() {
    let gateway = Gateway::new(Setup::default()).await;
    let health = ask(gateway.addr, "GET /healthz", &[], b"").await;
    assert_eq!(health.status, 200);
    let expected = json!({
        "status": "ok",
        "role": "active",
        "version": "0.0.0",
        "channels": [{ "kind": "telegram", "state": "running" }],
        "websocket_clients": 0,
    });
    assert_eq!(health.json(), expected);
    assert_eq!(ask(gateway.addr, "GET /readyz", &[], b"").await.json()["status"], "ready");
    gateway.office.reasons.lock().expect("not poisoned").push("the store is locked".into());
    let ready = ask(gateway.addr, "GET /readyz", &[], b"").await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json(), json!({ "status": "not ready", "reasons": ["the store is locked"] }));
}

#[tokio::test]
async fn metrics_are_for_this_machine_or_for_the_token() {
    let gateway = Gateway::new(Setup::default()).await;
    let bearer = authorization();
    for (headers, status) in [
        (&[][..], 200),
        (&[("X-Forwarded-For", "203.0.113.7")], 401),
        (&[("Forwarded", "for=203.0.113.7")], 401),
        (&[("X-Real-IP", "203.0.113.7")], 401),
        (&[("Via", "1.1 proxy")], 401),
        (&[("X-Forwarded-For", "203.0.113.7"), ("Authorization", "Bearer wrong")], 401),
        (&[("X-Forwarded-For", "203.0.113.7"), ("Authorization", bearer.as_str())], 200),
        (&[("Host", "evil.test")], 403),
    ] {
        let answer = ask(gateway.addr, "GET /metrics", headers, b"").await;
        assert_eq!(answer.status, status, "{headers:?}");
        assert_eq!(answer.body.contains("factotum_turns_total"), status == 200);
    }
    let open = HttpConfig { bind: "0.0.0.0:0".parse().expect("an address"), ..config() };
    let mut gateway = Gateway::new(Setup { config: open, ..Setup::default() }).await;
    gateway.addr.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    assert_eq!(ask(gateway.addr, "GET /metrics", &[], b"").await.status, 401);
    assert_eq!(ask(gateway.addr, "GET /metrics", &[("Authorization", &bearer)], b"").await.status, 200);
}

#[tokio::test]
async fn what_is_not_there_is_said_in_json() {
    let gateway = Gateway::new(Setup::default()).await;
    let bearer = authorization();
    for (line, status, code) in [
        ("GET /nope", 404, "not_found"),
        ("GET /", 404, "not_found"),
        ("GET /..%5c..%5cx", 404, "not_found"),
        ("GET /blobs/..%2f..%2fetc%2fpasswd", 404, "not_found"),
        ("DELETE /healthz", 405, "method_not_allowed"),
        ("POST /ws", 405, "method_not_allowed"),
        ("GET /ws", 400, "not_a_websocket"),
    ] {
        let answer = ask(gateway.addr, line, &[("Authorization", &bearer)], b"").await;
        assert_eq!(answer.status, status, "{line}");
        assert_eq!(answer.json()["error"]["code"], code, "{line}");
    }
}

#[tokio::test]
async fn every_answer_keeps_browsers_from_making_something_of_it() {
    let gateway = Gateway::new(Setup::default()).await;
    for line in ["GET /healthz", "GET /nope", "GET /blobs/x", "POST /hooks/x", "GET /ws"] {
        let answer = ask(gateway.addr, line, &[], b"").await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{line}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{line}");
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{line}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{line}");
    }
    let refused = ask(gateway.addr, "OPTIONS /healthz", &[("Origin", "http://evil.test")], b"").await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (403, None));
}

#[tokio::test]
async fn slow_and_oversized_heads_are_cut_off() {
    let limits = HttpLimits { head_timeout: Duration::from_millis(100), ..HttpLimits::default() };
    let gateway = Gateway::new(Setup { config: HttpConfig { limits, ..config() }, ..Setup::default() }).await;
    let answer = exchange_to_end(gateway.addr, b"GET /healthz HTTP/1.1\r\nhost: localh").await;
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    let silent = exchange_to_end(gateway.addr, b"").await;
    assert!(!silent.starts_with("HTTP/1.1 200"), "{silent}");
    let long = format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "y".repeat(64 << 10));
    assert_eq!(exchange(gateway.addr, long.as_bytes()).await.status, 431);
    let many = format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x: y\r\n".repeat(200));
    assert_eq!(exchange(gateway.addr, many.as_bytes()).await.status, 431);
    for nonsense in ["\x16\x03\x01\x02\x00\x01\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"] {
        let answer = exchange(gateway.addr, nonsense.as_bytes()).await;
        assert_eq!(answer.status, 400, "{nonsense:?}");
    }
    assert_eq!(ask(gateway.addr, "GET /healthz", &[], b"").await.status, 200);
}

/// Sends this, then nothing, until the server has enough of it.
async fn exchange_to_end(addr: std::net::SocketAddr, bytes: &[u8]) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(addr).await.expect("connected");
    stream.write_all(bytes).await.expect("written");
    let mut answer = String::new();
    let read = tokio::time::timeout(crate::support::DEADLINE, stream.read_to_string(&mut answer));
    read.await.expect("the server ends it in time").expect("text");
    answer
}

#[tokio::test]
async fn a_stop_waits_for_calls_under_way_but_not_for_ever() {
    let limits = HttpLimits { drain: Duration::from_millis(100), ..HttpLimits::default() };
    let mut gateway =
        Gateway::new(Setup { config: HttpConfig { limits, ..config() }, ..Setup::default() }).await;
    let addr = gateway.addr;
    let mut asking = tokio::task::JoinSet::new();
    asking.spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tokio::net::TcpStream::connect(addr).await.expect("connected");
        let head = format!("POST /hooks/slow HTTP/1.1\r\nhost: {addr}\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("written");
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        rest
    });
    assert_eq!(ask(addr, "GET /healthz", &[], b"").await.status, 200);
    gateway.stop().await;
    let asked = asking.join_next().await.expect("it was started");
    assert!(asked.expect("it ends").is_empty());
    assert!(tokio::net::TcpStream::connect(addr).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let gateway = Gateway::new(Setup::default()).await;
    let taken = HttpConfig { bind: gateway.addr, ..config() };
    let error = http_api::bind(taken).await.expect_err("it is taken");
    assert!(matches!(error, HttpError::Bind { .. }));
    assert!(error.to_string().contains(&gateway.addr.to_string()), "{error}");
}
