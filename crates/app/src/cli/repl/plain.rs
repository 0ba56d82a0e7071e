//! Plain lines, where the terminal can do no more.

use std::{
    io::{self, BufRead as _, Write as _},
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use super::{
    editor::{Ask, Input},
    multiline::asks_for_more,
};

/// How long an end may go unnoticed.
const PACE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Reads a message or an answer.
pub(super) fn read(ask: Ask, cut: &AtomicBool) -> io::Result<Input> {
    let mut err = io::stderr();
    err.write_all(if ask == Ask::Message { b"> " } else { b"[y]es / [n]o: " })?;
    err.flush()?;
    let mut text = String::new();
    loop {
        if !readable(cut)? {
            return Ok(Input::Terminated);
        }
        let mut line = Vec::new();
        if io::stdin().lock().read_until(b'\n', &mut line)? == 0 {
            return Ok(if text.is_empty() { Input::End } else { Input::Line(text) });
        }
        text.push_str(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
        if ask == Ask::Question || !asks_for_more(&text) {
            return Ok(Input::Line(text));
        }
        text.pop();
        text.push('\n');
    }
}

/// Waits for a line. `false`: nobody wants it any more.
fn readable(cut: &AtomicBool) -> io::Result<bool> {
    let stdin = io::stdin();
    loop {
        if cut.load(Ordering::Relaxed) {
            return Ok(false);
        }
        match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&PACE)) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}
