//! The one writer: groups, durability of what was asked for, and what happens without it.

use std::{sync::Arc, time::Duration};

use super::support::{RandomIds, TestClock, options, start, worker};
use futures_util::future::join_all;
use session_api::{
    Acceptance, Inbound, InboundId, InboundKind, LeaseFrom, Mailbox, ManualClock, Outcome, Part, Principal,
    Route, RunOverrides, Runner, SessionKey, StoreError, Timestamp, WhenBusy, Writes,
};
use sqlite_store::{OpenOptions, SqliteStore};

pub(super) fn message(n: u32) -> Inbound {
    let session = SessionKey::new("test", "bot", format!("chat-{n}"));
    let id = InboundId::new(&RandomIds);
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

async fn accept(store: &SqliteStore, n: u32) -> Result<Vec<Acceptance>, StoreError> {
    Ok(store.accept(None, vec![message(n)].into(), None).await?.rows)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_wait_share_few_commits() {
    let dir = tempfile::tempdir().unwrap();
    let running = start(OpenOptions::new(dir.path(), worker(1)), ManualClock::default()).await;
    let before = running.store.commits();
    let asked = (0..200).map(|n| accept(&running.store, n));
    for answer in join_all(asked).await {
        assert_eq!(answer.unwrap(), [Acceptance::New]);
    }
    let commits = running.store.commits() - before;
    assert!(commits <= 60, "{commits} commits for 200 operations");
}

#[tokio::test]
async fn a_refused_operation_harms_no_other_of_its_group() {
    let dir = tempfile::tempdir().unwrap();
    let running = start(options(dir.path(), 1), ManualClock::default()).await;
    accept(&running.store, 1).await.unwrap();
    let turn = running.store.lease(worker(1), LeaseFrom::Any).await.unwrap().unwrap();
    let mut stale = turn.lease.clone();
    stale.token += 1;
    let asked = join_all((0..50u32).map(|n| {
        let (store, stale) = (running.store.clone(), stale.clone());
        async move {
            match n % 2 {
                0 => accept(&store, 100 + n).await.is_ok(),
                _ => store.commit(&stale, Outcome::Replied, Writes::default()).await.is_ok(),
            }
        }
    }));
    let kept: Vec<bool> = asked.await;
    assert_eq!(kept.iter().filter(|kept| **kept).count(), 25);
    let sessions = session_api::SessionStore::sessions(&*running.store, &session_api::Scope::All, 100).await;
    assert_eq!(sessions.unwrap().len(), 26);
}

#[tokio::test]
async fn what_was_asked_for_is_written_though_nobody_waits() {
    let dir = tempfile::tempdir().unwrap();
    let (store, writer) = SqliteStore::open(
        options(dir.path(), 1),
        Arc::new(TestClock(ManualClock::default())),
        Arc::new(RandomIds),
    )
    .await
    .unwrap();
    let row = message(1);
    let id = row.id;
    {
        // Handed over to the writer, which does not run yet; then the caller goes away, and the store as well.
        let asked = store.accept(None, vec![row].into(), None);
        assert!(tokio::time::timeout(Duration::from_millis(1), asked).await.is_err());
    }
    drop(store);
    writer.run().await.unwrap();
    let again = start(options(dir.path(), 2), ManualClock::default()).await;
    assert!(again.store.inbound(id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_store_without_its_writer_refuses_to_write() {
    let dir = tempfile::tempdir().unwrap();
    let opened = SqliteStore::open(
        options(dir.path(), 1),
        Arc::new(TestClock(ManualClock::default())),
        Arc::new(RandomIds),
    );
    let (store, writer) = opened.await.unwrap();
    drop(writer);
    let refused = accept(&store, 1).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
}

#[tokio::test]
async fn two_processes_never_have_the_same_name() {
    let dir = tempfile::tempdir().unwrap();
    let _running = start(options(dir.path(), 1), ManualClock::default()).await;
    let opened = SqliteStore::open(
        options(dir.path(), 1),
        Arc::new(TestClock(ManualClock::default())),
        Arc::new(RandomIds),
    );
    assert!(opened.await.unwrap_err().to_string().contains("runs already"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_neighbour_gets_its_turn_at_saturation() {
    let dir = tempfile::tempdir().unwrap();
    let busy = start(options(dir.path(), 1), ManualClock::default()).await;
    let neighbour = start(options(dir.path(), 2), ManualClock::default()).await;
    let load = join_all((0..64u32).map(|n| {
        let store = busy.store.clone();
        async move {
            for round in 0..40 {
                accept(&store, 1000 + n * 100 + round).await.unwrap();
            }
        }
    }));
    // Counted in the busy one's commits, not in time: between two of the neighbour's there are few of them.
    let calm = async {
        let mut most = 0;
        for n in 0..20 {
            let before = busy.store.commits();
            accept(&neighbour.store, n).await.unwrap();
            most = most.max(busy.store.commits() - before);
        }
        most
    };
    let (_, most) = futures_util::future::join(load, calm).await;
    assert!(most <= 8, "{most} groups of the other went by while one operation waited");
}
