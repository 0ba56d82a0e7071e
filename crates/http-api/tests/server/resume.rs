//! Nothing is lost and nothing comes twice, whatever happens to the line.

use agent_core::ScriptedReply;
use serde_json::{Value, json};

use crate::support::{Client, Gateway, Setup};

/// Attaches and reads what was missed, which is followed by nothing else.
async fn missed(client: &mut Client, after: &Value) -> Vec<Value> {
    client.send(json!({ "type": "attach", "session": "main", "after": after })).await;
    client.expect("attached").await;
    client.send(json!({ "type": "ping", "id": "end" })).await;
    let mut replies = Vec::new();
    loop {
        let frame = client.next().await;
        match frame["type"].as_str() {
            Some("pong") => return replies,
            Some("reply") => replies.push(frame),
            _ => assert_eq!(frame["type"], "event", "{frame}"),
        }
    }
}

fn texts(replies: &[Value]) -> Vec<&str> {
    replies.iter().map(|reply| reply["text"].as_str().expect("a text")).collect()
}

/// Says this and waits for the reply.
async fn answered(client: &mut Client, id: &str) -> Value {
    client.say("main", id, "hello").await;
    let mut reply = None;
    loop {
        let frame = client.next().await;
        match frame["type"].as_str() {
            Some("reply") => reply = Some(frame),
            Some("settled") => return reply.expect("the reply comes first"),
            _ => {}
        }
    }
}

fn numbered(count: usize) -> Vec<ScriptedReply> {
    (1..=count).map(|number| ScriptedReply::text(&format!("answer {number}"))).collect()
}

#[tokio::test]
async fn what_was_said_while_a_client_was_away_is_passed_on_once() {
    let mut gateway = Gateway::new(Setup::default()).await;
    let mut client = gateway.client().await;
    client.say("main", "1", "hello").await;
    let last = client.expect("attached").await["last"].clone();
    client.expect("accepted").await;
    drop(client);
    gateway.has_clients(0).await;
    gateway.work();
    let mut client = gateway.client().await;
    client.send(json!({ "type": "attach", "session": "main", "after": last })).await;
    client.expect("attached").await;
    let reply = client.expect("reply").await;
    assert_eq!(reply["in_reply_to"], "1");
    client.close().await;
    let mut client = gateway.client().await;
    assert_eq!(missed(&mut client, &last).await, std::slice::from_ref(&reply));
    assert!(missed(&mut client, &reply["event_id"]).await.is_empty());
}

#[tokio::test]
async fn every_place_can_be_gone_on_from() {
    const COUNT: usize = 20;
    let mut gateway = Gateway::saying(numbered(COUNT)).await;
    gateway.work();
    let mut client = gateway.client().await;
    let mut places = vec![json!("0")];
    for number in 1..=COUNT {
        places.push(answered(&mut client, &number.to_string()).await["event_id"].clone());
    }
    let all = missed(&mut client, &places[0]).await;
    assert_eq!(all.len(), COUNT);
    for (place, after) in places.iter().enumerate() {
        let mut client = gateway.client().await;
        assert_eq!(missed(&mut client, after).await, all[place..], "after {place}");
        client.close().await;
    }
}

#[tokio::test]
async fn a_long_absence_is_made_up_for_in_order() {
    const COUNT: usize = 300;
    let mut gateway = Gateway::saying(numbered(COUNT)).await;
    gateway.work();
    let session = session_api::SessionKey::new("websocket", "factotum", "main");
    for _ in 0..COUNT {
        gateway.factotum.run(agent_core::RunRequest::new(session.clone(), "hello")).await.expect("it runs");
    }
    let mut client = gateway.client().await;
    client.send(json!({ "type": "attach", "session": "main", "after": "0" })).await;
    client.expect("attached").await;
    for number in 1..=COUNT {
        assert_eq!(client.expect("reply").await["text"], format!("answer {number}"));
    }
    client.send(json!({ "type": "ping" })).await;
    client.expect("pong").await;
}

