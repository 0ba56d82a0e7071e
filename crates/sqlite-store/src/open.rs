//! Opening a data directory.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use session_api::{Clock, IdSource, LeasePolicy, StoreError, WorkerId};
use tokio::sync::{mpsc, oneshot};

use crate::{
    clock_set,
    connect::{self, open_error},
    error::OpenError,
    layout::{Found, Layout, unusable},
    liveness::Alive,
    migrate::{MIGRATIONS, close, make_ours},
    quiet::Quiet,
    readers::Readers,
    script::{Answers, Script},
    transaction::Transaction,
    turnstile::{NotPassed, Turnstile},
    wake::Wake,
    writer::{Asked, Grade, Operation, WAITING, Writer},
};

/// How long a write waits for a writer that nobody has started yet.
const START: Duration = Duration::from_secs(5);

/// What a durable commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// A power cut: each group with a durable operation ends with an `fsync`.
    #[default]
    Power,
    /// The death of the process. A power cut may take the newest commits; the database stays whole.
    Process,
}

/// What to open, and as whom.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// The data directory: `factotum.db`, `blobs/` and `run/` are in it. Made where it is missing.
    pub dir: PathBuf,
    /// Who opens it. One process at a time may use a worker's name.
    pub worker: WorkerId,
    /// What a durable commit survives.
    pub durability: Durability,
    /// How long leases hold, and how often a turn is tried.
    pub policy: LeasePolicy,
    /// Most connections that read; at least one.
    pub readers: usize,
}

impl OpenOptions {
    /// `dir` for `worker`, durable against power cuts, with the default lease policy and two readers.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, worker: WorkerId) -> Self {
        Self {
            dir: dir.into(),
            worker,
            durability: Durability::Power,
            policy: LeasePolicy::default(),
            readers: 2,
        }
    }
}

/// What the store and its writer share.
pub(crate) struct Shared {
    pub(crate) layout: Layout,
    pub(crate) worker: WorkerId,
    pub(crate) durability: Durability,
    pub(crate) policy: LeasePolicy,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) wake: Wake,
    pub(crate) running: AtomicBool,
    pub(crate) groups: AtomicU64,
    /// The clocks at the last group.
    pub(crate) seen: Mutex<Option<clock_set::Reading>>,
    pub(crate) quiet: Quiet,
}

/// An open data directory; implements every store port. Clones share it.
#[derive(Clone)]
pub struct SqliteStore {
    pub(crate) shared: Arc<Shared>,
    readers: Readers,
    operations: mpsc::Sender<Operation>,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("dir", &self.shared.layout.dir).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the directory, makes the database where there never was one, and brings its schema up to date.
    ///
    /// # Errors
    /// See [`OpenError`]. Nothing is ever reset: a database that is damaged, foreign, newer or gone is left as it is.
    pub async fn open(
        options: OpenOptions,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> Result<(Self, Writer), OpenError> {
        let OpenOptions { dir, worker, durability, policy, readers } = options;
        let layout = Layout::of(&dir);
        layout.prepare()?;
        let turnstile = Turnstile::open(&layout.run)
            .map_err(|(path, error)| unusable(&path, "cannot be opened for locking", error))?;
        let connection = {
            // Under the pen, so that of two processes that start at once one makes the schema and the other finds it.
            let _pen = turnstile.pass().await.map_err(not_passed)?;
            let found = layout.inspect()?;
            let connected = connect::writer(&layout.database).await;
            let mut connection = connected.map_err(|error| open_error(&layout.database, error))?;
            if let Err(error) = make_ours(&mut connection, &layout, MIGRATIONS).await {
                close(connection).await;
                return Err(error);
            }
            if found == Found::Nothing {
                layout.leave_witness()?;
            }
            connection
        };
        let alive = Alive::begin(&layout.run, worker)
            .map_err(|error| unusable(&layout.run, "a worker's lock cannot be made", error))?
            .ok_or_else(|| OpenError::Unusable {
                path: layout.run.join(format!("{worker}.lock")),
                what: "is held: a process with this worker's name runs already".into(),
                source: None,
            })?;
        let shared = Arc::new(Shared {
            layout,
            worker,
            durability,
            policy,
            clock,
            ids,
            wake: Wake::new(policy.ttl),
            running: AtomicBool::new(false),
            groups: AtomicU64::new(0),
            seen: Mutex::default(),
            quiet: Quiet::default(),
        });
        let (sender, receiver) = mpsc::channel(WAITING);
        let transaction = Transaction::new(connection, shared.clone());
        let writer = Writer::new(transaction, turnstile, receiver, alive);
        let readers = Readers::new(shared.layout.database.clone(), readers);
        Ok((Self { shared, readers, operations: sender }, writer))
    }

    /// Groups committed by this store's writer so far.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.shared.groups.load(Ordering::Relaxed)
    }

    /// Gives `operation` to the writer and waits until it is committed.
    pub(crate) async fn write<T, F>(&self, grade: Grade, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Transaction) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let call = Box::new(Asked { operation, reply });
        self.operations.send(Operation { grade, call }).await.map_err(|_| gone("its writer has ended"))?;
        let ended = |_| gone("its writer ended before this was committed");
        if self.shared.running.load(Ordering::Acquire) {
            return answer.await.map_err(ended)?;
        }
        let mut answer = answer;
        tokio::select! {
            biased;
            answer = &mut answer => answer.map_err(ended)?,
            () = self.shared.clock.sleep(START) => {
                if self.shared.running.load(Ordering::Acquire) {
                    answer.await.map_err(ended)?
                } else {
                    Err(gone("its writer was never started: spawn `Writer::run`"))
                }
            }
        }
    }

    /// Runs one statement on a reader.
    pub(crate) async fn read(&self, script: Script) -> Result<Answers, StoreError> {
        self.readers.read(script).await
    }

    /// Runs several statements on a reader, over one state of the store.
    pub(crate) async fn snapshot(&self, script: Script) -> Result<Answers, StoreError> {
        self.readers.snapshot(script).await
    }

    pub(crate) fn now(&self) -> session_api::Timestamp {
        self.shared.clock.now()
    }
}

fn not_passed(error: NotPassed) -> OpenError {
    match error {
        NotPassed::Refused { path, source } => unusable(&path, "cannot be locked", source),
        NotPassed::Kept { ref path, .. } => {
            OpenError::Unusable { path: path.clone(), what: error.to_string(), source: None }
        }
    }
}

fn gone(what: &str) -> StoreError {
    StoreError::Unavailable { what: what.into(), source: None }
}
