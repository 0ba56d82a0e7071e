//! Going through a directory tree from handle to handle.

use std::{
    ffi::CString,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, statat};
use tokio_util::sync::CancellationToken;
use tool_api::ToolError;

use super::{atomic_write::TEMPORARY, safe_open::open_plain};

/// Most entries that one walk looks at.
const MAX_ENTRIES: usize = 50_000;
/// How deep it goes. One handle is open for each level.
const MAX_DEPTH: usize = 32;
/// A directory that is not entered: its files are git's.
const SKIPPED: &[u8] = b".git";

/// Something that a walk came by.
pub(super) struct Found<'a> {
    /// Its path from the start of the walk.
    pub(super) path: &'a str,
    /// The directory that holds it.
    pub(super) directory: BorrowedFd<'a>,
    /// Its name there. Open it with [`open_plain`] only.
    pub(super) name: &'a str,
    /// Whether it is a directory; else it is a regular file.
    pub(super) is_dir: bool,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Go {
    /// On to the next.
    On,
    /// Enough.
    Stop,
}

/// What a walk left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    entries: bool,
    depth: bool,
    unreadable: usize,
    unnamed: usize,
}

impl LeftOut {
    /// Says it, a sentence each.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.entries {
            notes.push(format!("stopped after {MAX_ENTRIES} entries"));
        }
        if self.depth {
            notes.push(format!("nothing below {MAX_DEPTH} levels was looked at"));
        }
        if self.unreadable > 0 {
            notes.push(format!("{} directories could not be read", self.unreadable));
        }
        if self.unnamed > 0 {
            notes.push(format!("{} names that are not UTF-8 left out", self.unnamed));
        }
        notes
    }
}

/// Shows `visit` every regular file and directory below `start` in the order of their names, each directory before
/// what is in it. Symbolic links are neither shown nor followed; `.git` is not entered.
///
/// # Errors
/// `cancelled`, and what `visit` returns.
pub(super) fn walk(
    start: OwnedFd,
    stop: &CancellationToken,
    visit: &mut dyn FnMut(Found<'_>) -> Result<Go, ToolError>,
) -> Result<LeftOut, ToolError> {
    let mut left_out = LeftOut::default();
    let mut seen = 0;
    let mut levels = Vec::new();
    match Level::read(start, String::new(), &mut seen, &mut left_out) {
        Some(level) => levels.push(level),
        None => return Ok(left_out),
    }
    while let Some(level) = levels.last_mut() {
        if stop.is_cancelled() {
            return Err(ToolError::Cancelled);
        }
        let Some((name, kind)) = level.entries.next() else {
            levels.pop();
            continue;
        };
        let Ok(name) = name.into_string() else {
            left_out.unnamed += 1;
            continue;
        };
        let path = if level.path.is_empty() { name.clone() } else { format!("{}/{name}", level.path) };
        let is_dir = match level.kind(&name, kind) {
            FileType::Directory => true,
            FileType::RegularFile => false,
            _ => continue,
        };
        let found = Found { path: &path, directory: level.directory.as_fd(), name: &name, is_dir };
        if visit(found)? == Go::Stop {
            return Ok(left_out);
        }
        if !is_dir || name.as_bytes() == SKIPPED {
            continue;
        }
        if levels.len() == MAX_DEPTH {
            left_out.depth = true;
            continue;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let opened =
            levels.last().map(|level| open_plain(level.directory.as_fd(), &name, flags, Mode::empty()));
        match opened {
            Some(Ok(directory)) => levels.extend(Level::read(directory, path, &mut seen, &mut left_out)),
            _ => left_out.unreadable += 1,
        }
    }
    Ok(left_out)
}

/// A directory under way.
struct Level {
    directory: OwnedFd,
    path: String,
    entries: std::vec::IntoIter<(CString, FileType)>,
}

impl Level {
    fn read(directory: OwnedFd, path: String, seen: &mut usize, left_out: &mut LeftOut) -> Option<Self> {
        let Ok(listing) = Dir::read_from(&directory) else {
            left_out.unreadable += 1;
            return None;
        };
        let mut entries = Vec::new();
        for entry in listing {
            let Ok(entry) = entry else {
                left_out.unreadable += 1;
                break;
            };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") || name.to_bytes().starts_with(TEMPORARY.as_bytes()) {
                continue;
            }
            if *seen == MAX_ENTRIES {
                left_out.entries = true;
                break;
            }
            *seen += 1;
            entries.push((name.to_owned(), entry.file_type()));
        }
        entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Some(Self { directory, path, entries: entries.into_iter() })
    }

    /// Some file systems leave the kind out of the listing.
    fn kind(&self, name: &str, listed: FileType) -> FileType {
        if listed != FileType::Unknown {
            return listed;
        }
        let stat = statat(self.directory.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW);
        stat.map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Place;

    fn paths(place: &Place, stop: &CancellationToken) -> Result<(Vec<String>, LeftOut), ToolError> {
        let mut paths = Vec::new();
        let start = place.workspace().open_dir(&crate::RelativePath::root())?;
        let left_out = walk(start, stop, &mut |found| {
            paths.push(format!("{}{}", found.path, if found.is_dir { "/" } else { "" }));
            Ok(Go::On)
        })?;
        Ok((paths, left_out))
    }

    #[test]
    fn a_walk_is_in_order_and_follows_no_link() {
        let place = Place::new();
        place.write("b/2", "");
        place.write("b/1", "");
        place.write("a", "");
        place.write(".git/config", "");
        std::os::unix::fs::symlink("..", place.root().join("b/up")).unwrap();
        std::os::unix::fs::symlink("/etc", place.root().join("etc")).unwrap();
        let (paths, left_out) = paths(&place, &CancellationToken::new()).unwrap();
        assert_eq!(paths, [".git/", "a", "b/", "b/1", "b/2"]);
        assert_eq!(left_out, LeftOut::default());
    }

    #[test]
    fn a_walk_has_an_end_and_says_what_it_left_out() {
        let place = Place::new();
        place.write(&format!("{}x", "d/".repeat(MAX_DEPTH + 2)), "");
        let (found, left_out) = paths(&place, &CancellationToken::new()).unwrap();
        assert_eq!(found.len(), MAX_DEPTH);
        assert_eq!(left_out.notes(), ["nothing below 32 levels was looked at"]);
        let stopped = CancellationToken::new();
        stopped.cancel();
        assert!(matches!(paths(&place, &stopped), Err(ToolError::Cancelled)));
    }
}