#[tokio::test]
async fn a_server_that_starts_again_answers_what_the_last_one_accepted() {
    let mut gateway = Gateway::new(Setup::default()).await;
    let mut client = gateway.client().await;
    client.say("main", "1", "hello").await;
    client.expect("attached").await;
    let accepted = client.expect("accepted").await;
    let (closed, ()) = tokio::join!(client.closed(), gateway.stop());
    assert_eq!(closed.0, 1001);
    gateway.serve().await;
    gateway.work();
    let mut client = gateway.client().await;
    client.send(json!({ "type": "attach", "session": "main", "after": "0" })).await;
    client.expect("attached").await;
    let reply = client.expect("reply").await;
    assert_eq!(reply["inbound"], accepted["inbound"]);
    // The message again, as a client that heard of no acceptance would.
    client.say("main", "1", "hello").await;
    let again = client.expect("accepted").await;
    assert_eq!(again["duplicate"], true);
    assert_eq!(again["inbound"], accepted["inbound"]);
    let settled = client.expect("settled").await;
    assert_eq!(settled["event_id"], reply["event_id"]);
    assert_eq!(settled["text"], "The answer.", "for whoever keeps no event id");
    assert_eq!(missed(&mut client, &json!("0")).await.len(), 1, "it was run once");
}

#[tokio::test]
async fn a_repeat_while_the_first_waits_ends_with_it() {
    let mut gateway = Gateway::new(Setup::default()).await;
    let (mut one, mut two) = (gateway.client().await, gateway.client().await);
    for client in [&mut one, &mut two] {
        client.say("main", "1", "hello").await;
        client.expect("attached").await;
    }
    let first = one.expect("accepted").await;
    let second = two.expect("accepted").await;
    assert_eq!((&first["duplicate"], &second["duplicate"]), (&json!(false), &json!(true)));
    assert_eq!(first["inbound"], second["inbound"]);
    one.say("main", "1", "hello").await;
    one.expect("accepted").await;
    gateway.work();
    for client in [&mut one, &mut two] {
        client.expect("reply").await;
        client.expect("settled").await;
        client.send(json!({ "type": "ping" })).await;
        client.expect("pong").await;
    }
}

#[tokio::test]
async fn an_id_stands_for_one_message_of_its_session() {
    let gateway = Gateway::new(Setup::default()).await;
    let mut client = gateway.client().await;
    client.say("main", "1", "hello").await;
    client.expect("attached").await;
    client.expect("accepted").await;
    client.say("main", "1", "something else").await;
    let error = client.expect("error").await;
    assert_eq!((&error["code"], &error["id"]), (&json!("id_used"), &json!("1")));
    client.say("other", "1", "something else").await;
    client.expect("attached").await;
    assert_eq!(client.expect("accepted").await["duplicate"], false, "another session has its own ids");
    assert_eq!(gateway.session("main").await.expect("it exists").pending, 1);
}

#[tokio::test]
async fn messages_of_a_deleted_session_end_as_deleted() {
    let gateway = Gateway::new(Setup::default()).await;
    let mut client = gateway.client().await;
    client.say("main", "1", "hello").await;
    client.expect("attached").await;
    client.expect("accepted").await;
    let session = session_api::SessionKey::new("websocket", "factotum", "main");
    assert!(gateway.factotum.sessions().delete(&session).await.expect("deleted"));
    assert_eq!(client.expect("settled").await["outcome"], "deleted");
    client.say("main", "1", "hello").await;
    assert_eq!(client.expect("error").await["code"], "id_used");
}

#[tokio::test]
async fn an_event_that_never_was_is_no_place_to_go_on_from() {
    let mut gateway = Gateway::new(Setup::default()).await;
    gateway.work();
    let mut client = gateway.client().await;
    answered(&mut client, "1").await;
    for after in ["01890a5d-ac96-774b-bcce-b302099a8057", "1", "", "-1", "soon"] {
        client.send(json!({ "type": "attach", "session": "main", "after": after })).await;
        assert_eq!(client.expect("error").await["code"], "unknown_event", "{after}");
    }
    assert_eq!(texts(&missed(&mut client, &json!("0")).await), ["The answer."], "it goes on as before");
}

#[tokio::test]
async fn messages_that_wait_are_answered_and_settled_in_order() {
    let mut gateway = Gateway::saying(numbered(5)).await;
    let mut client = gateway.client().await;
    for number in 1..=5 {
        client.say("main", &number.to_string(), "hello").await;
    }
    gateway.work();
    let (mut replies, mut settled) = (Vec::new(), Vec::new());
    while settled.len() < 5 {
        let frame = client.next().await;
        match frame["type"].as_str() {
            Some("reply") => replies.push(frame["in_reply_to"].clone()),
            Some("settled") => settled.push(frame["id"].clone()),
            _ => {}
        }
    }
    assert_eq!(replies, ["1", "2", "3", "4", "5"]);
    assert_eq!(settled, ["1", "2", "3", "4", "5"]);
}
