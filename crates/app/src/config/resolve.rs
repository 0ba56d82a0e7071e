//! From a reference to the secret.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use secrecy::SecretString;

use super::SecretRef;
use crate::{Environment, observe::Redactor};

/// How long a program may take to print a secret.
const COMMAND_DEADLINE: Duration = Duration::from_secs(10);
/// Most bytes of a secret: a chain of certificates with its key still fits.
const LARGEST: u64 = 64 * 1024;
/// How often, and after how long each time, a program that has closed its output is asked whether it has ended.
const ENDING: (u32, Duration) = (200, Duration::from_millis(5));

/// Why there is no secret behind a reference. Names the reference, never a value.
#[derive(Debug, thiserror::Error)]
#[error("{reference}: {reason}")]
pub struct ResolveError {
    /// The reference, as it may be shown.
    pub reference: String,
    /// What is wrong.
    pub reason: String,
}

/// Looks behind references. Every secret that it finds becomes known to the redactor.
#[derive(Debug, Clone)]
pub struct SecretResolver<'a> {
    environment: &'a Environment,
    home: &'a Path,
    redactor: Redactor,
    deadline: Duration,
}

impl<'a> SecretResolver<'a> {
    /// `home` is the data directory, where relative paths start.
    #[must_use]
    pub fn new(environment: &'a Environment, home: &'a Path, redactor: Redactor) -> Self {
        Self { environment, home, redactor, deadline: COMMAND_DEADLINE }
    }

    /// Another deadline for programs.
    #[cfg(test)]
    fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The secret behind `reference`. Blocks for at most about ten seconds, when it runs a program.
    ///
    /// # Errors
    /// When there is none: no such variable or file, a program that fails, takes too long or prints nothing.
    pub fn resolve(&self, reference: &SecretRef) -> Result<SecretString, ResolveError> {
        let fail = |reason: String| ResolveError { reference: reference.to_string(), reason };
        let text = match reference {
            SecretRef::Literal(secret) => {
                self.redactor.add(secret);
                return Ok(secret.clone());
            }
            SecretRef::Env(name) => self
                .environment
                .get(name)
                .map(str::to_owned)
                .ok_or_else(|| fail(format!("environment variable {name} is not set")))?,
            SecretRef::File(path) => {
                let path = self.place(path);
                read(&path).map_err(|reason| fail(format!("{} {reason}", path.display())))?
            }
            SecretRef::Command(words) => self.run(words).map_err(fail)?,
        };
        let text = text.trim_end_matches(['\n', '\r']);
        if text.trim().is_empty() {
            return Err(fail("it is empty".to_owned()));
        }
        let secret = SecretString::from(text.to_owned());
        self.redactor.add(&secret);
        Ok(secret)
    }

    fn place(&self, path: &Path) -> PathBuf {
        match (path.strip_prefix("~"), self.environment.get("HOME")) {
            (Ok(rest), Some(home)) => Path::new(home).join(rest),
            _ => self.home.join(path),
        }
    }

    fn run(&self, words: &[String]) -> Result<String, String> {
        let (program, arguments) = words.split_first().ok_or("names no program")?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // What a program complains about may hold what it was asked for.
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot be started: {}", error.kind()))?;
        let (sender, receiver) = mpsc::sync_channel(1);
        if let Some(mut output) = child.stdout.take() {
            // Ends with the program's output. When a grandchild keeps that open beyond the deadline, the thread waits
            // on; it holds nothing but the pipe.
            thread::spawn(move || drop(sender.send(read_limited(&mut output))));
        }
        let printed = match receiver.recv_timeout(self.deadline) {
            Ok(printed) => printed,
            Err(_) => {
                end(&mut child);
                return Err(format!("did not finish within {} seconds", self.deadline.as_secs()));
            }
        };
        for _ in 0..ENDING.0 {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => return printed,
                Ok(Some(status)) => return Err(format!("failed ({status})")),
                Ok(None) => thread::sleep(ENDING.1),
                Err(error) => return Err(error.kind().to_string()),
            }
        }
        end(&mut child);
        Err("closed its output and did not end".to_owned())
    }
}

fn end(child: &mut Child) {
    // Fails only when it has ended by itself meanwhile.
    let _ = child.kill();
    let _ = child.wait();
}

fn read(path: &Path) -> Result<String, String> {
    let words = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "does not exist".to_owned(),
        kind => format!("cannot be read: {kind}"),
    };
    // Asked before it is opened: opening a pipe that nobody writes to would never return.
    if std::fs::metadata(path).map_err(words)?.is_dir() {
        return Err("is a directory".to_owned());
    }
    read_limited(&mut File::open(path).map_err(words)?)
}

fn read_limited(source: &mut dyn Read) -> Result<String, String> {
    let mut bytes = Vec::new();
    source
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot be read: {}", error.kind()))?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("is longer than {LARGEST} bytes, which is no secret"));
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn resolve(home: &Path, reference: &str) -> Result<String, String> {
        let environment = Environment([("KEY".to_owned(), "from-env-1".to_owned())].into());
        let redactor = Redactor::default();
        // Only the program that never ends may meet its deadline, however slow the machine is.
        let deadline = Duration::from_millis(if reference == "cmd:sleep 30" { 50 } else { 60_000 });
        let resolver = SecretResolver::new(&environment, home, redactor.clone()).within(deadline);
        let found = resolver.resolve(&SecretRef::parse(reference).unwrap());
        if let Ok(secret) = &found {
            assert_eq!(redactor.redact(secret.expose_secret()), "[redacted]");
        }
        found.map(|secret| secret.expose_secret().to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn each_kind_of_reference_gives_its_secret_without_the_last_line_break() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("key"), "from-file-1\r\n").unwrap();
        let absolute = format!("file:{}", home.path().join("key").display());
        let table = [
            ("env:KEY", "from-env-1"),
            ("file:key", "from-file-1"),
            (absolute.as_str(), "from-file-1"),
            ("cmd:printf '%s\\n' 'from cmd 1'", "from cmd 1"),
            ("literal-1", "literal-1"),
        ];
        for (reference, expected) in table {
            assert_eq!(resolve(home.path(), reference), Ok(expected.to_owned()), "{reference}");
        }
    }

    #[test]
    fn what_cannot_be_resolved_names_the_reference_and_the_reason() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("empty"), "\n").unwrap();
        std::fs::write(home.path().join("binary"), [0xff, 0xfe]).unwrap();
        std::fs::write(home.path().join("long"), vec![b'a'; 70_000]).unwrap();
        std::fs::create_dir(home.path().join("folder")).unwrap();
        let table = [
            ("env:MISSING", "MISSING is not set"),
            ("file:missing", "does not exist"),
            ("file:empty", "is empty"),
            ("file:binary", "not UTF-8"),
            ("file:long", "longer than"),
            ("file:folder", "is a directory"),
            ("cmd:/nonexistent/program", "cannot be started"),
            ("cmd:false", "failed (exit status: 1)"),
            ("cmd:true", "is empty"),
            ("cmd:sh -c 'echo hush-hush-1; exit 3'", "exit status: 3"),
            ("cmd:sleep 30", "did not finish"),
        ];
        for (reference, expected) in table {
            let error = resolve(home.path(), reference).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(
                error.contains(reference.split_once(' ').map_or(reference, |(first, _)| first)),
                "{error}"
            );
        }
    }
}
