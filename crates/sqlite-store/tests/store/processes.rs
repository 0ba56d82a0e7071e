//! Two real processes on one data directory, one of which is killed.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use session_api::{InboundState, LeaseFrom, Mailbox, ManualClock, RunNow};
use sqlite_store::SqliteStore;

use super::{
    grouping::message,
    support::{RandomIds, Running, options, start, worker},
};

/// The other process: works in the current directory until it is killed. Started by the test below only.
#[tokio::test]
#[ignore = "the other process of `a_killed_process_loses_nothing_and_its_turn_is_taken_at_once`"]
async fn accepts_leases_and_waits_to_be_killed() {
    let dir = std::env::current_dir().unwrap();
    let running = start(options(dir, 2), ManualClock::default()).await;
    let accepted =
        running.store.accept(None, vec![message(7)].into(), Some(RunNow(worker(2)))).await.unwrap();
    assert!(accepted.turn.is_some());
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_killed_process_loses_nothing_and_its_turn_is_taken_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let here = start(options(dir.path(), 1), ManualClock::default()).await;
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::accepts_leases_and_waits_to_be_killed", "--ignored"])
        .current_dir(dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let scope = session_api::Scope::All;
    let seen = async {
        let mut since = 0;
        loop {
            since = here.store.changed(since).await.unwrap();
            let sessions = session_api::SessionStore::sessions(&*here.store, &scope, 1).await.unwrap();
            if let Some(turn) = sessions.first().and_then(|session| session.open_turn) {
                return turn;
            }
        }
    };
    // Bounds a test that would otherwise hang: the other process starts in far less.
    let turn = tokio::time::timeout(Duration::from_secs(30), seen).await;
    let idle = here.store.lease(worker(1), LeaseFrom::Any).await.unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let turn = turn.unwrap();
    assert_eq!(idle, None, "a living process's turn was taken");
    let taken = here.store.lease(worker(1), LeaseFrom::Any).await.unwrap().unwrap();
    assert_eq!((taken.lease.turn, taken.attempt, taken.founders.len()), (turn, 2, 1));
    let founder = taken.founders[0].inbound.id;
    let view = here.store.inbound(founder).await.unwrap().unwrap();
    assert_eq!(view.state, InboundState::Running(turn));
}

/// Its clock stands still: whoever looks from time to time would never look.
#[tokio::test]
async fn a_commit_of_another_process_is_heard_of_without_looking() {
    let dir = tempfile::tempdir().unwrap();
    let (here, there) = (still(dir.path(), 1).await, still(dir.path(), 2).await);
    for n in 1..4 {
        let since = here.store.changed(0).await.unwrap();
        let accept = there.store.accept(None, vec![message(n)].into(), None);
        let (changed, accepted) = tokio::join!(here.store.changed(since), accept);
        assert!(changed.unwrap() > since && accepted.is_ok());
    }
}

#[expect(clippy::disallowed_methods, reason = "the test owns the task, which ends with it")]
async fn still(dir: &std::path::Path, n: u128) -> Running {
    let clock = std::sync::Arc::new(ManualClock::default());
    let (store, writer) =
        SqliteStore::open(options(dir, n), clock, std::sync::Arc::new(RandomIds)).await.unwrap();
    Running { store: std::sync::Arc::new(store), writer: tokio::spawn(writer.run()) }
}
