//! Writing a file so that at every moment it holds either all of the old or all of the new.

use std::{
    fs::File,
    io::Write,
    os::fd::{AsFd, OwnedFd},
    sync::atomic::{AtomicU64, Ordering},
};

use rustix::{
    fs::{self, AtFlags, FileType, Mode, OFlags},
    io::Errno,
};
use tool_api::ToolError;

use super::{
    path::{RelativePath, invalid},
    workspace::{Workspace, explain},
};

/// The largest file that is written or edited, in bytes.
pub(super) const MAX_WRITE_BYTES: u64 = 8 << 20;

/// Names of files that are being written begin with this. Only a kill leaves one behind.
pub(super) const TEMPORARY: &str = ".factotum-tmp-";

/// Makes `bytes` the content of the file, creating it and its directories. True when the file is new.
///
/// The bytes go to a new file beside it, which then takes its name: a hard link elsewhere keeps the old bytes, and
/// after a crash the name stands for the old or the new, on disk when this returns.
///
/// # Errors
/// `path_outside`; `path_invalid` for a directory, a symbolic link or a special file; `limit_file`; a failure when it
/// may not be written or the disk is full.
pub(super) fn write(workspace: &Workspace, path: &RelativePath, bytes: &[u8]) -> Result<bool, ToolError> {
    if bytes.len() as u64 > MAX_WRITE_BYTES {
        let reason = format!("a file of more than {MAX_WRITE_BYTES} bytes is not written");
        return Err(ToolError::Limit { class: "limit_file", reason });
    }
    let Some((parent, name)) = path.split() else {
        return Err(invalid("this is the workspace itself, not a file"));
    };
    // A link that leads outside must be told from one that does not, before anything is created.
    match workspace.open_raw(path, OFlags::PATH) {
        Ok(_) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(explain(errno, path)),
    }
    let directory = workspace.create_dirs(&parent)?;
    let old_mode = match fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => None,
        Err(errno) => return Err(explain(errno, path)),
        Ok(stat) => Some(writable_mode(stat.st_mode, path)?),
    };
    let (temporary, file) = create_temporary(&directory, path)?;
    let replaced = fill(file, old_mode, bytes)
        .and_then(|()| fs::renameat(&directory, temporary.as_str(), &directory, name))
        .and_then(|()| fs::fsync(&directory));
    if let Err(errno) = replaced {
        // After the rename there is nothing under that name, and nothing to do about it.
        let _gone = fs::unlinkat(&directory, temporary.as_str(), AtFlags::empty());
        return Err(explain(errno, path));
    }
    Ok(old_mode.is_none())
}

fn writable_mode(mode: fs::RawMode, path: &RelativePath) -> Result<Mode, ToolError> {
    let path = path.as_str();
    match FileType::from_raw_mode(mode) {
        FileType::RegularFile => {}
        FileType::Directory => return Err(invalid(&format!("`{path}` is a directory"))),
        FileType::Symlink => {
            return Err(invalid(&format!("`{path}` is a symbolic link; write to the file that it names")));
        }
        _ => return Err(invalid(&format!("`{path}` is not a regular file"))),
    }
    // A rename would go past the mode: it needs only the directory's permission.
    if mode & 0o200 == 0 {
        return Err(ToolError::Failed(format!("`{path}` is read-only")));
    }
    Ok(Mode::from_raw_mode(mode & 0o777))
}

fn create_temporary(directory: &OwnedFd, path: &RelativePath) -> Result<(String, File), ToolError> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    loop {
        let name = format!("{TEMPORARY}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        match fs::openat(directory.as_fd(), name.as_str(), flags, Mode::from_raw_mode(0o644)) {
            Ok(fd) => return Ok((name, File::from(fd))),
            // Left behind by a process that was killed and had our number: take the next name.
            Err(Errno::EXIST | Errno::INTR) => {}
            Err(errno) => return Err(explain(errno, path)),
        }
    }
}

