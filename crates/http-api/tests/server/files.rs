//! Files, both ways.

use std::sync::Arc;

use agent_core::ScriptedReply;
use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use session_api::{
    BlobId, Delivery, IdSource as _, OnDoubt, OutboxId, OutboxKind, OutboxMessage, Page, Part, Scope,
    SequentialIds, SessionKey, SessionStore as _, Writes,
};
use tool_api::{Effect, Tool, ToolContext, ToolError, ToolOutput, ToolSpec};

use crate::support::{Gateway, Setup, ask, authorization};

#[tokio::test]
async fn what_a_client_sends_is_part_of_the_message() {
    let mut gateway = Gateway::new(Setup::default()).await;
    gateway.work();
    let mut client = gateway.client().await;
    let files = json!([
        { "name": "../../etc/passwd", "mime": "text/plain; charset=utf-8", "base64": STANDARD.encode("root") },
        { "name": "a.png", "mime": "image/png", "base64": STANDARD.encode("png") },
    ]);
    client.send(json!({ "type": "message", "id": "1", "session": "main", "files": files })).await;
    client.expect("attached").await;
    client.expect("accepted").await;
    client.expect("reply").await;
    let key = SessionKey::new("websocket", "factotum", "main");
    let page = Page { after: 0, limit: 1 };
    let stored = gateway.store.messages(&Scope::All, &key, page).await.expect("readable");
    let expected = vec![
        Part::File { blob: BlobId::of(b"root"), mime: "text/plain".into(), name: "passwd".into() },
        Part::Image { blob: BlobId::of(b"png"), mime: "image/png".into() },
    ];
    assert_eq!(stored[0].message.parts, expected);
    // The same again is a repeat; another file under the same id is not.
    client.send(json!({ "type": "message", "id": "1", "session": "main", "files": files })).await;
    loop {
        let frame = client.next().await;
        if frame["type"] == "accepted" {
            assert_eq!(frame["duplicate"], true);
            break;
        }
    }
}

/// Sends files of these sizes to where it was asked.
struct Courier {
    spec: ToolSpec,
    parts: Vec<Part>,
    ids: SequentialIds,
}

#[async_trait]
impl Tool for Courier {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn check(&self, _arguments: &str) -> Result<(), ToolError> {
        Ok(())
    }

    async fn call(&self, context: &ToolContext, _arguments: &str) -> Result<ToolOutput, ToolError> {
        let message = |route: session_api::Route, parts: Vec<Part>| OutboxMessage {
            id: OutboxId(uuid_of(&self.ids)),
            turn: Some(context.turn),
            inbound: None,
            session: context.session.clone(),
            route,
            parts,
            kind: OutboxKind::Notice,
            delivery: Delivery::Pull,
            on_doubt: OnDoubt::default(),
            drafts: Vec::new(),
            at: context.now,
        };
        let here = message(context.reply.clone(), self.parts.clone());
        let elsewhere = session_api::Route { channel: "telegram".into(), ..context.reply.clone() };
        let there = message(elsewhere, vec![Part::text("for somebody else")]);
        let writes = Writes { outbox: vec![here, there], ..Writes::default() };
        Ok(ToolOutput::text("sent").with_writes(writes))
    }
}

/// An id that none of the gateway's own is.
fn uuid_of(ids: &SequentialIds) -> uuid::Uuid {
    uuid::Uuid::from_u128((0xA0 << 64) | ids.next_uuid().as_u128())
}

#[tokio::test]
async fn small_files_come_with_the_frame_and_large_ones_are_fetched() {
    let (small, large) = (vec![1_u8; 1000], vec![2_u8; 2 << 20]);
    let parts = vec![
        Part::text("Here you are."),
        Part::Image { blob: BlobId::of(&small), mime: "image/png".into() },
        Part::File { blob: BlobId::of(&large), mime: "application/zip".into(), name: "all.zip".into() },
        Part::File { blob: BlobId::of(b"gone"), mime: "text/plain".into(), name: "gone.txt".into() },
    ];
    let spec = ToolSpec {
        name: "send".into(),
        description: "sends".into(),
        parameters: json!({ "type": "object" }),
        effect: Effect::Ours,
        timeout: std::time::Duration::from_secs(5),
    };
    let mut gateway = Gateway::new(Setup {
        replies: vec![ScriptedReply::tool("send", &json!({})), ScriptedReply::text("Done.")],
        tools: vec![Arc::new(Courier { spec, parts, ids: SequentialIds::default() })],
        ..Setup::default()
    })
    .await;
    gateway.factotum.keep(small.clone().into()).await.expect("stored");
    let id = gateway.factotum.keep(large.clone().into()).await.expect("stored");
    gateway.work();
    let mut client = gateway.client().await;
    client.say("main", "1", "send them").await;
    client.expect("attached").await;
    client.expect("accepted").await;
    let notice = client.expect("notice").await;
    let expected = json!([
        { "name": "image.png", "mime": "image/png", "bytes": 1000, "blob": BlobId::of(&small), "base64": STANDARD.encode(&small) },
        { "name": "all.zip", "mime": "application/zip", "bytes": 2 << 20, "blob": id },
        { "name": "gone.txt", "mime": "text/plain", "bytes": 0, "blob": BlobId::of(b"gone") },
    ]);
    assert_eq!((&notice["text"], &notice["attachments"]), (&json!("Here you are."), &expected));
    assert_eq!(client.expect("reply").await["text"], "Done.", "what went elsewhere is not shown here");
    let (line, bearer) = (format!("GET /blobs/{id}"), authorization());
    assert_eq!(ask(gateway.addr, &line, &[], b"").await.status, 401);
    assert_eq!(ask(gateway.addr, &line, &[("Authorization", "Bearer wrong")], b"").await.status, 401);
    let fetched = ask(gateway.addr, &line, &[("Authorization", &bearer)], b"").await;
    assert_eq!(fetched.status, 200);
    assert_eq!(fetched.body.as_bytes(), large);
    assert_eq!(fetched.header("content-type"), Some("application/octet-stream"));
    assert_eq!(fetched.header("content-disposition"), Some("attachment"));
    let gone = format!("GET /blobs/{}", BlobId::of(b"gone"));
    assert_eq!(ask(gateway.addr, &gone, &[("Authorization", &bearer)], b"").await.status, 404);
}
