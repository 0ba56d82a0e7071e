//! Reading lines from the person, on a thread of its own: it blocks, and must not hold up the assistant.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
};

use tokio::sync::oneshot;

use super::{lines::Lines, plain};

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// A message: with history, completion and several lines.
    Message,
    /// Yes or no.
    Question,
}

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// A line, or several.
    Line(String),
    /// Ctrl-C.
    Interrupted,
    /// Ctrl-D, or the terminal is gone.
    End,
    /// The process is asked to end.
    Terminated,
    /// Nothing can be read.
    Failed(String),
}

type Request = (Ask, oneshot::Sender<Input>);

/// The thread that reads.
#[derive(Debug)]
pub(super) struct Editor {
    requests: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
    cut: Arc<AtomicBool>,
}

impl Editor {
    /// Starts the thread. Without `line_editing` it reads plain lines.
    pub(super) fn start(line_editing: bool, history: Option<PathBuf>) -> io::Result<Self> {
        let (requests, incoming) = mpsc::channel::<Request>();
        let cut = Arc::new(AtomicBool::new(false));
        let lines = line_editing.then(|| Lines::new(history, &cut));
        let mut source = Source { lines, cut: cut.clone() };
        let thread = thread::Builder::new().name("editor".into()).spawn(move || {
            for (ask, reply) in incoming {
                // Whoever asked may have left.
                let _ = reply.send(source.read(ask));
            }
        })?;
        Ok(Self { requests: Some(requests), thread: Some(thread), cut })
    }

    /// Reads once. When the wait is given up, the thread goes on reading until [`end`](Self::end).
    pub(super) async fn read(&mut self, ask: Ask) -> Input {
        let (reply, read) = oneshot::channel();
        let sent = self.requests.as_ref().is_some_and(|requests| requests.send((ask, reply)).is_ok());
        if !sent {
            return Input::End;
        }
        read.await.unwrap_or(Input::End)
    }

    /// Ends the thread and waits for it: the terminal is then as it was before.
    pub(super) fn end(&mut self) {
        self.cut.store(true, Ordering::Relaxed);
        self.requests = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the line editor crashed");
        }
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        self.end();
    }
}

/// Where lines come from.
struct Source {
    /// `None`: plain lines from stdin.
    lines: Option<Lines>,
    cut: Arc<AtomicBool>,
}

impl Source {
    fn read(&mut self, ask: Ask) -> Input {
        if let Some(lines) = &mut self.lines {
            match lines.read(ask) {
                Ok(input) => return input,
                // Some terminals cannot say where their cursor stands.
                Err(error) => {
                    tracing::warn!(%error, "no line editing on this terminal");
                    self.lines = None;
                }
            }
        }
        plain::read(ask, &self.cut)
            .unwrap_or_else(|error| Input::Failed(format!("stdin cannot be read: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_editor_that_is_not_asked_ends_at_once() {
        let mut editor = Editor::start(false, None).unwrap();
        editor.end();
        assert!(editor.thread.is_none());
    }
}
