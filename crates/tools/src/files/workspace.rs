//! The one directory that the file tools see.

use std::{
    fs::File,
    io::{self, Read, Seek},
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{
    fs::{self, FileType, Mode, OFlags},
    io::Errno,
};
use sha2::{Digest, Sha256};
use tool_api::ToolError;

use super::{
    eyes::Eyes,
    path::{RelativePath, invalid, outside},
    safe_open::Opener,
};

/// The largest file that is opened at all, in bytes.
pub(super) const MAX_FILE_BYTES: u64 = 64 << 20;

/// The workspace cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {} as the workspace: {source}", path.display())]
pub struct WorkspaceError {
    /// What was asked for.
    pub path: PathBuf,
    /// Why not.
    #[source]
    pub source: io::Error,
}

/// A handle of a directory. Whatever is opened through it lies below it, also while others rename and link in it.
/// Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Workspace(Arc<Inner>, Eyes);

#[derive(Debug)]
struct Inner {
    root: OwnedFd,
    path: PathBuf,
    /// What an absolute path of the workspace begins with: as it was named, and with all links resolved.
    prefixes: Vec<String>,
    opener: Opener,
}

impl Workspace {
    /// Opens the directory `path`, which must exist.
    ///
    /// # Errors
    /// When it does not exist, is no directory, or may not be entered.
    pub fn open(path: &Path) -> Result<Self, WorkspaceError> {
        let failed = |source| WorkspaceError { path: path.to_owned(), source };
        let absolute = std::path::absolute(path).map_err(failed)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = fs::open(&absolute, flags, Mode::empty()).map_err(|errno| failed(errno.into()))?;
        let canonical = absolute.canonicalize().map_err(failed)?;
        let mut prefixes = Vec::new();
        for prefix in [&absolute, &canonical].into_iter().filter_map(|path| path.to_str()) {
            // With `/` as the workspace every absolute path is one of it.
            let prefix = prefix.trim_end_matches('/').to_owned();
            if !prefixes.contains(&prefix) {
                prefixes.push(prefix);
            }
        }
        let opener = Opener::probe(root.as_fd());
        Ok(Self(Arc::new(Inner { root, path: canonical, prefixes, opener }), Eyes::default()))
    }

    /// Its absolute path without symbolic links, for children's working directory and for people.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// The path that the model wrote, in its plainest form. See [`RelativePath::parse`].
    ///
    /// # Errors
    /// `path_outside` and `path_invalid`; `not_permitted` where it is for somebody else's eyes.
    pub fn resolve(&self, text: &str) -> Result<RelativePath, ToolError> {
        let path = self.plain(text)?;
        if self.hides(path.as_str()) {
            let reason = format!(
                "`{}` is for one person's eyes, who is not alone here or somebody else",
                path.as_str()
            );
            return Err(ToolError::Refused { class: "not_permitted", reason });
        }
        Ok(path)
    }

    /// The path in its plainest form, whoever may see it.
    pub(super) fn plain(&self, text: &str) -> Result<RelativePath, ToolError> {
        RelativePath::parse(text, &self.0.prefixes)
    }

    /// Whether this path is not for those who read along.
    pub(super) fn hides(&self, path: &str) -> bool {
        self.1.are_shut_to(path)
    }

    /// This, for those eyes.
    pub(super) fn through(&self, eyes: Eyes) -> Self {
        Self(self.0.clone(), eyes)
    }

    /// Opens a regular file for reading.
    ///
    /// # Errors
    /// `path_outside`, `path_invalid` for anything but a regular file, `limit_file` for one of more than `max` bytes;
    /// a failure when it does not exist or may not be read.
    pub(crate) fn open_file(&self, path: &RelativePath, max: u64) -> Result<File, ToolError> {
        let fd = self.open_raw(path, OFlags::RDONLY).map_err(|errno| explain(errno, path))?;
        regular(fd, path.as_str(), max)
    }

    /// Opens a directory for reading.
    ///
    /// # Errors
    /// `path_outside`, `path_invalid` for anything but a directory; a failure when it does not exist.
    pub(crate) fn open_dir(&self, path: &RelativePath) -> Result<OwnedFd, ToolError> {
        self.open_raw(path, OFlags::RDONLY | OFlags::DIRECTORY).map_err(|errno| match errno {
            Errno::NOTDIR => invalid(&format!("`{}` is not a directory", path.as_str())),
            errno => explain(errno, path),
        })
    }

    /// Opens `path` with the errors of the kernel.
    pub(super) fn open_raw(&self, path: &RelativePath, flags: OFlags) -> Result<OwnedFd, Errno> {
        self.0.opener.open(self.0.root.as_fd(), path.as_str(), flags, Mode::empty())
    }

    /// Opens the directory `path` and creates what is missing of it, durably.
    ///
    /// # Errors
    /// As [`Workspace::open_dir`].
    pub(crate) fn create_dirs(&self, path: &RelativePath) -> Result<OwnedFd, ToolError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        match self.open_raw(path, flags) {
            Err(Errno::NOENT) => {}
            Ok(directory) => return Ok(directory),
            Err(_) => return self.open_dir(path),
        }
        let mut here = self.open_dir(&RelativePath::root())?;
        for step in path.steps() {
            here = match self.open_raw(&step, flags) {
                Err(Errno::NOENT) => {
                    let name = step.split().map(|(_, name)| name.to_owned()).unwrap_or_default();
                    match fs::mkdirat(&here, name.as_str(), Mode::from_raw_mode(0o755)) {
                        // Another call may have made it in the meantime.
                        Ok(()) | Err(Errno::EXIST) => {
                            fs::fsync(&here).map_err(|errno| explain(errno, &step))?;
                        }
                        Err(errno) => return Err(explain(errno, &step)),
                    }
                    self.open_dir(&step)?
                }
                Ok(directory) => directory,
                Err(_) => self.open_dir(&step)?,
            };
        }
        Ok(here)
    }

    /// The digest of a file's bytes, `absent` when there is none: the key of the tools that write.
    ///
    /// # Errors
    /// As [`Workspace::open_file`].
    pub(super) fn digest(&self, path: &RelativePath) -> Result<String, ToolError> {
        let fd = match self.open_raw(path, OFlags::RDONLY) {
            Err(Errno::NOENT) => return Ok("absent".to_owned()),
            opened => opened.map_err(|errno| explain(errno, path))?,
        };
        let mut file = regular(fd, path.as_str(), MAX_FILE_BYTES)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(hex::encode(hasher.finalize())),
                Ok(count) => hasher.update(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed_to_read(&error, path.as_str())),
            }
        }
    }

    /// The same workspace, opened in the way of kernels without `openat2`.
    #[cfg(test)]
    pub(super) fn without_openat2(path: &Path) -> Self {
        let Self(inner, eyes) = Self::open(path).unwrap();
        let Inner { root, path, prefixes, .. } = Arc::into_inner(inner).unwrap();
        Self(Arc::new(Inner { root, path, prefixes, opener: Opener::Walk }), eyes)
    }
}

