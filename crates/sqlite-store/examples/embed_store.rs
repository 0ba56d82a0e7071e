//! Embeds this crate alone: a message comes in, its turn runs, and what was said is read back.
//!
//! `cargo run -p sqlite-store --example embed_store -- DIRECTORY`

use std::{path::PathBuf, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use session_api::{
    Clock, IdSource, Inbound, InboundId, InboundKind, Mailbox, Message, MessageId, Outcome, Part, Principal,
    Role, Route, RunNow, RunOverrides, Runner, Scope, SessionKey, SessionStore, Timestamp, WhenBusy,
    WindowBudget, WorkerId, Writes,
};
use sqlite_store::{OpenOptions, SqliteStore};
use uuid::Uuid;

/// The machine's clocks: the one place of this program that reads them.
struct SystemClock {
    started: std::time::Instant,
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock port of this program")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::default().plus(since)
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// The machine's ids: the one place of this program that makes them.
struct SystemIds;

impl IdSource for SystemIds {
    #[expect(clippy::disallowed_methods, reason = "this is the id port of this program")]
    fn next_uuid(&self) -> Uuid {
        Uuid::now_v7()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::args().nth(1).map_or_else(|| std::env::temp_dir().join("embed-store"), PathBuf::from);
    #[expect(clippy::disallowed_methods, reason = "this is the clock port of this program")]
    let clock = Arc::new(SystemClock { started: std::time::Instant::now() });
    let worker = WorkerId::new(&SystemIds);
    let (store, writer) =
        SqliteStore::open(OpenOptions::new(&dir, worker), clock.clone(), Arc::new(SystemIds)).await?;
    // The writer is a future of ours: here it runs beside the work, and ends when the store is dropped.
    let (written, worked) = tokio::join!(writer.run(), talk(store, clock.as_ref(), worker));
    written?;
    worked
}

async fn talk(
    store: SqliteStore,
    clock: &dyn Clock,
    worker: WorkerId,
) -> Result<(), Box<dyn std::error::Error>> {
    let session = SessionKey::new("example", "me", "one");
    let id = InboundId::new(&SystemIds);
    let inbound = Inbound {
        id,
        external_id: id.to_string(),
        session: session.clone(),
        parent: None,
        reply: Route::to_session(&session),
        principal: Principal::owner(),
        kind: InboundKind::Message,
        busy: WhenBusy::default(),
        coalesce: None,
        runner: Runner::Any,
        overrides: RunOverrides::default(),
        parts: vec![Part::text("What did I say before?")],
        shared: false,
        received_at: clock.now(),
        correlation: id.to_string(),
    };
    let accepted = store.accept(None, vec![inbound].into(), Some(RunNow(worker))).await?;
    let turn = accepted.turn.ok_or("another process works on this session")?;
    let said = |role, text: &str| Message {
        id: MessageId::new(&SystemIds),
        role,
        principal: None,
        turn: turn.lease.turn,
        at: clock.now(),
        parts: vec![Part::text(text)],
    };
    let messages =
        vec![said(Role::User, "What did I say before?"), said(Role::Assistant, "See for yourself:")];
    store.commit(&turn.lease, Outcome::Replied, Writes { messages, ..Writes::default() }).await?;
    let budget = WindowBudget { messages: 10, bytes: 10_000 };
    for stored in store.window(&Scope::All, &session, budget).await?.messages {
        let line = format!("{:>4} {:?}: {}\n", stored.seq, stored.message.role, stored.message.text());
        std::io::Write::write_all(&mut std::io::stdout(), line.as_bytes())?;
    }
    Ok(())
}
