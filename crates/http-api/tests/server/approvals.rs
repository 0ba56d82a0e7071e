//! Questions and their answers.

use std::sync::Arc;

use agent_core::ScriptedReply;
use serde_json::json;
use tool_api::{AlwaysAsk, Effect, ScriptedTool, ToolOutput};

use crate::support::{Client, Gateway, Setup};

async fn asked() -> (Gateway, Client, serde_json::Value) {
    let mut gateway = Gateway::new(Setup {
        replies: vec![ScriptedReply::tool("bell", &json!({})), ScriptedReply::text("Done.")],
        tools: vec![Arc::new(ScriptedTool::new("bell", Effect::Unsafe, vec![Ok(ToolOutput::text("rung"))]))],
        approver: Arc::new(AlwaysAsk(vec!["bell".into()])),
        ..Setup::default()
    })
    .await;
    gateway.work();
    let mut client = gateway.client().await;
    client.say("main", "1", "ring").await;
    client.expect("attached").await;
    client.expect("accepted").await;
    let question = client.expect("question").await;
    assert_eq!(question["open"], true);
    assert_eq!(question.get("outcome"), None, "the message has not ended");
    (gateway, client, question)
}

#[tokio::test]
async fn a_question_is_answered_and_the_run_goes_on() {
    for (answer, state) in [("approve", "allowed"), ("deny", "denied")] {
        let (gateway, mut client, question) = asked().await;
        client.send(json!({ "type": answer, "approval": question["approval"] })).await;
        let answered = client.expect("answered").await;
        assert_eq!(answered["state"], state);
        assert_eq!(client.expect("reply").await["text"], "Done.");
        assert_eq!(client.expect("settled").await["id"], "1");
        client.send(json!({ "type": answer, "id": "again", "approval": question["approval"] })).await;
        let error = client.expect("error").await;
        assert_eq!((&error["code"], &error["id"]), (&json!("not_open"), &json!("again")), "{error}");
        // Whoever comes later hears the question, and that it waits no longer.
        let mut late = gateway.client().await;
        late.send(json!({ "type": "attach", "session": "main", "after": "0" })).await;
        late.expect("attached").await;
        let question = late.expect("question").await;
        assert_eq!(question["open"], false);
        late.expect("reply").await;
    }
}

#[tokio::test]
async fn a_question_survives_the_line_on_which_it_was_asked() {
    let (gateway, client, question) = asked().await;
    drop(client);
    let mut client = gateway.client().await;
    client.send(json!({ "type": "attach", "session": "main", "after": "0" })).await;
    client.expect("attached").await;
    assert_eq!(client.expect("question").await, question);
    client.say("main", "2", &format!("/approve {}", question["approval"].as_str().expect("an id"))).await;
    client.expect("accepted").await;
    let (mut reply, mut settled) = (None, None);
    while reply.is_none() || settled.is_none() {
        let frame = client.next().await;
        match frame["type"].as_str() {
            Some("reply") => reply = Some(frame),
            Some("settled") => settled = Some(frame),
            _ => assert_eq!(frame["type"], "event", "{frame}"),
        }
    }
    assert_eq!(reply.expect("it came")["text"], "Done.");
    assert_eq!(settled.expect("it came")["outcome"], "quiet");
}

#[tokio::test]
async fn a_question_that_never_was_cannot_be_answered() {
    let gateway = Gateway::new(Setup::default()).await;
    let mut client = gateway.client().await;
    client.send(json!({ "type": "approve", "approval": "01890a5d-ac96-774b-bcce-b302099a8057" })).await;
    assert_eq!(client.expect("error").await["code"], "not_open");
}
