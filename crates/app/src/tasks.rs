//! The owner of every task: it knows them all, and ends only after the last of them.

use std::time::Duration;

use agent_core::Spawn;
use futures_util::future::BoxFuture;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long tasks may go on after the end was asked for.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// All tasks of an assistant.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    cut: CancellationToken,
}

impl Spawn for Tasks {
    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>) {
        let cut = self.cut.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                biased;
                () = task => {}
                () = cut.cancelled() => tracing::warn!(task = name, "cut off at the end"),
            }
        });
    }
}

impl Tasks {
    /// Waits for all tasks, and cuts off what is left after [`GRACE`].
    pub(crate) async fn end(&self) {
        self.tracker.close();
        if tokio::time::timeout(GRACE, self.tracker.wait()).await.is_err() {
            self.cut.cancel();
            self.tracker.wait().await;
        }
    }
}
