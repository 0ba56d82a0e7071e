//! Signals of the terminal and of the system.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What may come from outside while the assistant works. From its making on, none of them ends the process by itself.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// The process is asked to end, or its terminal is gone. Cancel safe.
    pub(super) async fn terminated(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }

    /// The next signal. Cancel safe.
    pub(super) async fn next(&mut self) -> Came {
        tokio::select! {
            _ = self.terminate.recv() => Came::Terminate,
            _ = self.hang_up.recv() => Came::Terminate,
            _ = self.interrupt.recv() => Came::Interrupt,
        }
    }
}

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// Ctrl-C.
    Interrupt,
    /// The process is asked to end, or its terminal is gone.
    Terminate,
}
