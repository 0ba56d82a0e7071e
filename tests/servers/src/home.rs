//! A home directory for the built binary, thrown away afterwards.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::ledger::Ledger;

/// A temporary directory with `factotum/` (the `FACTOTUM_HOME`), `home/` (the `HOME`) and `work/` (where commands start),
/// removed on drop.
#[derive(Debug)]
pub struct TempHome {
    root: TempDir,
}

impl TempHome {
    /// A home without a config file.
    ///
    /// # Panics
    /// When the directories cannot be made.
    #[must_use]
    #[expect(clippy::panic, reason = "a test without its directory has nothing to say")]
    pub fn new() -> Self {
        match Self::try_new() {
            Ok(home) => home,
            Err(error) => panic!("no temporary home: {error}"),
        }
    }

    /// A home whose `config.toml` holds this text.
    ///
    /// # Panics
    /// When the directories or the file cannot be made.
    #[must_use]
    pub fn with_config(text: &str) -> Self {
        let home = Self::new();
        home.write("factotum/config.toml", text);
        home
    }

    fn try_new() -> io::Result<Self> {
        let root = TempDir::with_prefix("factotum-test-")?;
        for part in ["factotum", "home", "work"] {
            fs::create_dir(root.path().join(part))?;
        }
        Ok(Self { root })
    }

    /// The directory around everything.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// What `FACTOTUM_HOME` is set to.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.root().join("factotum")
    }

    /// The directory in which commands start.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.root().join("work")
    }

    /// A ledger beside the home, out of reach of tools that are held inside their workspace.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        Ledger::at(self.root().join("ledger"))
    }

    /// Writes a file, parents included; the path is relative to [`TempHome::root`]. Returns the full path.
    ///
    /// # Panics
    /// When it cannot be written.
    #[expect(clippy::panic, reason = "a test without its files has nothing to say")]
    pub fn write(&self, relative: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.root().join(relative);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        match made.and_then(|()| fs::write(&path, content)) {
            Ok(()) => path,
            Err(error) => panic!("{} cannot be written: {error}", path.display()),
        }
    }

    /// A file's text, `None` when there is no such file; the path is relative to [`TempHome::root`].
    #[must_use]
    pub fn read(&self, relative: &str) -> Option<String> {
        fs::read_to_string(self.root().join(relative)).ok()
    }

    /// The built binary, ready to be given arguments: its environment holds `PATH`, `HOME` and `FACTOTUM_HOME` and
    /// nothing else, so that no key or proxy of this machine slips in.
    ///
    /// The binary is the one that `FACTOTUM_BIN` names, else the one that cargo built beside this test.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(binary());
        command
            .env_clear()
            .env("PATH", env("PATH").unwrap_or_default())
            .env("HOME", self.root().join("home"))
            .env("FACTOTUM_HOME", self.path())
            .current_dir(self.work());
        command
    }
}

impl Default for TempHome {
    fn default() -> Self {
        Self::new()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests find the binary and the tools of this machine by the environment"
)]
fn env(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// A test's executable is `<target>/<profile>/deps/name-hash`, the binary `<target>/<profile>/factotum`.
fn binary() -> PathBuf {
    if let Some(path) = env("FACTOTUM_BIN") {
        return path.into();
    }
    let exe = std::env::current_exe().unwrap_or_default();
    let profile = exe.ancestors().skip(1).find(|dir| !dir.ends_with("deps")).unwrap_or(Path::new(""));
    profile.join("factotum")
}
