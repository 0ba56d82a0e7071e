//! `factotum dead-letters` for chats: what failed is not run by the command line.

use std::sync::Arc;

use factotum::{SystemClock, SystemIds};
use servers::TempHome;
use session_api::{
    Clock as _, Delivery, Inbound, InboundId, InboundKind, LeaseFrom, Mailbox as _, OnDoubt, OutboxId,
    OutboxKind, OutboxMessage, Outcome, Part, Principal, Route, RunOverrides, Runner, SessionKey, Settlement,
    Splitter, WhenBusy, WorkerId, Writes,
};
use sqlite_store::{OpenOptions, SqliteStore};

use crate::support::{OFFLINE, factotum};

struct Whole;

impl Splitter for Whole {
    fn split(&self, message: &OutboxMessage) -> Vec<Part> {
        message.parts.clone()
    }
}

fn said_in(chat: &str, text: &str) -> Inbound {
    let session = SessionKey::new("telegram", "99", chat);
    let id = InboundId::new(&SystemIds);
    Inbound {
        id,
        external_id: format!("update:{chat}"),
        parent: None,
        reply: Route::to_session(&session),
        session,
        principal: Principal::owner(),
        kind: InboundKind::Message,
        busy: WhenBusy::Steer,
        coalesce: None,
        runner: Runner::Any,
        overrides: RunOverrides::default(),
        parts: vec![Part::text(text)],
        shared: false,
        received_at: SystemClock::new().now(),
        correlation: id.to_string(),
    }
}

/// A data directory with a message that died and an answer that a platform refused.
async fn failed(home: &TempHome) -> (InboundId, OutboxId) {
    let worker = WorkerId::new(&SystemIds);
    let (clock, ids) = (Arc::new(SystemClock::new()), Arc::new(SystemIds));
    let (store, writer) = SqliteStore::open(OpenOptions::new(home.path(), worker), clock, ids).await.unwrap();
    let work = async move {
        let died = said_in("5", "a question that died");
        store.accept(None, vec![died.clone()].into(), None).await.unwrap();
        let turn = store.lease(worker, LeaseFrom::Any).await.unwrap().unwrap();
        store.fail(&turn.lease, "the model was away", None, Writes::default()).await.unwrap();

        let asked = said_in("6", "a question");
        store.accept(None, vec![asked.clone()].into(), None).await.unwrap();
        let turn = store.lease(worker, LeaseFrom::Any).await.unwrap().unwrap();
        let answer = OutboxMessage {
            id: OutboxId::new(&SystemIds),
            turn: Some(turn.lease.turn),
            inbound: Some(asked.id),
            session: asked.session.clone(),
            route: asked.reply.clone(),
            parts: vec![Part::text("an answer that nobody read")],
            kind: OutboxKind::Reply,
            delivery: Delivery::Push,
            on_doubt: OnDoubt::ResendOnce,
            drafts: Vec::new(),
            at: SystemClock::new().now(),
        };
        let writes = Writes { outbox: vec![answer.clone()], ..Writes::default() };
        store.commit(&turn.lease, Outcome::Replied, writes).await.unwrap();
        let claims = store.claim_parts(worker, &["telegram".into()], 1, Arc::new(Whole)).await.unwrap();
        let refused = Settlement::Failed { error: "the bot was blocked".into() };
        store.settle_part(&claims[0], refused).await.unwrap();
        (died.id, answer.id)
    };
    let (ended, ids) = tokio::join!(writer.run(), work);
    ended.unwrap();
    ids
}

#[tokio::test]
async fn what_died_and_what_did_not_arrive_wait_for_the_gateway_when_they_are_tried_again() {
    let home = TempHome::with_config(OFFLINE);
    let (died, unsent) = failed(&home).await;
    let (died, unsent) = (died.to_string(), unsent.to_string());

    let listed = factotum(&home, &["dead-letters", "list", "--json"]).is(0, &[]).objects();
    let kinds: Vec<(&str, &str)> =
        listed.iter().map(|one| (one["kind"].as_str().unwrap(), one["id"].as_str().unwrap())).collect();
    assert_eq!(kinds, [("in", died.as_str()), ("out", unsent.as_str())]);
    factotum(&home, &["dead-letters", "show", &unsent])
        .is(0, &["kind:    out", "the bot was blocked", "nobody read"]);
    factotum(&home, &["dead-letters", "show", &died]).is(0, &["kind:    in", "the model was away"]);
    factotum(&home, &["doctor"]).is(1, &["1 messages failed and are kept, 1 answers did not arrive"]);
    factotum(&home, &["status"]).is(0, &["1 not delivered", "Gateway:    does not run"]);
    factotum(&home, &["why", &died]).is(0, &["a dead letter: the model was away"]);
    factotum(&home, &["why", "6"]).is(0, &["update:6", "1 of 1 refused by the platform"]);

    let waits =
        factotum(&home, &["dead-letters", "retry", &died]).is(0, &["answered when the gateway runs next"]);
    assert!(!waits.out.contains("offline provider"), "no turn ran: {}", waits.out);
    factotum(&home, &["dead-letters", "retry", &unsent]).is(0, &["sent again when the gateway runs next"]);
    factotum(&home, &["dead-letters", "list"]).is(0, &["no dead letters"]);
    factotum(&home, &["why", &died]).is(0, &["waits; 0 messages"]);
    factotum(&home, &["why", "6"]).is(0, &["1 of 1 to be sent"]);
    factotum(&home, &["status", "--json"]).is(0, &["\"unsent_messages\":1", "\"waiting_messages\":1"]);
    factotum(&home, &["turn", "show", &died]).is(66, &["waits; it had no turn yet"]);
    factotum(&home, &["dead-letters", "drop", &unsent]).is(66, &["there is no dead letter"]);
}

#[tokio::test]
async fn what_is_given_up_is_listed_no_more() {
    let home = TempHome::with_config(OFFLINE);
    let (died, unsent) = failed(&home).await;
    factotum(&home, &["dead-letters", "drop", &died.to_string(), &unsent.to_string()])
        .is(0, &["is given up"]);
    factotum(&home, &["dead-letters", "list"]).is(0, &["no dead letters"]);
    factotum(&home, &["dead-letters", "show", &died.to_string()]).is(66, &[]);
    factotum(&home, &["dead-letters", "retry", "nonsense"]).is(65, &["no dead letter's id"]);
}
