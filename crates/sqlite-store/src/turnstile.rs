//! Whose turn it is to write, among processes.
//!
//! Two locked files. Whoever wants to write takes the *queue* first, then the *pen*, then leaves the queue. A process
//! that has just written stands at the queue again like anybody else, and finds there the one that waits for the pen:
//! so with any load each process gets its turn after one group of each other.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustix::fs::{FlockOperation, flock};
use tokio::task::spawn_blocking;

/// How long somebody waits for the pen. A group takes milliseconds; a process that keeps the pen for so long hangs, was
/// stopped, or writes to a disk that does not answer.
const BOUND: Duration = Duration::from_secs(10);

/// How often a lock is tried, as long as an ordinary group may be what it waits for. The same for all who wait, so that
/// nobody is favoured.
const PACE: Duration = Duration::from_micros(250);

/// How long that is.
const ORDINARY: Duration = Duration::from_secs(1);

/// How often a lock is tried afterwards.
const SLOW: Duration = Duration::from_millis(5);

/// Why the pen could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotPassed {
    #[error(
        "another process has kept {} locked for {} s; it hangs or was stopped: continue it or end it",
        path.display(),
        waited.as_secs_f32()
    )]
    Kept { path: PathBuf, waited: Duration },
    #[error("{} cannot be locked: {source}", path.display())]
    Refused { path: PathBuf, source: io::Error },
}

/// The two files, open.
pub(crate) struct Turnstile {
    queue: LockFile,
    pen: LockFile,
    bound: Duration,
}

struct LockFile {
    file: Arc<File>,
    path: PathBuf,
}

/// The right to write; dropping it passes the pen on.
pub(crate) struct Pen(Arc<File>);

impl Turnstile {
    pub(crate) fn open(run: &Path) -> Result<Self, (PathBuf, io::Error)> {
        let open = |name: &str| {
            let path = run.join(name);
            match open_lock(&path) {
                Ok(file) => Ok(LockFile { file: Arc::new(file), path }),
                Err(error) => Err((path, error)),
            }
        };
        Ok(Self { queue: open("writer.queue")?, pen: open("writer.lock")?, bound: BOUND })
    }

    /// The same with another bound.
    #[cfg(test)]
    pub(crate) fn within(self, bound: Duration) -> Self {
        Self { bound, ..self }
    }

    /// Waits for the pen, ten seconds at most. Off the async threads as soon as there is somebody to wait for.
    pub(crate) async fn pass(&self) -> Result<Pen, NotPassed> {
        let left = self.lock(&self.queue, self.bound).await?;
        let pen = self.lock(&self.pen, left).await;
        // Left also when the pen could not be had, or nobody would ever pass again.
        let parted = flock(&*self.queue.file, FlockOperation::Unlock);
        pen?;
        parted.map_err(|error| self.queue.refused(error.into()))?;
        Ok(Pen(self.pen.file.clone()))
    }

    /// Takes a lock; what is left of `bound`.
    async fn lock(&self, lock: &LockFile, bound: Duration) -> Result<Duration, NotPassed> {
        if try_lock(&lock.file).map_err(|error| lock.refused(error))? {
            return Ok(bound);
        }
        let file = lock.file.clone();
        let abandoned = Abandoned::default();
        let flag = abandoned.0.clone();
        let waited = spawn_blocking(move || wait(&file, bound, &flag)).await.map_err(io::Error::other);
        let left = waited.and_then(|left| left).map_err(|error| lock.refused(error))?;
        left.ok_or_else(|| NotPassed::Kept { path: lock.path.clone(), waited: self.bound })
    }
}

impl LockFile {
    fn refused(&self, source: io::Error) -> NotPassed {
        NotPassed::Refused { path: self.path.clone(), source }
    }
}

impl Drop for Pen {
    fn drop(&mut self) {
        // Cannot fail on a descriptor that is open and locked; closing it would unlock as well.
        let _ = flock(&*self.0, FlockOperation::Unlock);
    }
}

/// Tells the thread that waits that nobody waits for it any more.
#[derive(Default)]
struct Abandoned(Arc<AtomicBool>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Tries until it has the lock, and then says what is left of `bound`; `None` when nothing is. The system's own waiting
/// has no bound, and a thread in it would keep the process from ending.
fn wait(file: &File, bound: Duration, abandoned: &AtomicBool) -> io::Result<Option<Duration>> {
    let mut waited = Duration::ZERO;
    while waited < bound && !abandoned.load(Ordering::Relaxed) {
        let pause = if waited < ORDINARY { PACE } else { SLOW };
        std::thread::sleep(pause);
        waited += pause;
        if try_lock(file)? {
            return Ok(Some(bound.saturating_sub(waited)));
        }
    }
    Ok(None)
}

/// Takes the lock if nobody has it.
pub(crate) fn try_lock(file: &File) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Opens a file to lock, making it where it is missing.
pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    File::options().create(true).truncate(false).write(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(run: &Path) -> Turnstile {
        Turnstile::open(run).unwrap().within(Duration::from_millis(20))
    }

    #[tokio::test]
    async fn whoever_waits_for_a_stopped_process_is_told_which_lock_it_keeps() {
        let dir = tempfile::tempdir().unwrap();
        let (stopped, first, second) = (open(dir.path()), open(dir.path()), open(dir.path()));
        let pen = stopped.pass().await.unwrap();
        for waiting in [&first, &second, &first] {
            let error = waiting.pass().await.map(drop).unwrap_err().to_string();
            assert!(error.contains("another process has kept") && error.contains("writer.lock"), "{error}");
        }
        drop(pen);
        drop(first.pass().await.unwrap());
        drop(second.pass().await.unwrap());
    }

    #[tokio::test]
    async fn one_that_waits_passes_when_the_pen_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (open(dir.path()), open(dir.path()).within(BOUND));
        let pen = first.pass().await.unwrap();
        let (waited, ()) = tokio::join!(second.pass(), async {
            tokio::task::yield_now().await;
            drop(pen);
        });
        drop(waited.unwrap());
    }

    #[tokio::test]
    async fn a_wait_that_is_dropped_ends_its_thread() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (open(dir.path()), open(dir.path()).within(Duration::MAX));
        let _pen = first.pass().await.unwrap();
        let waits = second.pass();
        assert!(tokio::time::timeout(Duration::from_millis(5), waits).await.is_err());
        // The end of the runtime waits for its threads: this test would hang.
    }
}
