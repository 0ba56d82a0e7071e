//! Opens that cannot leave a directory, whatever is swapped under way.
//!
//! `openat2` with `RESOLVE_BENEATH` lets the kernel hold the path below the handle while it resolves it; there is no
//! moment between a check and the open. A kernel without it (before 5.6, or a filter that forbids it) gets a walk from
//! handle to handle that follows no symbolic link at all: stricter, and as safe.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, openat, openat2, statat},
    io::Errno,
};

/// How often an open is tried again when a rename disturbed it.
const TRIES: usize = 17;

/// The way in which this kernel opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opener {
    /// `openat2`. Symbolic links that stay below the directory are followed.
    Openat2,
    /// From handle to handle. Symbolic links are refused.
    Walk,
}

impl Opener {
    /// The best way that works on `root`.
    pub(super) fn probe(root: BorrowedFd<'_>) -> Self {
        match Self::Openat2.open(root, ".", OFlags::PATH | OFlags::DIRECTORY, Mode::empty()) {
            Err(Errno::NOSYS | Errno::PERM) => Self::Walk,
            _ => Self::Openat2,
        }
    }

    /// Opens `path`, which has no `..` in it, below `root`. `CLOEXEC`, `NONBLOCK` and `NOCTTY` are always set.
    ///
    /// # Errors
    /// `XDEV` when the path leads outside, `AGAIN` when renames disturbed every try, else what the open says.
    pub(super) fn open(
        self,
        root: BorrowedFd<'_>,
        path: &str,
        flags: OFlags,
        mode: Mode,
    ) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOCTTY;
        // `openat2` refuses flags that mean nothing together with PATH.
        let flags = if flags.contains(OFlags::PATH) {
            flags.difference(OFlags::NOCTTY)
        } else {
            flags | OFlags::NONBLOCK
        };
        let mut last = Errno::AGAIN;
        for _ in 0..TRIES {
            let opened = match self {
                Self::Openat2 => {
                    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
                    openat2(root, path, flags, mode, resolve)
                }
                Self::Walk => walk(root, path, flags, mode),
            };
            match opened {
                Err(errno @ (Errno::AGAIN | Errno::INTR)) => last = errno,
                done => return done,
            }
        }
        Err(last)
    }
}

fn walk(root: BorrowedFd<'_>, path: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    let mut names = path.split('/').peekable();
    let mut held: Option<OwnedFd> = None;
    while let Some(name) = names.next() {
        let here = held.as_ref().map_or(root, AsFd::as_fd);
        if names.peek().is_none() {
            return open_plain(here, name, flags, mode);
        }
        let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        held = Some(open_plain(here, name, step, Mode::empty())?);
    }
    Err(Errno::NOENT)
}

/// Opens `name` in `directory`; a symbolic link there counts as a way out.
pub(super) fn open_plain(
    directory: BorrowedFd<'_>,
    name: &str,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    let link = || {
        statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
    };
    match openat(directory, name, flags | OFlags::NOFOLLOW, mode) {
        // With PATH and NOFOLLOW alone the kernel opens the link itself instead of refusing it.
        Ok(_) if flags.contains(OFlags::PATH) && !flags.contains(OFlags::DIRECTORY) && link() => {
            Err(Errno::XDEV)
        }
        Err(Errno::LOOP | Errno::NOTDIR) if link() => Err(Errno::XDEV),
        opened => opened,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Read, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn neither_way_follows_a_link_outside() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("root");
        std::fs::create_dir_all(root.join("real")).unwrap();
        std::fs::create_dir(place.path().join("outside")).unwrap();
        std::fs::write(place.path().join("outside/secret"), "secret").unwrap();
        std::fs::write(root.join("real/file"), "inside").unwrap();
        symlink("../outside", root.join("up")).unwrap();
        symlink(place.path().join("outside"), root.join("absolute")).unwrap();
        symlink("real", root.join("within")).unwrap();
        symlink("/proc/self/root/etc/passwd", root.join("magic")).unwrap();
        let handle = File::open(&root).unwrap();
        for opener in [Opener::Openat2, Opener::Walk] {
            let open = |path: &str| opener.open(handle.as_fd(), path, OFlags::RDONLY, Mode::empty());
            let mut text = String::new();
            File::from(open("real/file").unwrap()).read_to_string(&mut text).unwrap();
            assert_eq!(text, "inside");
            for path in ["up/secret", "absolute/secret", "magic", "up", "absolute"] {
                assert_eq!(open(path).unwrap_err(), Errno::XDEV, "{opener:?} {path}");
            }
            assert_eq!(open("real/none").unwrap_err(), Errno::NOENT);
            assert_eq!(open("real/file/x").unwrap_err(), Errno::NOTDIR);
            match opener {
                Opener::Openat2 => assert!(open("within/file").is_ok()),
                Opener::Walk => assert_eq!(open("within/file").unwrap_err(), Errno::XDEV),
            }
        }
    }

    #[test]
    fn this_kernel_has_a_way() {
        let place = tempfile::tempdir().unwrap();
        let handle = File::open(place.path()).unwrap();
        let opener = Opener::probe(handle.as_fd());
        assert!(opener.open(handle.as_fd(), ".", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).is_ok());
    }
}
