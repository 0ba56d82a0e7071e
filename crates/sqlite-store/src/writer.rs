//! The one writer: groups what waits into one commit.

use std::{collections::VecDeque, panic::AssertUnwindSafe, sync::atomic::Ordering, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use session_api::StoreError;
use sqlx::Executor;
use tokio::sync::{mpsc, oneshot};

use crate::{
    bell::Bell,
    clock_set,
    connect::synchronous,
    error::again,
    glance::Glance,
    liveness::Alive,
    open::Shared,
    script::{Script, column},
    transaction::Transaction,
    turnstile::{NotPassed, Turnstile},
};

/// Most operations in one group: bounds what a failed commit takes with it.
const GROUP: usize = 256;

/// A group is closed after this much time: bounds how long another process waits for its turn.
const GROUP_TIME: Duration = Duration::from_millis(4);

/// Operations that may wait before callers are held back.
pub(crate) const WAITING: usize = 1024;

/// How one operation wants to be committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grade {
    /// On the disk before it is answered.
    pub(crate) durable: bool,
    /// Those who wait for changes are told.
    pub(crate) wakes: bool,
}

impl Grade {
    /// Durable, and makes work or news for somebody.
    pub(crate) const DURABLE: Self = Self { durable: true, wakes: true };
    /// Relaxed, and makes work or news for somebody.
    pub(crate) const NEWS: Self = Self { durable: false, wakes: true };
    /// Relaxed, and of interest to its caller only.
    pub(crate) const QUIET: Self = Self { durable: false, wakes: false };
}

/// Tells a caller how its operation ended: with the group's error, where the group was lost.
pub(crate) type Reply = Box<dyn FnOnce(Option<&StoreError>) + Send>;

/// What waits for the writer.
pub(crate) struct Operation {
    pub(crate) grade: Grade,
    pub(crate) call: Box<dyn Call>,
}

/// What to write, and whom to tell.
pub(crate) trait Call: Send {
    /// Writes. Says whether to keep what was written.
    fn run<'t>(self: Box<Self>, transaction: &'t mut Transaction) -> BoxFuture<'t, (bool, Reply)>
    where
        Self: 't;

    /// Tells that it was never begun.
    fn refuse(self: Box<Self>, error: &StoreError);
}

/// A [`Call`] that is a closure and the caller's end of a channel.
pub(crate) struct Asked<T, F> {
    pub(crate) operation: F,
    pub(crate) reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Call for Asked<T, F>
where
    T: Send + 'static,
    F: for<'t> FnOnce(&'t mut Transaction) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
{
    fn run<'t>(self: Box<Self>, transaction: &'t mut Transaction) -> BoxFuture<'t, (bool, Reply)>
    where
        Self: 't,
    {
        let Self { operation, reply } = *self;
        Box::pin(async move {
            let result = operation(transaction).await;
            let kept = result.is_ok();
            let tell: Reply = Box::new(move |lost| {
                // Nobody listens when the caller has gone away: what it asked for is done all the same.
                let _ = reply.send(lost.map_or(result, |error| Err(again(error))));
            });
            (kept, tell)
        })
    }

    fn refuse(self: Box<Self>, error: &StoreError) {
        let _ = self.reply.send(Err(again(error)));
    }
}

/// The writing half of an open store. Its owner spawns [`run`](Self::run); dropping it is the death of its worker.
pub struct Writer {
    transaction: Transaction,
    turnstile: Turnstile,
    operations: mpsc::Receiver<Operation>,
    /// What `PRAGMA synchronous` reads now.
    synchronous: i64,
    /// What `PRAGMA data_version` read last: only other processes change it on this connection.
    data_version: i64,
    glance: Glance,
    bell: Bell,
    // Held for the life of the writer.
    _alive: Alive,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("worker", &self.transaction.shared.worker).finish_non_exhaustive()
    }
}

