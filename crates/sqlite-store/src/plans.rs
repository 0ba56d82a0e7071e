//! What the statements cost: none of those that a turn needs reads more than it returns.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use session_api::{
    AuditEntry, AuditLog, Batch, Cap, CapOf, Clock, Delivery, Inbound, InboundId, InboundKind, JobStore,
    LeaseFrom, Mailbox, ManualClock, Message, MessageId, OnDoubt, OutboxId, OutboxKind, OutboxMessage,
    Outcome, Part, Principal, PrincipalId, Purpose, ReservationId, Reserve, Role, Route, RunNow,
    RunOverrides, Runner, Scope, SequentialIds, SessionKey, SessionStore, Settlement, Splitter, Step,
    StepKind, Timestamp, Turn, UsageEntry, UsageLedger, WhenBusy, WindowBudget, WorkerId, Writes,
};
use sqlx::{AssertSqlSafe, Connection, Row};

use crate::{
    Durability, OpenOptions, SqliteStore, connect,
    erase::{FATES, Fate},
    migrate::TABLES,
    script::SENT,
};

/// A clock that stands still and never makes anybody wait.
struct Still(ManualClock);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

fn inbound(ids: &SequentialIds) -> Inbound {
    let session = SessionKey::new("test", "bot", "chat");
    let id = InboundId::new(ids);
    Inbound {
        id,
        external_id: id.to_string(),
        reply: Route::to_session(&session),
        session,
        parent: None,
        principal: Principal::owner(),
        kind: InboundKind::Message,
        busy: WhenBusy::default(),
        coalesce: None,
        runner: Runner::Any,
        overrides: RunOverrides::default(),
        parts: vec![Part::text("hello")],
        shared: false,
        received_at: Timestamp(0),
        correlation: String::new(),
    }
}

fn reserve(turn: &Turn, ids: &SequentialIds) -> Reserve {
    let cap = |of| Cap { name: "cap".into(), of, since: Timestamp(1), limit_micros: 1_000_000 };
    Reserve {
        id: ReservationId::new(ids),
        at: Timestamp(5),
        session: turn.lease.session.clone(),
        turn: turn.lease.turn,
        principal: PrincipalId("owner".into()),
        purpose: Purpose::Chat,
        model: "m".into(),
        ceiling_micros: 10,
        caps: vec![
            cap(CapOf::All),
            cap(CapOf::Turn(turn.lease.turn)),
            cap(CapOf::Below(turn.lease.session.clone())),
        ],
    }
}

fn spent(request: &Reserve) -> UsageEntry {
    UsageEntry {
        reservation: Some(request.id),
        at: request.at,
        session: request.session.clone(),
        turn: request.turn,
        principal: request.principal.clone(),
        purpose: Purpose::Chat,
        provider: "p".into(),
        model: "m".into(),
        input_tokens: 1,
        cached_tokens: 0,
        output_tokens: 1,
        estimated: false,
        cost_micros: Some(3),
    }
}

/// One turn with everything that an ordinary one does.
async fn work(store: SqliteStore, worker: WorkerId, ids: Arc<SequentialIds>) {
    let child = Inbound { session: SessionKey::new("test", "bot", "child"), ..inbound(&ids) };
    store.accept(None, vec![inbound(&ids)].into(), None).await.unwrap();
    let turn = store.lease(worker, LeaseFrom::Any).await.unwrap().unwrap();
    let budget = WindowBudget { messages: 20, bytes: 10_000 };
    store.window(&Scope::All, &turn.lease.session, budget).await.unwrap();
    let request = reserve(&turn, &ids);
    store.reserve(request.clone()).await.unwrap();
    store.renew(&turn.lease).await.unwrap();
    store.control(&turn.lease).await.unwrap();
    store.accept(None, vec![inbound(&ids)].into(), None).await.unwrap();
    assert_eq!(store.absorb(&turn.lease).await.unwrap().len(), 1);
    let step = Step { kind: StepKind::Resumed { reason: "test".into() }, durable: false };
    let usage = vec![spent(&request)];
    store.journal(&turn.lease, step, Writes { usage, ..Writes::default() }).await.unwrap();
    let said = Message {
        id: MessageId::new(ids.as_ref()),
        role: Role::Assistant,
        principal: None,
        turn: turn.lease.turn,
        at: Timestamp(1),
        parts: vec![Part::text("hello")],
    };
    let writes = Writes { messages: vec![said], inbound: vec![child], ..Writes::default() };
    store.commit(&turn.lease, Outcome::Replied, writes).await.unwrap();
    store.inbound(turn.founders[0].inbound.id).await.unwrap();
    store.session(&Scope::All, &turn.lease.session).await.unwrap();
    store.turn(turn.lease.turn).await.unwrap();
}

