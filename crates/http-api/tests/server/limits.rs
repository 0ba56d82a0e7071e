//! Clients that ask too much, read too little, or are gone without a word.

use std::time::Duration;

use agent_core::{ModelEvent, ScriptedReply};
use http_api::{HttpConfig, WebSocketLimits, WebSocketPolicy};
use serde_json::json;

use crate::support::{DEADLINE, Gateway, Setup, config, narrow};

async fn gateway(replies: Vec<ScriptedReply>, policy: WebSocketPolicy) -> Gateway {
    let config = HttpConfig { websocket: Some(policy), ..config() };
    Gateway::new(Setup { replies, config, ..Setup::default() }).await
}

#[tokio::test]
async fn messages_have_a_rate_and_a_later_repeat_is_taken() {
    let policy = WebSocketPolicy { messages_per_minute: 3, ..WebSocketPolicy::default() };
    let gateway = gateway(Vec::new(), policy).await;
    let mut client = gateway.client().await;
    client.send(json!({ "type": "attach", "session": "main" })).await;
    client.expect("attached").await;
    for id in ["1", "2", "3"] {
        client.say("main", id, "hello").await;
        client.expect("accepted").await;
    }
    client.say("main", "4", "hello").await;
    let error = client.expect("error").await;
    assert_eq!((&error["code"], &error["id"]), (&json!("rate_limited"), &json!("4")));
    let wait = error["retry_after_ms"].as_u64().expect("a time");
    assert!((1..=20_000).contains(&wait), "{wait}");
    assert_eq!(gateway.session("main").await.expect("it exists").pending, 3, "nothing of it was stored");
    gateway.clock.advance(Duration::from_millis(wait + 1));
    client.say("main", "4", "hello").await;
    client.expect("accepted").await;
}

#[tokio::test]
async fn a_flood_of_frames_ends_the_connection() {
    let limits = WebSocketLimits { frames_per_minute: 20, ..WebSocketLimits::default() };
    let gateway = gateway(Vec::new(), WebSocketPolicy { limits, ..WebSocketPolicy::default() }).await;
    let mut client = gateway.client().await;
    for _ in 0..21 {
        client.send(json!({ "type": "ping" })).await;
    }
    assert_eq!(client.closed().await, (1008, "too many frames".into()));
}

#[tokio::test]
async fn a_client_follows_only_so_much() {
    let limits = WebSocketLimits { sessions: 2, in_flight: 2, ..WebSocketLimits::default() };
    let gateway = gateway(Vec::new(), WebSocketPolicy { limits, ..WebSocketPolicy::default() }).await;
    let mut client = gateway.client().await;
    for session in ["one", "two", "one"] {
        client.send(json!({ "type": "attach", "session": session })).await;
        client.expect("attached").await;
    }
    client.send(json!({ "type": "attach", "session": "three" })).await;
    assert_eq!(client.expect("error").await["code"], "too_many_sessions");
    client.say("three", "1", "hello").await;
    assert_eq!(client.expect("error").await["code"], "too_many_sessions");
    assert!(gateway.session("three").await.is_none());
    for id in ["1", "2"] {
        client.say("one", id, "hello").await;
        client.expect("accepted").await;
    }
    client.say("one", "3", "hello").await;
    assert_eq!(client.expect("error").await["code"], "too_many_messages");
}

#[tokio::test]
async fn a_client_that_answers_no_pings_is_given_up() {
    let limits = WebSocketLimits { ping: Duration::from_millis(30), ..WebSocketLimits::default() };
    let gateway = gateway(Vec::new(), WebSocketPolicy { limits, ..WebSocketPolicy::default() }).await;
    let mut silent = gateway.client().await;
    let mut alive = gateway.client().await;
    // This client's library answers pings only while somebody reads.
    let reads = async {
        loop {
            alive.send(json!({ "type": "ping" })).await;
            alive.expect("pong").await;
            if gateway.clients().await == 1 {
                break;
            }
        }
    };
    tokio::time::timeout(DEADLINE, reads).await.expect("the silent one is given up");
    // Its library tries to answer the pings that lie there, and may find the line cut before it reads why.
    let (code, reason) = silent.closed().await;
    assert!(matches!(code, 4408 | 1006), "{code} {reason}");
    alive.send(json!({ "type": "ping" })).await;
    alive.expect("pong").await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_given_up_and_loses_nothing() {
    const COUNT: usize = 24;
    let limits = WebSocketLimits {
        stall: Duration::from_millis(200),
        queue_frames: 8,
        queue_bytes: 1 << 18,
        ..WebSocketLimits::default()
    };
    let long = "word ".repeat(40_000);
    let replies =
        (0..COUNT).map(|number| ScriptedReply::events(vec![ModelEvent::Text(format!("{number} {long}"))]));
    let mut gateway =
        gateway(replies.collect(), WebSocketPolicy { limits, ..WebSocketPolicy::default() }).await;
    let mut deaf = narrow(gateway.addr).await;
    deaf.send(json!({ "type": "attach", "session": "main" })).await;
    let mut speaker = gateway.client().await;
    for id in 0..COUNT {
        speaker
            .send(json!({ "type": "message", "session": "main", "id": id.to_string(), "text": "go on" }))
            .await;
        speaker.expect_any("accepted").await;
    }
    speaker.close().await;
    gateway.work();
    gateway.has_clients(0).await;
    // What it had got before it was given up, it can still read; the rest it gets when it comes back.
    let mut heard = Vec::new();
    let mut last = json!("0");
    while let Some(frame) = deaf.until_closed().await {
        if frame["type"] == "reply" {
            last = frame["event_id"].clone();
            heard.push(frame["in_reply_to"].clone());
        }
    }
    assert!(heard.len() < COUNT, "it read everything: the test is too small");
    let mut back = gateway.client().await;
    back.send(json!({ "type": "attach", "session": "main", "after": last })).await;
    while heard.len() < COUNT {
        let reply = back.expect_any("reply").await;
        heard.push(reply["in_reply_to"].clone());
    }
    let expected: Vec<_> = (0..COUNT).map(|id| json!(id.to_string())).collect();
    assert_eq!(heard, expected);
}

#[tokio::test]
async fn a_client_that_reads_late_is_told_what_it_missed() {
    const COUNT: usize = 300;
    let limits = WebSocketLimits { queue_frames: 8, queue_bytes: 1 << 16, ..WebSocketLimits::default() };
    let mut pieces: Vec<_> = (0..COUNT).map(|_| ModelEvent::Reasoning("x".repeat(20_000))).collect();
    pieces.push(ModelEvent::Text("Done.".into()));
    let replies = vec![ScriptedReply::events(pieces)];
    let mut gateway = gateway(replies, WebSocketPolicy { limits, ..WebSocketPolicy::default() }).await;
    let mut client = narrow(gateway.addr).await;
    client.say("main", "1", "go on").await;
    client.expect("attached").await;
    client.expect("accepted").await;
    gateway.work();
    let session = async {
        while gateway.session("main").await.is_none_or(|session| session.messages == 0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, session).await.expect("the turn ends");
    let (mut deltas, mut missed) = (0, 0);
    loop {
        let frame = client.next().await;
        match frame["type"].as_str() {
            Some("event") if frame["event"]["type"] == "reasoning.delta" => deltas += 1,
            Some("missed") => missed += frame["events"].as_u64().expect("a number"),
            Some("reply") => {
                assert_eq!(frame["text"], "Done.");
                break;
            }
            _ => {}
        }
    }
    assert!(missed > 0 && deltas < COUNT, "{deltas} deltas came, {missed} events were missed");
}
