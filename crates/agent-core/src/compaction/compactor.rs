//! Who makes summaries in this process, and that no session has two of them at a time.

use std::{collections::HashSet, sync::Arc};

use parking_lot::Mutex;
use session_api::SessionKey;
use tokio::sync::{Notify, Semaphore};

use tokio_util::sync::CancellationToken;

use super::{Compacted, CompactionError, Why, compact};
use crate::{Core, Ports};

/// Most summaries at the same time: they must not take the models away from those who wait for an answer.
const AT_ONCE: usize = 2;
/// Most words about summaries that are kept for somebody to fetch.
const MOST_TOLD: usize = 64;

/// What a process knows of its summaries.
#[derive(Debug)]
pub(crate) struct Compactor {
    under_way: Mutex<HashSet<SessionKey>>,
    done: Mutex<Vec<Compacted>>,
    ended: Notify,
    slots: Semaphore,
    cut: CancellationToken,
}

impl Default for Compactor {
    fn default() -> Self {
        Self {
            under_way: Mutex::default(),
            done: Mutex::default(),
            ended: Notify::new(),
            slots: Semaphore::new(AT_ONCE),
            cut: CancellationToken::new(),
        }
    }
}

/// A session that is being worked on, until this is dropped: also when the work is cut off.
pub(crate) struct UnderWay {
    compactor: Arc<Compactor>,
    session: SessionKey,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.compactor.under_way.lock().remove(&self.session);
        self.compactor.ended.notify_waiters();
    }
}

impl Compactor {
    /// Begins with a session, unless somebody is at it, or this process makes no more summaries.
    pub(crate) fn begin(self: &Arc<Self>, session: &SessionKey) -> Option<UnderWay> {
        if self.cut.is_cancelled() {
            return None;
        }
        let begun = self.under_way.lock().insert(session.clone());
        begun.then(|| UnderWay { compactor: self.clone(), session: session.clone() })
    }

    /// Makes the summary that was begun.
    pub(crate) async fn run(
        &self,
        under_way: UnderWay,
        ports: &Ports,
        core: &Core,
        why: Why,
    ) -> Result<Compacted, CompactionError> {
        // Never closed.
        let _slot = self.slots.acquire().await;
        let made = compact(ports, core, &under_way.session, why, &self.cut).await;
        if let Ok(made) = &made
            && why != Why::Asked
        {
            let mut done = self.done.lock();
            if done.len() < MOST_TOLD {
                done.push(made.clone());
            }
        }
        made
    }

    /// What was made of `session` and nobody was told of yet.
    pub(crate) fn take_done(&self, session: &SessionKey) -> Vec<Compacted> {
        self.done.lock().extract_if(.., |made| made.session == *session).collect()
    }

    /// Whether something of `session` is under way.
    pub(crate) fn works_on(&self, session: &SessionKey) -> bool {
        self.under_way.lock().contains(session)
    }

    /// Waits until nothing of `session` is under way.
    pub(crate) async fn settled(&self, session: &SessionKey) {
        loop {
            let ended = self.ended.notified();
            if !self.works_on(session) {
                return;
            }
            ended.await;
        }
    }

    /// No more waiting for models, and nothing is begun any more. What is only to be committed still is.
    pub(crate) fn cut(&self) {
        self.cut.cancel();
    }

    /// Waits until nothing is under way.
    pub(crate) async fn ended(&self) {
        loop {
            let ended = self.ended.notified();
            if self.under_way.lock().is_empty() {
                return;
            }
            ended.await;
        }
    }
}