/// Two parts for each message.
struct Halves;

impl Splitter for Halves {
    fn split(&self, _: &OutboxMessage) -> Vec<Part> {
        vec![Part::text("one"), Part::text("two")]
    }
}

fn notice(ids: &SequentialIds, session: &SessionKey) -> Writes {
    let message = OutboxMessage {
        id: OutboxId::new(ids),
        turn: None,
        inbound: None,
        session: session.clone(),
        route: Route::to_session(session),
        parts: vec![Part::text("hello")],
        kind: OutboxKind::Notice,
        delivery: Delivery::Push,
        on_doubt: OnDoubt::ResendOnce,
        drafts: Vec::new(),
        at: Timestamp(1),
    };
    let entry = AuditEntry {
        at: Timestamp(1),
        session: session.clone(),
        turn: None,
        principal: PrincipalId("owner".into()),
        kind: "security.denied".into(),
        subject: "stranger".into(),
        payload: "{}".into(),
        millis: 0,
    };
    Writes { outbox: vec![message], audit: vec![entry], ..Writes::default() }
}

/// What a gateway does beside turns: strangers, interrupts and locks come in, messages go out or do not, and what waits
/// is looked after.
async fn serve(store: &SqliteStore, worker: WorkerId, ids: &SequentialIds) {
    assert_eq!(store.next_job_at().await.unwrap(), None);
    assert!(store.upcoming_jobs(None, 9).await.unwrap().is_empty());
    assert!(store.claim_due(worker, store.now(), 9).await.unwrap().is_empty());
    let row = inbound(ids);
    let session = row.session.clone();
    let batch = |kind, busy| Batch {
        writes: notice(ids, &session),
        ..vec![Inbound { kind, busy, ..inbound(ids) }].into()
    };
    let turn = store.accept(None, vec![row].into(), Some(RunNow(worker))).await.unwrap().turn.unwrap();
    store.accept(None, batch(InboundKind::Message, WhenBusy::Interrupt), None).await.unwrap();
    store.accept(None, batch(InboundKind::Lock, WhenBusy::Steer), None).await.unwrap();
    let retry_at = Some(store.now().plus(Duration::from_secs(60)));
    store.fail(&turn.lease, "error", retry_at, Writes::default()).await.unwrap();
    for waiting in store.overdue(store.now().plus(Duration::from_secs(1)), 2).await.unwrap() {
        let id = waiting.inbound.id;
        assert!(store.give_up(id, Outcome::Failed, notice(ids, &session)).await.unwrap());
    }
    let error = || "error".to_owned();
    let ends = [
        Settlement::Sent { platform_id: None },
        Settlement::RetryAt { at: Timestamp(0), error: error() },
        Settlement::Unknown { error: error() },
        Settlement::Unknown { error: error() },
        Settlement::Failed { error: error() },
    ];
    for end in ends {
        let claims = store.claim_parts(worker, &["test".into()], 10, Arc::new(Halves)).await.unwrap();
        store.settle_part(claims.first().unwrap(), end).await.unwrap();
    }
    let failed = store.undelivered(&Scope::All, 10).await.unwrap();
    let [unknown, refused] = failed.as_slice() else { panic!("{failed:?}") };
    assert_eq!(store.parts(unknown.message.id).await.unwrap().len(), 2);
    assert!(store.resend(unknown.message.id).await.unwrap());
    assert!(store.drop_undelivered(refused.message.id).await.unwrap());
    assert!(!store.audit_about("stranger", 10).await.unwrap().is_empty());
    assert!(store.backlog().await.unwrap().pending > 0);
}

