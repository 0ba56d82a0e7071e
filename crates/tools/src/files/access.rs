//! The same handle for what is no tool: skills, memory files.

use rustix::fs::{self, AtFlags, Dir, FileType, OFlags};
use rustix::io::Errno;
use tool_api::ToolError;

use super::{
    atomic_write::{self, TEMPORARY},
    path::RelativePath,
    workspace::{Workspace, explain, read_all},
};

/// Changes whenever a file does: its place on the disk, its size and its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    inode: u64,
    size: i64,
    changed: (i64, i64),
    written: (i64, i64),
}

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    /// Its name. One that is not UTF-8 is left out of a list.
    pub name: String,
    /// Whether it is a directory, or a link to one or to the outside, which opening it tells apart.
    pub is_dir: bool,
}

impl Workspace {
    /// All bytes of a regular file of at most `max` bytes.
    ///
    /// # Errors
    /// As for the file tools: `path_outside`, `path_invalid`, `limit_file`, or a failure with the reason.
    pub fn read(&self, path: &str, max: u64) -> Result<Vec<u8>, ToolError> {
        let path = self.resolve(path)?;
        let mut file = self.open_file(&path, max)?;
        read_all(&mut file, path.as_str(), max)
    }

    /// As [`read`](Self::read); `None` where there is no such file.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_if_there(&self, path: &str, max: u64) -> Result<Option<Vec<u8>>, ToolError> {
        if self.is_there(&self.resolve(path)?) { self.read(path, max).map(Some) } else { Ok(None) }
    }

    /// Makes `bytes` the content of a file, with its directories: whole or not at all, and on disk when this returns.
    /// True when the file is new.
    ///
    /// # Errors
    /// As for `write_file`.
    pub fn write(&self, path: &str, bytes: &[u8]) -> Result<bool, ToolError> {
        atomic_write::write(self, &self.resolve(path)?, bytes)
    }

    /// Takes a file away; one that is not there is fine.
    ///
    /// # Errors
    /// When the path cannot be one of a file of the workspace, or it may not be taken away.
    pub fn remove(&self, path: &str) -> Result<(), ToolError> {
        let path = self.resolve(path)?;
        let Some((parent, name)) = path.split() else { return Ok(()) };
        let directory = self.open_dir(&parent)?;
        match fs::unlinkat(&directory, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(explain(errno, &path)),
        }
    }

    /// A stamp of a file; `None` where it cannot be opened.
    ///
    /// # Errors
    /// When the path cannot be one of a file of the workspace.
    pub fn stamp(&self, path: &str) -> Result<Option<FileStamp>, ToolError> {
        let Ok(fd) = self.open_raw(&self.resolve(path)?, OFlags::PATH) else { return Ok(None) };
        Ok(fs::fstat(&fd).ok().map(|stat| FileStamp {
            inode: stat.st_ino,
            size: stat.st_size,
            changed: (stat.st_ctime, i64::try_from(stat.st_ctime_nsec).unwrap_or_default()),
            written: (stat.st_mtime, i64::try_from(stat.st_mtime_nsec).unwrap_or_default()),
        }))
    }

    /// The entries of a directory by name; none where it does not exist. Hidden ones are left out. The flag says that
    /// there were more than `most`.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn entries(&self, path: &str, most: usize) -> Result<(Vec<DirEntry>, bool), ToolError> {
        let path = self.resolve(path)?;
        if !self.is_there(&path) {
            return Ok((Vec::new(), false));
        }
        let directory = self.open_dir(&path)?;
        let mut entries = Vec::new();
        for entry in Dir::read_from(&directory).map_err(|errno| explain(errno, &path))? {
            let entry = entry.map_err(|errno| explain(errno, &path))?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if name.starts_with('.') || name.starts_with(TEMPORARY) {
                continue;
            }
            if entries.len() == most {
                entries.sort_unstable();
                return Ok((entries, true));
            }
            let is_dir = match entry.file_type() {
                FileType::Directory => true,
                FileType::Symlink | FileType::Unknown => {
                    let below = self.resolve(&format!("{}/{name}", path.as_str()))?;
                    let opened = self.open_raw(&below, OFlags::PATH | OFlags::DIRECTORY);
                    !matches!(opened, Err(Errno::NOENT | Errno::NOTDIR))
                }
                _ => false,
            };
            entries.push(DirEntry { name: name.to_owned(), is_dir });
        }
        entries.sort_unstable();
        Ok((entries, false))
    }

    /// Whether there is anything at `path`, be it something that may not be opened.
    fn is_there(&self, path: &RelativePath) -> bool {
        !matches!(self.open_raw(path, OFlags::PATH), Err(Errno::NOENT | Errno::NOTDIR))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use crate::testing::Place;

    #[test]
    fn files_are_read_written_and_stamped_inside_only() {
        let place = Place::new();
        let workspace = place.workspace();
        assert_eq!(workspace.stamp("a/b").unwrap(), None);
        assert_eq!(workspace.read_if_there("a/b", 10).unwrap(), None);
        assert!(workspace.write("a/b", b"one").unwrap());
        let first = workspace.stamp("a/b").unwrap().unwrap();
        assert_eq!(workspace.stamp("a/b").unwrap(), Some(first));
        assert!(!workspace.write("a/b", b"two").unwrap());
        assert_ne!(workspace.stamp("a/b").unwrap(), Some(first), "another content of the same size");
        assert_eq!(workspace.read_if_there("a/b", 10).unwrap().as_deref(), Some(&b"two"[..]));
        assert_eq!(workspace.read("a/b", 2).unwrap_err().class(), "limit_file");
        symlink("/etc", place.root().join("out")).unwrap();
        assert_eq!(workspace.read("out/passwd", 1 << 20).unwrap_err().class(), "path_outside");
        assert_eq!(workspace.read("../x", 10).unwrap_err().class(), "path_outside");
        assert_eq!(workspace.entries("out", 10).unwrap_err().class(), "path_outside");
    }

    #[test]
    fn entries_are_in_order_and_hidden_ones_are_left_out() {
        let place = Place::new();
        for file in ["d/b/x", "d/a", "d/.git/x"] {
            place.write(file, "");
        }
        symlink("b", place.root().join("d/c")).unwrap();
        let workspace = place.workspace();
        let (entries, more) = workspace.entries("d", 10).unwrap();
        let found: Vec<_> = entries.iter().map(|entry| (entry.name.as_str(), entry.is_dir)).collect();
        assert_eq!((found, more), (vec![("a", false), ("b", true), ("c", true)], false));
        assert!(workspace.entries("d", 2).unwrap().1);
        assert_eq!(workspace.entries("none", 2).unwrap(), (Vec::new(), false));
    }
}