fn fill(mut file: File, mode: Option<Mode>, bytes: &[u8]) -> Result<(), Errno> {
    if let Some(mode) = mode {
        fs::fchmod(&file, mode)?;
    }
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn place() -> (tempfile::TempDir, Workspace) {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(place.path().join("ws")).unwrap();
        std::fs::create_dir(place.path().join("outside")).unwrap();
        std::fs::write(place.path().join("outside/secret"), "secret").unwrap();
        let workspace = Workspace::open(&place.path().join("ws")).unwrap();
        (place, workspace)
    }

    fn put(workspace: &Workspace, path: &str, text: &str) -> Result<bool, &'static str> {
        write(workspace, &workspace.resolve(path).unwrap(), text.as_bytes()).map_err(|error| error.class())
    }

    #[test]
    fn a_write_replaces_the_whole_and_keeps_the_mode() {
        let (place, workspace) = place();
        let file = place.path().join("ws/a/b.sh");
        assert_eq!(put(&workspace, "a/b.sh", "one"), Ok(true));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o750)).unwrap();
        assert_eq!(put(&workspace, "a/b.sh", "2"), Ok(false));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "2");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o750);
        assert_eq!(
            std::fs::read_dir(place.path().join("ws/a")).unwrap().count(),
            1,
            "no temporary file is left"
        );
    }

    #[test]
    fn a_hard_link_outside_keeps_its_bytes() {
        let (place, workspace) = place();
        std::fs::hard_link(place.path().join("outside/secret"), place.path().join("ws/linked")).unwrap();
        assert_eq!(put(&workspace, "linked", "new"), Ok(false));
        assert_eq!(std::fs::read_to_string(place.path().join("outside/secret")).unwrap(), "secret");
    }

    #[test]
    fn what_is_not_a_plain_file_is_refused() {
        let (place, workspace) = place();
        let root = place.path().join("ws");
        std::fs::create_dir(root.join("dir")).unwrap();
        symlink("../outside/secret", root.join("out")).unwrap();
        symlink("../outside/new", root.join("out-new")).unwrap();
        symlink("../outside", root.join("out-dir")).unwrap();
        symlink("nowhere", root.join("dangling")).unwrap();
        let table = [
            ("dir", "path_invalid"),
            (".", "path_invalid"),
            ("dangling", "path_invalid"),
            ("out", "path_outside"),
            ("out-new", "path_outside"),
            ("out-dir/x", "path_outside"),
            ("out-dir/deep/x", "path_outside"),
        ];
        for (path, class) in table {
            assert_eq!(put(&workspace, path, "x"), Err(class), "{path}");
        }
        assert_eq!(std::fs::read_to_string(place.path().join("outside/secret")).unwrap(), "secret");
        assert_eq!(std::fs::read_dir(place.path().join("outside")).unwrap().count(), 1);
    }

    #[test]
    fn a_kernel_without_openat2_writes_as_safely() {
        let (place, workspace) = place();
        let root = place.path().join("ws");
        let workspace = Workspace::without_openat2(workspace.path());
        assert_eq!(put(&workspace, "a/b/c", "one"), Ok(true));
        assert_eq!(put(&workspace, "a/b/c", "two"), Ok(false));
        assert_eq!(std::fs::read_to_string(root.join("a/b/c")).unwrap(), "two");
        symlink("../outside/secret", root.join("out")).unwrap();
        symlink("../outside", root.join("out-dir")).unwrap();
        symlink("a", root.join("in")).unwrap();
        for path in ["out", "out-dir/x", "out-dir/deep/x", "in/x"] {
            assert_eq!(put(&workspace, path, "x"), Err("path_outside"), "{path}");
        }
        assert_eq!(std::fs::read_to_string(place.path().join("outside/secret")).unwrap(), "secret");
        assert_eq!(std::fs::read_dir(place.path().join("outside")).unwrap().count(), 1);
    }

    #[test]
    fn a_read_only_file_stays_as_it_is() {
        let (place, workspace) = place();
        let file = place.path().join("ws/fixed");
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o444)).unwrap();
        assert_eq!(put(&workspace, "fixed", "new"), Err("failed"));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "old");
    }
}
