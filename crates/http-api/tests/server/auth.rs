//! Who may speak.

use http_api::{HttpConfig, WebSocketLimits, WebSocketPolicy};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Client, Gateway, Setup, TOKEN, ask, authorization, config, connect, refused};

const HELLO: &[(&str, &str)] = &[("sec-websocket-protocol", "factotum.v1")];

async fn gateway(policy: WebSocketPolicy) -> Gateway {
    let config = HttpConfig {
        websocket: Some(policy),
        hosts: vec!["bot.example.org".into()],
        origins: vec!["https://chat.example.org".into()],
        ..config()
    };
    Gateway::new(Setup { config, ..Setup::default() }).await
}

#[tokio::test]
async fn a_token_in_the_handshake_is_looked_at_once() {
    let gateway = gateway(WebSocketPolicy::default()).await;
    let bearer = authorization();
    let offered = format!("factotum.v1, bearer.{TOKEN}");
    for headers in [
        vec![("authorization", bearer.as_str())],
        vec![("authorization", bearer.as_str()), ("sec-websocket-protocol", "factotum.v1")],
        vec![("sec-websocket-protocol", offered.as_str())],
    ] {
        let mut client = connect(gateway.addr, &headers).await.expect("let in");
        let ready = client.next().await;
        assert_eq!(ready, json!({ "type": "ready", "v": 1, "account": "factotum", "version": "0.0.0" }));
    }
    for headers in [
        vec![],
        vec![("sec-websocket-protocol", "chat")],
        vec![("authorization", "Bearer wrong")],
        vec![("authorization", "Bearer wrong"), ("sec-websocket-protocol", offered.as_str())],
        vec![("authorization", "Basic Zm9v")],
        vec![("cookie", bearer.as_str())],
    ] {
        assert_eq!(refused(gateway.addr, &headers).await, 401, "{headers:?}");
    }
    let mut client = connect(gateway.addr, &[("sec-websocket-protocol", "factotum.v1, bearer.wrong")])
        .await
        .expect("upgraded");
    assert_eq!(client.closed().await, (4401, "wrong token".into()));
    let line = format!("GET /ws?token={TOKEN}");
    assert_eq!(ask(gateway.addr, &line, &[], b"").await.status, 401, "a token in the URL is none");
}

#[tokio::test]
async fn the_first_frame_may_hold_the_token() {
    let gateway = gateway(WebSocketPolicy::default()).await;
    let mut client = connect(gateway.addr, HELLO).await.expect("upgraded");
    client.send(json!({ "type": "hello", "v": 1, "token": TOKEN })).await;
    client.expect("ready").await;
    client.send(json!({ "type": "hello", "v": 1 })).await;
    client.expect("ready").await;
    client.send(json!({ "type": "hello", "v": 1, "token": "another" })).await;
    assert_eq!(client.closed().await.0, 4401);
}

#[tokio::test]
async fn whoever_begins_without_the_token_is_sent_away_and_leaves_nothing() {
    let gateway = gateway(WebSocketPolicy::default()).await;
    for (first, code) in [
        (Message::text(json!({ "type": "hello", "v": 1, "token": "wrong" }).to_string()), 4401),
        (Message::text(json!({ "type": "hello", "v": 1 }).to_string()), 4401),
        (Message::text(json!({ "type": "hello", "v": 2, "token": TOKEN }).to_string()), 4400),
        (
            Message::text(
                json!({ "type": "message", "id": "1", "session": "main", "text": "hi" }).to_string(),
            ),
            4401,
        ),
        (Message::text(json!({ "type": "attach", "session": "main" }).to_string()), 4401),
        (Message::text("hello"), 4401),
        (Message::text(""), 4401),
        (Message::binary(TOKEN.as_bytes().to_vec()), 4401),
    ] {
        let mut client = connect(gateway.addr, HELLO).await.expect("upgraded");
        let shown = format!("{first:?}");
        client.raw(first).await;
        let (closed, reason) = client.closed().await;
        assert_eq!(closed, code, "{shown}: {reason}");
        assert!(!reason.contains(TOKEN) && !reason.is_empty());
    }
    assert!(gateway.session("main").await.is_none(), "nothing was stored");
}

#[tokio::test]
async fn whoever_says_nothing_is_sent_away() {
    let limits =
        WebSocketLimits { hello: std::time::Duration::from_millis(50), ..WebSocketLimits::default() };
    let gateway = gateway(WebSocketPolicy { limits, ..WebSocketPolicy::default() }).await;
    let mut client = connect(gateway.addr, HELLO).await.expect("upgraded");
    assert_eq!(client.closed().await, (4401, "no token came in time".into()));
}

#[tokio::test]
async fn there_are_only_so_many_clients() {
    let gateway = gateway(WebSocketPolicy { connections: 1, ..WebSocketPolicy::default() }).await;
    let first = gateway.client().await;
    assert_eq!(refused(gateway.addr, &[("authorization", &authorization())]).await, 503);
    let mut second = connect(gateway.addr, HELLO).await.expect("upgraded");
    second.send(json!({ "type": "hello", "v": 1, "token": TOKEN })).await;
    assert_eq!(second.closed().await.0, 1013);
    first.close().await;
    gateway.has_clients(0).await;
    Client::with_header(gateway.addr).await;
}

#[tokio::test]
async fn strangers_cannot_take_the_places_of_clients() {
    let gateway = gateway(WebSocketPolicy::default()).await;
    let mut strangers = Vec::new();
    for _ in 0..16 {
        strangers.push(connect(gateway.addr, HELLO).await.expect("upgraded"));
    }
    assert_eq!(refused(gateway.addr, HELLO).await, 503);
    gateway.client().await;
}

#[tokio::test]
async fn pages_and_names_of_others_are_refused() {
    let gateway = gateway(WebSocketPolicy::default()).await;
    let bearer = authorization();
    let own = format!("http://{}", gateway.addr);
    for (header, value, admitted) in [
        ("origin", own.as_str(), true),
        ("origin", "https://chat.example.org", true),
        ("origin", "http://evil.test", false),
        ("origin", "http://localhost:3000", false),
        ("origin", "null", false),
        ("host", "bot.example.org", true),
        ("host", "evil.test", false),
    ] {
        let headers = [("authorization", bearer.as_str()), (header, value)];
        let answer = ask(gateway.addr, "GET /blobs/x", &headers, b"").await;
        assert_eq!(answer.status, if admitted { 404 } else { 403 }, "{header}: {value}");
        if header == "origin" {
            match admitted {
                true => drop(connect(gateway.addr, &headers).await.expect("let in")),
                false => assert_eq!(refused(gateway.addr, &headers).await, 403, "{value}"),
            }
        }
    }
}

#[tokio::test]
async fn without_a_token_there_is_no_channel() {
    let config = HttpConfig { token: None, websocket: None, ..config() };
    let gateway = Gateway::new(Setup { config, ..Setup::default() }).await;
    assert_eq!(refused(gateway.addr, &[("authorization", "Bearer ")]).await, 404);
    assert_eq!(ask(gateway.addr, "GET /blobs/x", &[("authorization", "Bearer ")], b"").await.status, 401);
    assert_eq!(ask(gateway.addr, "GET /healthz", &[], b"").await.status, 200);
}
