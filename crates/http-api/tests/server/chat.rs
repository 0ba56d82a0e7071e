//! Saying something and getting an answer.

use agent_core::ScriptedReply;
use serde_json::json;

use crate::support::{Gateway, Setup};

#[tokio::test]
async fn a_message_is_accepted_followed_answered_and_settled() {
    let mut gateway = Gateway::new(Setup::default()).await;
    gateway.work();
    let mut client = gateway.client().await;
    client.say("main", "m-1", "hello").await;
    let attached = client.next().await;
    assert_eq!(attached, json!({ "type": "attached", "session": "main", "last": "0" }));
    let accepted = client.next().await;
    assert_eq!(accepted["type"], "accepted");
    assert_eq!(accepted["id"], "m-1");
    assert_eq!(accepted["duplicate"], false);
    let (mut live, mut kinds) = (String::new(), Vec::new());
    let reply = loop {
        let frame = client.next().await;
        if frame["type"] != "event" {
            break frame;
        }
        let event = &frame["event"];
        kinds.push(event["type"].as_str().expect("a type").to_owned());
        if event["type"] == "text.delta" {
            live += event["text"].as_str().expect("a text");
        }
    };
    assert_eq!(live, "The answer.");
    assert_eq!(kinds.first().map(String::as_str), Some("run.started"));
    assert_eq!(reply["type"], "reply");
    assert_eq!(reply["text"], "The answer.");
    assert_eq!(reply["outcome"], "replied");
    assert_eq!(reply["in_reply_to"], "m-1");
    assert_eq!(reply["inbound"], accepted["inbound"]);
    let settled = client.expect("settled").await;
    assert_eq!(settled["id"], "m-1");
    assert_eq!(settled["event_id"], reply["event_id"]);
    assert_eq!(settled["outcome"], "replied");
    assert_eq!(settled.get("text"), None, "it was just said");
    client.close().await;
    gateway.stop().await;
}

#[tokio::test]
async fn conversations_do_not_hear_of_one_another() {
    let mut gateway =
        Gateway::saying(vec![ScriptedReply::text("canary-one"), ScriptedReply::text("canary-two")]).await;
    gateway.work();
    let mut one = gateway.client().await;
    let mut two = gateway.client().await;
    one.say("one", "1", "first").await;
    one.expect("attached").await;
    one.expect("accepted").await;
    assert_eq!(one.expect("reply").await["text"], "canary-one");
    one.expect("settled").await;
    two.say("two", "1", "second").await;
    two.expect("attached").await;
    two.expect("accepted").await;
    assert_eq!(two.expect("reply").await["text"], "canary-two");
    two.expect("settled").await;
    for (client, foreign) in [(&mut one, "canary-two"), (&mut two, "canary-one")] {
        client.send(json!({ "type": "ping" })).await;
        loop {
            let frame = client.next().await;
            assert!(!frame.to_string().contains(foreign), "{frame}");
            if frame["type"] == "pong" {
                break;
            }
        }
    }
}

#[tokio::test]
async fn one_client_follows_several_conversations_and_several_clients_follow_one() {
    let mut gateway = Gateway::new(Setup::default()).await;
    gateway.work();
    let mut watcher = gateway.client().await;
    for session in ["one", "two"] {
        watcher.send(json!({ "type": "attach", "session": session })).await;
        watcher.expect("attached").await;
    }
    let mut speaker = gateway.client().await;
    for session in ["one", "two"] {
        speaker.say(session, "1", "hello").await;
        assert_eq!(watcher.expect("reply").await["session"], session);
    }
}

#[tokio::test]
async fn a_slash_command_is_answered_without_a_model() {
    let mut gateway = Gateway::saying(Vec::new()).await;
    gateway.work();
    let mut client = gateway.client().await;
    client.say("main", "1", "/help").await;
    client.expect("attached").await;
    client.expect("accepted").await;
    let reply = client.expect("reply").await;
    assert!(reply["text"].as_str().expect("a text").contains("/status"), "{reply}");
}

#[tokio::test]
async fn a_stop_ends_what_runs() {
    let mut gateway = Gateway::saying(vec![ScriptedReply::text("Half of").then_hang()]).await;
    gateway.work();
    let mut client = gateway.client().await;
    client.say("main", "1", "tell me a long story").await;
    while client.next().await["event"]["type"] != "text.delta" {}
    client.send(json!({ "type": "stop", "session": "main" })).await;
    let clock = gateway.clock.clone();
    let ends = async {
        let mut seen = Vec::new();
        while seen.last().is_none_or(|frame: &serde_json::Value| frame["type"] != "settled") {
            seen.push(client.next().await);
        }
        seen
    };
    let mut ends = Box::pin(ends);
    let seen = loop {
        tokio::select! {
            biased;
            seen = &mut ends => break seen,
            () = tokio::task::yield_now() => clock.advance(std::time::Duration::from_millis(1)),
        }
    };
    drop(ends);
    let find = |kind: &str| seen.iter().find(|frame| frame["type"] == kind).expect("it came");
    assert_eq!(find("stopping")["session"], "main");
    assert_eq!(find("reply")["outcome"], "stopped");
    assert_eq!(find("settled")["outcome"], "stopped");
    // With nothing running there is nothing to wait for, and nothing is said.
    client.send(json!({ "type": "stop", "session": "main" })).await;
    client.expect("stopping").await;
}

#[tokio::test]
async fn without_a_model_the_client_is_told_and_the_message_is_kept() {
    let mut gateway = Gateway::saying(Vec::new()).await;
    gateway.work();
    let mut client = gateway.client().await;
    client.say("main", "1", "hello").await;
    client.expect("attached").await;
    client.expect("accepted").await;
    let notice = client.expect("notice").await;
    assert_eq!(notice["outcome"], "dead");
    assert!(notice["text"].as_str().expect("a text").contains("dead-letters"), "{notice}");
    assert_eq!(client.expect("settled").await["outcome"], "dead");
}

#[tokio::test]
async fn clients_are_told_when_the_server_stops() {
    let mut gateway = Gateway::new(Setup::default()).await;
    let mut known = gateway.client().await;
    let mut unknown = crate::support::connect(gateway.addr, &[("sec-websocket-protocol", "factotum.v1")])
        .await
        .expect("let in");
    gateway.has_clients(1).await;
    let (known, unknown, ()) = tokio::join!(known.closed(), unknown.closed(), gateway.stop());
    assert_eq!(known.0, 1001);
    assert_eq!(unknown.0, 1001);
}
