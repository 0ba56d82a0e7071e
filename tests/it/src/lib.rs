//! End-to-end tests that drive the built binary: what they share.
//!
//! Every test has a home and servers of its own, waits for events, and gives up after a bounded time.

mod crowd;
mod desk;
mod gateway;
mod http;
mod kill;
mod look;
pub mod platform;
mod process;
mod remains;
mod setup;
mod soak;
pub mod talk;
mod wait;

pub use crowd::{Crowd, Reckoning, dead_marks, sound, whole};
pub use desk::{Desk, OWNER};
pub use gateway::Gateway;
pub use http::{Answer, get, post};
pub use kill::{kill_at, talking};
pub use look::{History, dead_letters, history, parse_lines, questions, valid};
pub use process::{Output, Proc, run, run_with_input};
pub use remains::{InFlight, Remains};
pub use setup::{Setup, agent, in_terminal, runnable, say, skip, words};
pub use soak::{Options, Outcome, soak};
pub use wait::{PATIENCE, until, until_within};
