//! Tells other processes of a commit, so that nobody has to ask the disk again and again whether there was one.
//!
//! Each process that waits listens at a socket of its own in `run/bells`; whoever has committed something of interest sends a
//! byte to all of them. Where a socket cannot be had (a path of more than some hundred bytes), a process hears nothing and must
//! look by itself.

use std::{
    fs, io,
    os::unix::net::UnixDatagram as Mouth,
    path::{Path, PathBuf},
};

use session_api::WorkerId;
use tokio::net::UnixDatagram;

pub(crate) struct Bell {
    dir: PathBuf,
    own: PathBuf,
    ears: Option<UnixDatagram>,
    mouth: Option<Mouth>,
}

impl Bell {
    /// Hears nothing yet.
    pub(crate) fn new(dir: PathBuf, worker: WorkerId) -> Self {
        let own = dir.join(worker.0.simple().to_string());
        Self { dir, own, ears: None, mouth: mouth().ok() }
    }

    /// Begins to listen, or again where the socket was taken away.
    pub(crate) fn listen(&mut self) {
        if self.ears.is_none() || !self.own.exists() {
            self.ears = ears(&self.dir, &self.own)
                .inspect_err(|error| {
                    tracing::debug!(%error, "other processes' commits are looked for, not heard of");
                })
                .ok();
        }
    }

    /// Whether it hears.
    pub(crate) fn hears(&self) -> bool {
        self.ears.is_some()
    }

    /// Calls all other processes that listen.
    pub(crate) fn ring(&self) {
        let (Some(mouth), Ok(bells)) = (&self.mouth, fs::read_dir(&self.dir)) else { return };
        for path in bells.flatten().map(|bell| bell.path()).filter(|path| *path != self.own) {
            // One whose bell is full has been called. Left by one that died, nobody else would take it away.
            if mouth.send_to(b"!", &path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
            {
                let _ = fs::remove_file(&path);
            }
        }
    }

    /// Returns when somebody rings; never, where it does not hear.
    pub(crate) async fn rung(&self) {
        let Some(ears) = &self.ears else { return std::future::pending().await };
        if ears.readable().await.is_ok() {
            while ears.try_recv(&mut [0]).is_ok() {}
        }
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        if self.ears.is_some() {
            let _ = fs::remove_file(&self.own);
        }
    }
}

fn mouth() -> io::Result<Mouth> {
    let mouth = Mouth::unbound()?;
    mouth.set_nonblocking(true)?;
    Ok(mouth)
}

fn ears(dir: &Path, own: &Path) -> io::Result<UnixDatagram> {
    if !dir.is_dir() {
        fs::create_dir(dir)?;
    }
    let _ = fs::remove_file(own);
    UnixDatagram::bind(own)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use uuid::Uuid;

    use super::*;

    fn bell(dir: &Path, n: u128) -> Bell {
        let mut bell = Bell::new(dir.join("bells"), WorkerId(Uuid::from_u128(n)));
        bell.listen();
        bell
    }

    #[tokio::test]
    async fn all_others_hear_it_once() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two, three) = (bell(dir.path(), 1), bell(dir.path(), 2), bell(dir.path(), 3));
        one.ring();
        one.ring();
        two.rung().await;
        three.rung().await;
        for bell in [one, two, three] {
            tokio::task::yield_now().await;
            assert!(bell.rung().now_or_never().is_none(), "{}", bell.own.display());
        }
    }

    #[tokio::test]
    async fn what_the_dead_leave_is_cleared_and_what_was_taken_away_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let (one, mut two) = (bell(dir.path(), 1), bell(dir.path(), 2));
        let dead = dir.path().join("bells/dead");
        drop(Mouth::bind(&dead).unwrap());
        fs::remove_file(&two.own).unwrap();
        two.listen();
        one.ring();
        two.rung().await;
        assert!(!dead.exists());
        let path = two.own.clone();
        drop(two);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn where_no_socket_can_be_had_nothing_is_heard() {
        let dir = tempfile::tempdir().unwrap();
        let far = dir.path().join("long".repeat(60));
        fs::create_dir(&far).unwrap();
        let bell = bell(&far, 1);
        assert!(!bell.hears() && bell.rung().now_or_never().is_none());
    }
}
