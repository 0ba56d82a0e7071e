//! The turn: a machine that decides and does nothing.
//!
//! ```text
//! Preparing ─▶ CallingModel ─▶ Judging ─▶ RunningTools ─▶ Absorbing ─▶ CallingModel …
//!     │             │                        │  ▲
//!     │             │                        ▼  │ answers
//!     └─────────────┴──────▶ Finalizing   Suspended
//! ```
//!
//! [`Machine::step`] takes an [`Event`] and gives the next machine and the [`Command`]s to perform. The driver performs
//! them and reports back; it is the only place that awaits. From every state a stop, the deadline or a limit leads to
//! `Finalizing`, with a result for each tool call that was asked for: histories never hold half a pair.
//!
//! The machine is saved as a [`TurnRecord`](session_api::TurnRecord) before each outside effect. [`Machine::resume`]
//! gives the commands that were outstanding.

mod command;
mod ending;
mod event;
mod guard;
mod limits;
mod machine;
mod record;
mod resume;
mod step;
mod tools;

#[cfg(test)]
mod tests;

pub use command::{Command, Question};
pub use ending::Ending;
pub use event::{Event, Intake, Judged, Judgement, ModelReply};
pub use limits::Limits;
pub use machine::{Beginning, Machine, Stamp};
pub use record::{RECORD_VERSION, RecordError};
