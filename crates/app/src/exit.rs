//! The exit codes of `factotum`. Scripts rely on them; `docs/cli.md` lists them for people.

/// It worked.
pub const OK: u8 = 0;
/// Something failed that has no code of its own.
pub const FAILED: u8 = 1;
/// The command line makes no sense. (clap's own code.)
pub const USAGE: u8 = 2;
/// A question must be answered first: `factotum approvals list|allow ID|deny ID`.
pub const QUESTION: u8 = 3;
/// What was given as input cannot be used: empty, too long, not UTF-8.
pub const INPUT: u8 = 65;
/// What was named does not exist: a session, a question, a dead letter, a file, a running gateway.
pub const NOT_FOUND: u8 = 66;
/// The model could not be had or its reply could not be used, and the message is kept; or a chat platform could not be
/// reached.
pub const MODEL: u8 = 69;
/// The data directory or its database cannot be used.
pub const STORAGE: u8 = 74;
/// The configuration makes no sense.
pub const CONFIG: u8 = 78;
/// Stopped by the user.
pub const STOPPED: u8 = 130;