impl Writer {
    pub(crate) fn new(
        transaction: Transaction,
        turnstile: Turnstile,
        operations: mpsc::Receiver<Operation>,
        alive: Alive,
    ) -> Self {
        let (layout, worker) = (&transaction.shared.layout, transaction.shared.worker);
        let (glance, bell) = (Glance::at(layout.log()), Bell::new(layout.bells(), worker));
        Self {
            transaction,
            turnstile,
            operations,
            synchronous: 1,
            data_version: -1,
            glance,
            bell,
            _alive: alive,
        }
    }

    /// Writes until every clone of the store is gone and what they asked for is committed.
    ///
    /// # Errors
    /// When the disk no longer takes what is written (an I/O error, or a failed `fsync`): nothing may be retried then.
    /// End the process; the next start recovers. Until then every operation is refused.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O enabled.
    pub async fn run(mut self) -> Result<(), StoreError> {
        let shared = self.transaction.shared.clone();
        shared.running.store(true, Ordering::Release);
        self.bell.listen();
        self.look().await?;
        let mut waiting = VecDeque::with_capacity(GROUP);
        loop {
            if waiting.is_empty() {
                match self.next(&shared).await? {
                    Some(operation) => waiting.push_back(operation),
                    None => return Ok(()),
                }
            }
            while waiting.len() < GROUP
                && let Ok(operation) = self.operations.try_recv()
            {
                waiting.push_back(operation);
            }
            self.group(&shared, &mut waiting).await;
            if let Some(what) = self.transaction.fatal.take() {
                let what = format!("{}: {what}; end this process", shared.layout.database.display());
                return Err(StoreError::Unavailable { what, source: None });
            }
            tokio::task::yield_now().await;
        }
    }

    /// The next operation; meanwhile it looks for commits of other processes as long as somebody waits for them.
    async fn next(&mut self, shared: &Shared) -> Result<Option<Operation>, StoreError> {
        loop {
            let (wake, bell) = (&shared.wake, &self.bell);
            let pause = async {
                if !wake.awaited() {
                    wake.arrival().await;
                }
                let pause = wake.pause(bell.hears());
                tokio::select! {
                    () = bell.rung() => true,
                    () = shared.clock.sleep(pause) => false,
                }
            };
            let rung = tokio::select! {
                biased;
                operation = self.operations.recv() => return Ok(operation),
                rung = pause => rung,
            };
            self.bell.listen();
            if rung || !self.glance.is_still() {
                self.look().await?;
            }
        }
    }

    /// Wakes those who wait when another process has committed.
    async fn look(&mut self) -> Result<(), StoreError> {
        let script = Script::new("PRAGMA data_version");
        let row = script.run(&mut self.transaction.connection).await.map(|mut answers| answers.first(0));
        let version = row.and_then(|row| row.map_or(Ok(0), |row| column::<i64>(&row, 0)));
        match version {
            Ok(version) => self.saw(version),
            Err(error) => return Err(self.transaction.database_error(error)),
        }
        Ok(())
    }

    fn saw(&mut self, version: i64) {
        if std::mem::replace(&mut self.data_version, version) != version {
            self.transaction.shared.wake.raise();
        }
    }

    /// One commit. Leaves in `waiting` what did not fit.
    async fn group(&mut self, shared: &Shared, waiting: &mut VecDeque<Operation>) {
        let mut replies: Vec<Reply> = Vec::with_capacity(waiting.len());
        let outcome = self.try_group(shared, waiting, &mut replies).await;
        if let Err(error) = &outcome {
            // What SQLite rolled back already makes this an error, which says nothing new.
            let _ = self.transaction.connection.execute("ROLLBACK").await;
            // It could not even begin: all who wait are told, so that each decides for itself whether to try again.
            if replies.is_empty() {
                waiting.drain(..).for_each(|operation| operation.call.refuse(error));
            }
        }
        for reply in replies {
            reply(outcome.as_ref().err());
        }
    }

