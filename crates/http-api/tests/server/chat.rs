//! Saying something and getting an answer.

use serde_json::json;

use crate::support::{Client, Gateway};

#[tokio::test]
async fn a_message_is_accepted_followed_answered_and_settled() {
    let mut gateway = Gateway::new(crate::support::Setup::default()).await;
    gateway.work();
    let mut client = gateway.client().await;
    client.say("main", "m-1", "hello").await;
    let attached = client.next().await;
    assert_eq!(attached, json!({ "type": "attached", "session": "main", "last": "0" }));
    let accepted = client.next().await;
    assert_eq!(accepted["type"], "accepted");
    assert_eq!(accepted["id"], "m-1");
    assert_eq!(accepted["duplicate"], false);
    let mut live = String::new();
    let reply = loop {
        let frame = client.next().await;
        match frame["type"].as_str() {
            Some("event") => {
                live += frame["event"]["text"]
                    .as_str()
                    .filter(|_| frame["event"]["type"] == "text.delta")
                    .unwrap_or_default()
            }
            _ => break frame,
        }
    };
    assert_eq!(live, "The answer.");
    assert_eq!(reply["type"], "reply");
    assert_eq!(reply["text"], "The answer.");
    assert_eq!(reply["outcome"], "replied");
    assert_eq!(reply["in_reply_to"], "m-1");
    assert_eq!(reply["inbound"], accepted["inbound"]);
    let settled = client.expect("settled").await;
    assert_eq!(settled["id"], "m-1");
    assert_eq!(settled["event_id"], reply["event_id"]);
    assert_eq!(settled["outcome"], "replied");
    client.close().await;
    gateway.stop().await;
    let _: Option<Client> = None;
}
