//! What was typed before.

use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// Lines that are kept.
pub(super) const LINES: usize = 1_000;

/// The file of the history, made so that only its owner reads it: people paste secrets.
pub(super) fn prepare(home: &Path) -> io::Result<PathBuf> {
    let dir = home.join("history");
    DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
    let path = dir.join("cli");
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    if mode != 0o600 {
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_reads_what_was_typed() {
        let home = tempfile::tempdir().unwrap();
        let path = prepare(home.path()).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(prepare(home.path()).unwrap(), path);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }

    #[test]
    fn a_directory_in_its_place_is_told() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("history/cli")).unwrap();
        assert!(prepare(home.path()).is_err());
    }
}
