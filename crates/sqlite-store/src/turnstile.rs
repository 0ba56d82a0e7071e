//! Whose turn it is to write, among processes.
//!
//! Two locked files. Whoever wants to write takes the *queue* first, then the *pen*, then leaves the queue. A process
//! that has just written stands at the queue again like anybody else, and finds there the one that waits for the pen:
//! so with any load each process gets its turn after one group of each other.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fs::{FlockOperation, flock};
use tokio::task::spawn_blocking;

/// The two files, open.
pub(crate) struct Turnstile {
    queue: Arc<File>,
    pen: Arc<File>,
}

/// The right to write; dropping it passes the pen on.
pub(crate) struct Pen(Arc<File>);

impl Turnstile {
    pub(crate) fn open(run: &Path) -> Result<Self, (PathBuf, io::Error)> {
        let open = |name: &str| {
            let path = run.join(name);
            open_lock(&path).map(Arc::new).map_err(|error| (path, error))
        };
        Ok(Self { queue: open("writer.queue")?, pen: open("writer.lock")? })
    }

    /// Waits for the pen. Off the async threads as soon as there is somebody to wait for.
    pub(crate) async fn pass(&self) -> io::Result<Pen> {
        lock(&self.queue).await?;
        let pen = lock(&self.pen).await;
        // Left also when the pen could not be had, or nobody would ever pass again.
        let left = flock(&*self.queue, FlockOperation::Unlock);
        pen?;
        left?;
        Ok(Pen(self.pen.clone()))
    }
}

impl Drop for Pen {
    fn drop(&mut self) {
        // Cannot fail on a descriptor that is open and locked; closing it would unlock as well.
        let _ = flock(&*self.0, FlockOperation::Unlock);
    }
}

async fn lock(file: &Arc<File>) -> io::Result<()> {
    if try_lock(file)? {
        return Ok(());
    }
    let file = file.clone();
    let waited = spawn_blocking(move || flock(&*file, FlockOperation::LockExclusive));
    Ok(waited.await.map_err(io::Error::other)??)
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
