//! A mailbox on disk: delivering into it and looking at what a server did with it.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use super::dovecot::wait;

/// A Maildir of a running server.
#[derive(Debug, Clone)]
pub struct Maildir {
    path: PathBuf,
}

static NEXT: AtomicU64 = AtomicU64::new(1);

impl Maildir {
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Puts a mail in as a delivery agent does; returns the name under which it can be found again. Lines end in LF or
    /// CRLF.
    ///
    /// # Panics
    /// When the files cannot be written.
    #[expect(clippy::panic, reason = "a test whose set-up fails has nothing to say")]
    pub fn deliver(&self, mail: impl AsRef<[u8]>) -> String {
        match self.try_deliver(mail.as_ref()) {
            Ok(name) => name,
            Err(error) => panic!("no mail can be put into {}: {error}", self.path.display()),
        }
    }

    fn try_deliver(&self, mail: &[u8]) -> io::Result<String> {
        // Numbered with leading zeros and second: dovecot gives UIDs in the order of these names.
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("17000{n:05}.M{n}P{}.test", std::process::id());
        for part in ["", "tmp", "new", "cur"] {
            let path = self.path.join(part);
            if !path.exists() {
                fs::create_dir(&path)?;
                self.share(&path)?;
            }
        }
        let temporary = self.path.join("tmp").join(&name);
        fs::write(&temporary, mail)?;
        self.share(&temporary)?;
        fs::rename(temporary, self.path.join("new").join(&name))?;
        Ok(name)
    }

    /// Files made by root belong to the user as whom the server runs.
    fn share(&self, path: &std::path::Path) -> io::Result<()> {
        use std::os::unix::fs::{MetadataExt, chown};
        let parent = fs::metadata(self.path.parent().unwrap_or(&self.path))?;
        if fs::metadata(path)?.uid() == parent.uid() {
            return Ok(());
        }
        chown(path, Some(parent.uid()), Some(parent.gid()))
    }

    /// Whether the mail of this name carries the flag `\Seen`.
    #[must_use]
    pub fn seen(&self, name: &str) -> bool {
        self.names("cur").iter().any(|file| {
            file.strip_prefix(name)
                .is_some_and(|rest| rest.rsplit(',').next().is_some_and(|flags| flags.contains('S')))
        })
    }

    /// Waits until the mail of this name carries `\Seen`; whether it came to that.
    #[must_use]
    pub fn wait_seen(&self, name: &str) -> bool {
        wait(|| self.seen(name))
    }

    /// All mails in it, raw, by name.
    #[must_use]
    pub fn mails(&self) -> Vec<String> {
        let mut files: Vec<PathBuf> = Vec::new();
        for part in ["cur", "new"] {
            files.extend(self.names(part).into_iter().map(|name| self.path.join(part).join(name)));
        }
        files.sort();
        files
            .iter()
            .filter_map(|file| fs::read(file).ok())
            .map(|raw| String::from_utf8_lossy(&raw).into_owned())
            .collect()
    }

    fn names(&self, part: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path.join(part)).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }
}