    async fn try_group(
        &mut self,
        shared: &Shared,
        waiting: &mut VecDeque<Operation>,
        replies: &mut Vec<Reply>,
    ) -> Result<(), StoreError> {
        let durable = waiting.iter().any(|operation| operation.grade.durable);
        let pen = self.turnstile.pass().await.map_err(not_passed)?;
        self.synchronize(shared, durable).await?;
        self.transaction.begin();
        let clock = clock_set::Reading::of(shared.clock.as_ref());
        let earlier = *shared.seen.lock();
        if clock_set::follow(&mut self.transaction, earlier, clock).await? {
            self.transaction.settle(true).await?;
        }
        let began = shared.clock.monotonic();
        let mut wakes = false;
        while let Some(operation) = waiting.pop_front() {
            self.transaction.alone = waiting.is_empty();
            wakes |= self.perform(operation, replies).await?;
            if shared.clock.monotonic().saturating_sub(began) > GROUP_TIME {
                break;
            }
        }
        // Where this fails, it is not known whether the group reached the disk: nothing is retried.
        self.transaction.commit().await?;
        *shared.seen.lock() = Some(clock);
        self.saw(self.transaction.data_version);
        drop(pen);
        shared.groups.fetch_add(1, Ordering::Relaxed);
        if wakes {
            shared.wake.raise();
            self.bell.ring();
        }
        Ok(())
    }

    /// Sets how this group is committed, where the last one was committed otherwise.
    async fn synchronize(&mut self, shared: &Shared, durable: bool) -> Result<(), StoreError> {
        let wanted = synchronous(shared.durability, durable);
        if wanted == self.synchronous {
            return Ok(());
        }
        // `SQLite` acts on this pragma while it compiles it: as a cached statement it would do nothing.
        let pragma = if wanted == 2 { "PRAGMA synchronous = 2" } else { "PRAGMA synchronous = 1" };
        let set = self.transaction.connection.execute(pragma).await;
        set.map_err(|error| self.transaction.database_error(error))?;
        self.synchronous = wanted;
        Ok(())
    }

    /// Carries out one operation in its savepoint; says whether it made news. An error loses the group.
    async fn perform(&mut self, operation: Operation, replies: &mut Vec<Reply>) -> Result<bool, StoreError> {
        let Operation { grade, call } = operation;
        // A caller's code runs in here (a splitter): its panic must not end the writer. The caller sees its reply
        // dropped.
        let done = AssertUnwindSafe(call.run(&mut self.transaction)).catch_unwind().await;
        let kept = match done {
            Ok((kept, reply)) => {
                replies.push(reply);
                kept
            }
            Err(_panic) => false,
        };
        self.transaction.settle(kept).await?;
        Ok(kept && grade.wakes)
    }
}

fn not_passed(error: NotPassed) -> StoreError {
    let what = error.to_string();
    match error {
        NotPassed::Kept { .. } => StoreError::Busy { what },
        NotPassed::Refused { source, .. } => StoreError::Unavailable { what, source: Some(Box::new(source)) },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use session_api::{Batch, Clock, Mailbox, ManualClock, SequentialIds, WorkerId};
    use uuid::Uuid;

    use super::*;
    use crate::{OpenOptions, SqliteStore};

    #[tokio::test]
    async fn a_write_does_not_wait_for_a_stopped_process_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
        let options = OpenOptions::new(dir.path(), WorkerId(Uuid::from_u128(1)));
        let opened = SqliteStore::open(options, clock, Arc::new(SequentialIds::default())).await;
        let (store, mut writer) = opened.unwrap();
        writer.turnstile = writer.turnstile.within(Duration::from_millis(20));
        let stopped = Turnstile::open(&dir.path().join("run")).unwrap();
        let work = async {
            let pen = stopped.pass().await.unwrap();
            let all = (0..3).map(|_| store.accept(None, Batch::default(), None));
            for refused in futures_util::future::join_all(all).await {
                let Err(StoreError::Busy { what }) = refused else { panic!("{refused:?}") };
                assert!(what.contains("run/writer.lock") && what.contains("stopped"), "{what}");
            }
            drop(pen);
            // A writer that could not write goes on.
            store.accept(None, Batch::default(), None).await.unwrap();
            drop(store);
        };
        let (written, ()) = tokio::join!(writer.run(), work);
        written.unwrap();
    }
}
