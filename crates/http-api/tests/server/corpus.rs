//! The shared corpus of bad requests, as far as it fits: its bodies stand in for frames and webhooks.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Gateway, Setup, ask, authorization};

fn body(input: &Value) -> Option<String> {
    match &input["body"] {
        Value::String(text) => Some(text.clone()),
        Value::Object(body) => {
            let part = |name: &str| body["gen"][name].as_str().expect("a text").to_owned();
            let count = usize::try_from(body["gen"]["count"].as_u64().expect("a number")).expect("it fits");
            Some(part("prefix") + &part("unit").repeat(count) + &part("suffix"))
        }
        _ => None,
    }
}

/// None where the corpus is not beside this checkout.
fn entries() -> Vec<Value> {
    servers::entries("malformed_api")
}

#[tokio::test]
async fn requests_for_paths_are_answered_as_the_corpus_expects() {
    let gateway = Gateway::new(Setup::default()).await;
    let bearer = authorization();
    for entry in entries() {
        let (id, input) = (&entry["id"], &entry["input"]);
        if body(input).is_some() {
            continue;
        }
        // That API comes later; any of our own paths shows how a wrong method is answered.
        let path = input["path"].as_str().expect("a path").replace("/v1/chat/completions", "/healthz");
        let line = format!("{} {path}", input["method"].as_str().expect("a method"));
        let mut headers = match input["auth"].as_str() {
            Some("good") => vec![("Authorization", bearer.as_str())],
            Some("wrong") => vec![("Authorization", "Bearer wrong")],
            _ => Vec::new(),
        };
        if input["upgrade"] == "websocket" {
            headers.extend([("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]);
            headers.push(("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="));
        }
        let answer = ask(gateway.addr, &line, &headers, b"").await;
        let expected = entry["expect"]["status"].as_array().expect("a list");
        assert!(expected.contains(&json!(answer.status)), "{id}: {}", answer.status);
        assert!(answer.json()["error"]["code"].is_string(), "{id}: an error in JSON");
        assert!(!answer.body.contains("/src/") && !answer.body.contains("panicked"), "{id}: {}", answer.body);
    }
    assert_eq!(ask(gateway.addr, "GET /healthz", &[], b"").await.status, 200, "it still lives");
}

#[tokio::test]
async fn bodies_as_frames_are_refused_one_by_one() {
    let gateway = Gateway::new(Setup::default()).await;
    let mut client = gateway.client().await;
    for entry in entries() {
        let Some(body) = body(&entry["input"]) else { continue };
        if body.len() > 8 << 20 {
            continue;
        }
        client.raw(Message::text(body)).await;
        assert_eq!(client.expect("error").await["code"], "bad_frame", "{}", entry["id"]);
    }
    client.send(json!({ "type": "ping" })).await;
    client.expect("pong").await;
}

#[tokio::test]
async fn bodies_as_webhooks_prove_nothing() {
    let gateway = Gateway::new(Setup::default()).await;
    for entry in entries() {
        let Some(body) = body(&entry["input"]) else { continue };
        let status = if body.len() > 4 << 20 { 413 } else { 401 };
        let answer = ask(gateway.addr, "POST /hooks/slack", &[], body.as_bytes()).await;
        assert_eq!((answer.status, answer.body.as_str()), (status, ""), "{}", entry["id"]);
    }
    assert!(gateway.office.hooks.lock().expect("not poisoned").is_empty());
}