/// Reads that may look at every row of these: the members of one family, rows of the group itself, the window that was
/// just limited, what is reserved or running at this moment, and the entries of an index that are counted or listed.
fn harmless(line: &str) -> bool {
    let counted = ["inbox_pending", "inbox_dead", "outbox_due"];
    if counted.iter().any(|index| line.ends_with(&format!("USING COVERING INDEX {index}"))) {
        return true;
    }
    [
        "CONSTANT ROW",
        "SCAN f",
        "SCAN family",
        "SCAN newest",
        "SCAN range",
        "SCAN reservations",
        "SCAN tree",
        "(subquery",
        "parts_failed",
    ]
    .iter()
    .any(|known| line.contains(known))
}

#[tokio::test]
async fn no_statement_of_a_turn_scans_or_sorts() {
    let dir = tempfile::tempdir().unwrap();
    let ids = Arc::new(SequentialIds::default());
    let worker = WorkerId::new(ids.as_ref());
    let options = OpenOptions { durability: Durability::Process, ..OpenOptions::new(dir.path(), worker) };
    let clock = Arc::new(Still(ManualClock::default()));
    let (store, writer) = SqliteStore::open(options, clock, ids.clone()).await.unwrap();
    let all = async {
        // What the first group of a process does is not a turn's.
        assert!(store.lease(worker, LeaseFrom::Any).await.unwrap().is_none());
        SENT.lock().clear();
        work(store.clone(), worker, ids.clone()).await;
        serve(&store, worker, &ids).await;
        drop(store);
    };
    let (written, ()) = tokio::join!(writer.run(), all);
    written.unwrap();
    let sent: Vec<String> = SENT.lock().iter().cloned().collect();
    let mut connection = connect::reader(&dir.path().join("factotum.db")).await.unwrap();
    let mut explained = 0;
    for sql in sent.iter().flat_map(|script| script.split(";\n")) {
        let first = sql.split_whitespace().next().unwrap_or_default();
        if !["SELECT", "UPDATE", "DELETE", "INSERT", "WITH"].contains(&first) {
            continue;
        }
        let plan = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")));
        for row in plan.fetch_all(&mut connection).await.unwrap() {
            let line: String = row.get(3);
            let bad = line.starts_with("SCAN") || line.contains("TEMP B-TREE");
            // The workers of running turns: as many as there are turns at this moment.
            let running = line.contains("turns_running");
            assert!(!bad || running || harmless(&line), "{line}\n{sql}");
            explained += 1;
        }
    }
    connection.close().await.unwrap();
    assert!(explained > 40, "{explained} lines");
}

#[tokio::test]
async fn every_table_has_a_fate_when_a_session_is_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let ids = Arc::new(SequentialIds::default());
    let options = OpenOptions::new(dir.path(), WorkerId::new(ids.as_ref()));
    let clock = Arc::new(Still(ManualClock::default()));
    let _store = SqliteStore::open(options, clock, ids).await.unwrap();
    let mut connection = connect::reader(&dir.path().join("factotum.db")).await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(tables, TABLES);
    assert_eq!(tables, FATES.iter().map(|(table, _)| *table).collect::<Vec<_>>());
    let told = FATES.iter().all(|(_, fate)| match fate {
        Fate::Goes => true,
        Fate::Stays(reason) => !reason.is_empty(),
    });
    assert!(told);
}
