//! What a process does that has nothing to do.

use std::sync::Arc;

use session_api::{LeaseFrom, Mailbox as _, ManualClock, OutboxMessage, Part, Splitter};

use super::support::{options, start};

struct Whole;

impl Splitter for Whole {
    fn split(&self, message: &OutboxMessage) -> Vec<Part> {
        message.parts.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_in_vain_again_and_again_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), 1);
    let worker = options.worker;
    let running = start(options, ManualClock::default()).await;
    let ask = async || {
        assert!(running.store.lease(worker, LeaseFrom::Any).await.unwrap().is_none());
        let claimed = running.store.claim_parts(worker, &["test".into()], 16, Arc::new(Whole)).await;
        assert!(claimed.unwrap().is_empty());
    };
    ask().await;
    let before = running.store.commits();
    for _ in 0..10 {
        ask().await;
    }
    assert_eq!(running.store.commits(), before);
}