/// Makes a file of `fd` when it is a regular one of at most `max` bytes. `name` is for the message.
pub(super) fn regular(fd: OwnedFd, name: &str, max: u64) -> Result<File, ToolError> {
    let stat = fs::fstat(&fd).map_err(|errno| failed_to_read(&errno.into(), name))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {}
        FileType::Directory => return Err(invalid(&format!("`{name}` is a directory; list_dir shows it"))),
        _ => return Err(invalid(&format!("`{name}` is not a regular file"))),
    }
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    if size > max {
        let reason = format!("`{name}` has {size} bytes, more than the {max} that this tool takes");
        return Err(ToolError::Limit { class: "limit_file", reason });
    }
    // The open must not hang at a FIFO; reads of a regular file may block as usual.
    fs::fcntl_setfl(&fd, OFlags::empty()).map_err(|errno| failed_to_read(&errno.into(), name))?;
    Ok(File::from(fd))
}

/// Reads all of `file`, at most `max` bytes of it: it may have grown since it was opened.
pub(super) fn read_all(file: &mut File, name: &str, max: u64) -> Result<Vec<u8>, ToolError> {
    let mut bytes = Vec::new();
    file.rewind()
        .and_then(|()| file.take(max).read_to_end(&mut bytes))
        .map_err(|error| failed_to_read(&error, name))?;
    Ok(bytes)
}

/// What a failed read is called.
pub(super) fn failed_to_read(error: &io::Error, name: &str) -> ToolError {
    ToolError::Failed(format!("cannot read `{name}`: {error}"))
}

