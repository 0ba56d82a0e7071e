//! Where lines of the log go, through the redactor.

use std::{
    fs::File,
    io::{self, Write},
    sync::Arc,
};

use tracing_subscriber::fmt::MakeWriter;

use super::Redactor;

/// Where lines end.
#[derive(Debug, Clone)]
pub(super) enum Sink {
    /// Standard error.
    Stderr,
    /// A file, opened to append: each line is one write, so that several processes can share it.
    File(Arc<File>),
    /// Memory, for tests.
    #[cfg(test)]
    Memory(Arc<parking_lot::Mutex<Vec<u8>>>),
}

/// Makes a [`Line`] for each event.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    pub(super) sink: Sink,
    pub(super) redactor: Redactor,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { lines: self }
    }
}

/// Takes an event's whole text in one write, as the formatting layer gives it; a secret is never cut in two.
#[derive(Debug)]
pub(super) struct Line<'a> {
    lines: &'a Lines,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let clean = self.lines.redactor.redact(&text);
        match &self.lines.sink {
            Sink::Stderr => io::stderr().lock().write_all(clean.as_bytes())?,
            Sink::File(file) => (&**file).write_all(clean.as_bytes())?,
            #[cfg(test)]
            Sink::Memory(memory) => memory.lock().extend_from_slice(clean.as_bytes()),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
