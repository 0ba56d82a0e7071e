//! Frames that make no sense.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Gateway, Setup};

fn message(changes: &Value) -> Value {
    let mut frame = json!({ "type": "message", "id": "1", "session": "main", "text": "hello" });
    let changes = changes.as_object().expect("an object").clone();
    frame.as_object_mut().expect("an object").extend(changes);
    frame
}

#[tokio::test]
async fn a_bad_frame_is_answered_and_the_connection_stays() {
    let gateway = Gateway::new(Setup::default()).await;
    let mut client = gateway.client().await;
    let file = |mime: &str, base64: &str| json!([{ "name": "a", "mime": mime, "base64": base64 }]);
    let many = Value::Array(vec![json!({ "name": "a", "mime": "text/plain", "base64": "QQ==" }); 9]);
    for (frame, code) in [
        (Message::text("hello"), "bad_frame"),
        (Message::text(""), "bad_frame"),
        (Message::text("[]"), "bad_frame"),
        (Message::text("{\"type\":\"ping\""), "bad_frame"),
        (Message::text("{\"a\":".repeat(50_000)), "bad_frame"),
        (Message::text(json!({ "type": "dance" }).to_string()), "bad_frame"),
        (Message::text(json!({ "type": "ping", "v": 2 }).to_string()), "unsupported_version"),
        (Message::binary(vec![1, 2, 3]), "bad_frame"),
        (Message::text(message(&json!({ "colour": "red" })).to_string()), "bad_frame"),
        (Message::text(message(&json!({ "id": "" })).to_string()), "bad_id"),
        (Message::text(message(&json!({ "id": "x".repeat(129) })).to_string()), "bad_id"),
        (Message::text(message(&json!({ "id": "a\u{0}b" })).to_string()), "bad_id"),
        (Message::text(message(&json!({ "session": "../../x" })).to_string()), "bad_session"),
        (Message::text(message(&json!({ "session": "" })).to_string()), "bad_session"),
        (Message::text(message(&json!({ "text": " \n" })).to_string()), "empty"),
        (Message::text(message(&json!({ "files": file("text/plain", "?") })).to_string()), "bad_file"),
        (Message::text(message(&json!({ "files": file("text/plain", "") })).to_string()), "bad_file"),
        (Message::text(message(&json!({ "files": file("plain", "QQ==") })).to_string()), "bad_file"),
        (Message::text(message(&json!({ "files": file("a/b\r\nc: d", "QQ==") })).to_string()), "bad_file"),
        (Message::text(message(&json!({ "files": many })).to_string()), "bad_file"),
        (Message::text(json!({ "type": "attach", "session": "a b" }).to_string()), "bad_session"),
        (Message::text(json!({ "type": "stop", "session": "a:b" }).to_string()), "bad_session"),
    ] {
        let shown: String = format!("{frame:?}").chars().take(120).collect();
        client.raw(frame).await;
        let error = loop {
            let frame = client.next().await;
            if frame["type"] != "attached" {
                break frame;
            }
        };
        assert_eq!(error["code"], code, "{shown}: {error}");
    }
    client.send(json!({ "type": "ping", "id": "still here" })).await;
    assert_eq!(client.expect("pong").await["id"], "still here");
    assert!(gateway.session("main").await.is_none(), "nothing was stored");
}

#[tokio::test]
async fn a_frame_that_is_too_large_ends_the_connection_with_a_reason() {
    let gateway = Gateway::new(Setup::default()).await;
    for frame in [
        Message::text(message(&json!({ "text": "A".repeat(5 << 20) })).to_string()),
        Message::binary(vec![0; 5 << 20]),
    ] {
        let mut client = gateway.client().await;
        client.raw(frame).await;
        assert_eq!(client.closed().await, (1009, "the frame is too large".into()));
    }
    assert!(gateway.session("main").await.is_none(), "nothing was stored");
    gateway.has_clients(0).await;
}

#[tokio::test]
async fn a_frame_of_nearly_the_limit_is_taken() {
    let gateway = Gateway::new(Setup::default()).await;
    let mut client = gateway.client().await;
    let files = json!([{ "name": "a.bin", "mime": "application/zip", "base64": STANDARD.encode(vec![7; 3_000_000]) }]);
    client.send(message(&json!({ "files": files }))).await;
    client.expect("attached").await;
    client.expect("accepted").await;
}
