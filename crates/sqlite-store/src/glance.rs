//! Whether anybody can have committed: one look at the log's file instead of a trip to `SQLite`.

use std::{fs, os::unix::fs::MetadataExt, path::PathBuf};

/// Inode, size, and the time of the last write in seconds and nanoseconds.
type Stamp = (u64, u64, i64, i64);

/// Remembers how the write-ahead log looked. Every commit writes to it.
pub(crate) struct Glance {
    log: PathBuf,
    last: Option<Stamp>,
    /// It looked the same twice in a row.
    settled: bool,
}

impl Glance {
    pub(crate) fn at(log: PathBuf) -> Self {
        Self { log, last: None, settled: false }
    }

    /// Whether nobody has committed since the look before, at which the store was asked unless this said yes as well.
    ///
    /// File systems count time in ticks of a few milliseconds: a second commit within the tick of the first leaves no
    /// mark. So the log must have looked the same twice, which is further apart than a tick, before it is trusted; until
    /// then the store is asked. In doubt (no log, no permission) it says no.
    pub(crate) fn is_still(&mut self) -> bool {
        let stamp = |meta: fs::Metadata| (meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec());
        let now = fs::metadata(&self.log).ok().map(stamp);
        let same = now.is_some() && now == self.last;
        self.last = now;
        std::mem::replace(&mut self.settled, same) && same
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_trusted_when_it_looked_the_same_twice() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut glance = Glance::at(log.clone());
        let looks = |glance: &mut Glance| {
            [glance.is_still(), glance.is_still(), glance.is_still(), glance.is_still()]
        };
        assert_eq!(looks(&mut glance), [false; 4], "there is no log");
        for size in 1..4 {
            fs::write(&log, vec![0; size]).unwrap();
            assert_eq!(looks(&mut glance), [false, false, true, true]);
        }
    }
}
