//! The terminal while the assistant speaks: what is typed meanwhile waits, unseen, for the next prompt.

use std::io;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// Keeps what is typed from being mixed into the output; ends with this value. Ctrl-C works as ever.
#[derive(Debug)]
pub(super) struct NoEcho {
    before: Option<Termios>,
}

impl NoEcho {
    /// Where stdin is no terminal, nothing happens.
    pub(super) fn begin() -> Self {
        let before = tcgetattr(io::stdin()).ok();
        if let Some(before) = &before {
            let mut silent = before.clone();
            silent.local_modes.remove(LocalModes::ECHO);
            set(&silent);
        }
        Self { before }
    }
}

impl Drop for NoEcho {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            set(before);
        }
    }
}

fn set(mode: &Termios) {
    if let Err(error) = tcsetattr(io::stdin(), OptionalActions::Now, mode) {
        tracing::debug!(%error, "the terminal's mode could not be set");
    }
}
