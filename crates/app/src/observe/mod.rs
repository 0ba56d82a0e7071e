//! Logs, and the redactor that every line of them passes.

mod known;
mod logs;
mod patterns;
mod redactor;
mod writer;

pub(crate) use logs::{LogError, LogInput, Verbosity, check_filter, init};
pub use redactor::Redactor;
