//! Those who read, and what they do to one another.

use std::{future::Future as _, task::Context, time::Duration};

use futures_util::task::noop_waker_ref;
use session_api::{Mailbox as _, ManualClock};

use super::support::{options, start};

/// A turn that watches for a stop while it does something else is such a reader: two of them once kept the whole gateway
/// waiting, for ever.
#[tokio::test(flavor = "multi_thread")]
async fn readers_that_nobody_polls_any_more_keep_nobody_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let running = start(options(dir.path(), 1), ManualClock::default()).await;
    running.store.backlog().await.unwrap();
    let mut begun = Vec::new();
    // One may be answered at once.
    while begun.len() < 4 {
        let mut reading = Box::pin(running.store.backlog());
        if reading.as_mut().poll(&mut Context::from_waker(noop_waker_ref())).is_pending() {
            begun.push(reading);
        }
    }
    let other = tokio::time::timeout(Duration::from_secs(20), running.store.backlog()).await;
    other.expect("it does not wait for those").unwrap();
    for reading in begun {
        reading.await.unwrap();
    }
}