/// What an error of the kernel means to the model.
pub(super) fn explain(errno: Errno, path: &RelativePath) -> ToolError {
    let path = path.as_str();
    match errno {
        Errno::XDEV => outside(&format!("`{path}` leads out of the workspace through a symbolic link")),
        Errno::NOENT
            if path == "~" || path.starts_with("~/") || path.starts_with('$') || path.contains("://") =>
        {
            ToolError::Failed(format!(
                "there is no `{path}` in the workspace; `~`, variables and URLs are not expanded"
            ))
        }
        Errno::NOENT => ToolError::Failed(format!("there is no `{path}` in the workspace")),
        Errno::NOTDIR => invalid(&format!("a part of `{path}` is not a directory")),
        Errno::ISDIR => invalid(&format!("`{path}` is a directory")),
        Errno::LOOP => invalid(&format!("`{path}` leads through too many symbolic links")),
        Errno::NAMETOOLONG => invalid("the path is too long"),
        Errno::NXIO | Errno::NODEV | Errno::OPNOTSUPP => invalid(&format!("`{path}` is not a regular file")),
        Errno::ILSEQ | Errno::INVAL => invalid(&format!("the file system takes no name like `{path}`")),
        Errno::ACCESS | Errno::PERM => ToolError::Failed(format!("`{path}`: permission denied")),
        Errno::AGAIN | Errno::INTR => {
            ToolError::Failed(format!("`{path}` kept changing while it was opened; try again"))
        }
        Errno::NOSPC | Errno::DQUOT => ToolError::Failed("the disk is full".to_owned()),
        Errno::ROFS => ToolError::Failed("the file system is read-only".to_owned()),
        errno => ToolError::Failed(format!("`{path}`: {}", io::Error::from(errno))),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_regular_files_of_fair_size_are_opened() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        std::fs::write(root.join("ok"), "hello").unwrap();
        std::fs::create_dir(root.join("dir")).unwrap();
        fs::mknodat(fs::CWD, root.join("fifo"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        symlink("ok", root.join("link")).unwrap();
        for workspace in [Workspace::open(root).unwrap(), Workspace::without_openat2(root)] {
            let open = |name: &str| {
                let path = workspace.resolve(name).unwrap();
                workspace.open_file(&path, 5).map(drop).map_err(|error| error.class())
            };
            assert_eq!(open("ok"), Ok(()));
            for name in ["dir", "fifo", "socket", "ok/x"] {
                assert_eq!(open(name), Err("path_invalid"), "{name}");
            }
            assert_eq!(open("none"), Err("failed"));
            std::fs::write(root.join("large"), "123456").unwrap();
            assert_eq!(open("large"), Err("limit_file"));
            if workspace.0.opener == Opener::Openat2 {
                assert_eq!(open("loop"), Err("path_invalid"));
                assert_eq!(open("link"), Ok(()));
            }
        }
    }

    #[test]
    fn directories_are_created_below_and_never_through_a_link_outside() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("ws");
        std::fs::create_dir_all(&root).unwrap();
        std::fs::create_dir(place.path().join("outside")).unwrap();
        symlink("../outside", root.join("link")).unwrap();
        std::fs::write(root.join("file"), "").unwrap();
        let workspace = Workspace::open(&root).unwrap();
        let create = |path: &str| {
            workspace.create_dirs(&workspace.resolve(path).unwrap()).map(drop).map_err(|error| error.class())
        };
        assert_eq!(create("a/b/c"), Ok(()));
        assert_eq!(create("a/b/d"), Ok(()));
        assert!(root.join("a/b/d").is_dir());
        assert_eq!(create("link/x"), Err("path_outside"));
        assert_eq!(create("file/x"), Err("path_invalid"));
        assert_eq!(std::fs::read_dir(place.path().join("outside")).unwrap().count(), 0);
    }

    #[test]
    fn the_digest_tells_one_content_from_another_and_from_none() {
        let place = tempfile::tempdir().unwrap();
        let workspace = Workspace::open(place.path()).unwrap();
        let path = workspace.resolve("f").unwrap();
        assert_eq!(workspace.digest(&path).unwrap(), "absent");
        std::fs::write(place.path().join("f"), "one").unwrap();
        let one = workspace.digest(&path).unwrap();
        assert_eq!(one.len(), 64);
        std::fs::write(place.path().join("f"), "two").unwrap();
        assert_ne!(workspace.digest(&path).unwrap(), one);
    }

    #[test]
    fn a_missing_workspace_is_named() {
        let error = Workspace::open(Path::new("/no/such/place")).unwrap_err();
        assert!(error.to_string().contains("/no/such/place"), "{error}");
    }
}
