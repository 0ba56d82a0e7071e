//! A run of the binary.

use std::io::{Read, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::wait::until;

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Output {
    /// The exit code; none after a signal.
    pub code: Option<i32>,
    /// Standard output. Bytes that are not UTF-8 are replaced.
    pub out: String,
    /// Standard error, likewise.
    pub err: String,
    what: String,
}

impl Output {
    /// This, if it ended with this code.
    ///
    /// # Panics
    /// When it did not, with everything that it said.
    #[must_use = "look at what it said, or drop it openly"]
    pub fn with_code(self, code: i32) -> Self {
        assert!(self.code == Some(code), "expected exit code {code}\n{self:#}");
        assert!(!self.err.contains("panicked"), "it panicked\n{self:#}");
        self
    }

    /// Asserts the code.
    ///
    /// # Panics
    /// When it is another one.
    pub fn ends(self, code: i32) {
        let _ = self.with_code(code);
    }

    /// Both outputs.
    #[must_use]
    pub fn all(&self) -> String {
        format!("{}\n{}", self.out, self.err)
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, out, err, what } = self;
        write!(f, "{what}\n-- exit code {code:?}\n-- stdout\n{out}\n-- stderr\n{err}")
    }
}

/// What came so far from a pipe.
struct Pipe {
    seen: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Pipe {
    fn of(from: Option<impl Read + Send + 'static>) -> Self {
        let seen: Arc<Mutex<Vec<u8>>> = Arc::default();
        let sink = Arc::clone(&seen);
        let reader = from.map(|mut from| {
            std::thread::spawn(move || {
                let mut piece = [0; 4096];
                while let Ok(count @ 1..) = from.read(&mut piece) {
                    sink.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&piece[..count]);
                }
            })
        });
        Self { seen, reader }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    fn finish(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            until("the end of its output", || reader.is_finished().then_some(()));
        }
        self.text()
    }
}

/// A run that is under way. Dropped, it is killed.
pub struct Proc {
    child: Child,
    out: Pipe,
    err: Pipe,
    what: String,
}

impl std::fmt::Debug for Proc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} {}", self.what, self.out.text(), self.err.text())
    }
}

impl Proc {
    /// Starts it without a terminal and with nothing on its standard input.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        Self::start_with(command, None)
    }

    /// Starts it with this on its standard input.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    #[expect(clippy::panic, reason = "without the binary no test has anything to say")]
    pub fn start_with(command: &mut Command, input: Option<Vec<u8>>) -> Self {
        let what = format!("{command:?}");
        let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
        let spawned = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = match spawned {
            Ok(child) => child,
            Err(error) => panic!("{what} does not start: {error}; build it with `cargo build -p factotum`"),
        };
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
            // A program that refuses its input may close it early.
            std::thread::spawn(move || drop(stdin.write_all(&input)));
        }
        let (out, err) = (Pipe::of(child.stdout.take()), Pipe::of(child.stderr.take()));
        Self { child, out, err, what }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far.
    #[must_use]
    pub fn out_so_far(&self) -> String {
        self.out.text()
    }

    /// What it has printed on standard error so far.
    #[must_use]
    pub fn err_so_far(&self) -> String {
        self.err.text()
    }

    /// `kill -9`, and waits until it is gone.
    #[must_use = "look at what it said, or drop it openly"]
    pub fn kill9(mut self) -> Output {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.gone()
    }

    /// Sends it a signal by name, such as `INT`.
    ///
    /// # Panics
    /// When it cannot be sent.
    pub fn signal(&self, name: &str) {
        let line = format!("kill -{name} {}", self.pid());
        let sent = Command::new("sh").args(["-c", &line]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{line}");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not end in time.
    #[must_use = "look at what it said, or drop it openly"]
    pub fn wait(mut self) -> Output {
        self.gone()
    }

    fn gone(&mut self) -> Output {
        let what = format!("the end of {}", self.what);
        let status: ExitStatus = until(&what, || self.child.try_wait().ok().flatten());
        Output {
            code: status.code(),
            out: self.out.finish(),
            err: self.err.finish(),
            what: self.what.clone(),
        }
    }
}

impl Drop for Proc {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs it to its end, without a terminal and without input.
#[must_use = "look at what it said, or drop it openly"]
pub fn run(command: &mut Command) -> Output {
    Proc::start(command).wait()
}

/// As [`run`], with this on its standard input.
#[must_use = "look at what it said, or drop it openly"]
pub fn run_with_input(command: &mut Command, input: impl Into<Vec<u8>>) -> Output {
    Proc::start_with(command, Some(input.into())).wait()
}
