//! A fake Telegram: the Bot API over HTTP, as strict as the real one where that matters, with faults.
//!
//! [`FakeTelegram`] is used from plain tests: people say something with [`FakeTelegram::say`], and what the bot shows
//! is read with [`FakeTelegram::shown`]. Methods are matched in any case, parameters are taken as JSON, as a form or
//! as multipart, and files lie under percent-encoded paths, since clients differ in all three.
//!
//! ```
//! use servers::telegram::{FakeTelegram, Say};
//!
//! let telegram = FakeTelegram::start();
//! let update = telegram.say(Say::private(5, "hello"));
//! assert!(telegram.shown(5).is_empty());
//! assert!(!telegram.acknowledged().contains(&update));
//! ```

mod bell;
mod fault;
mod form;
mod hook;
mod html;
mod media;
mod methods;
mod say;
mod seen;
mod serve;
mod server;
mod state;
mod updates;

pub use bell::Late;
pub use fault::Fault;
pub use hook::HookAttempt;
pub use say::Say;
pub use seen::Seen;
pub use server::FakeTelegram;
pub use state::{Call, Latency, SentFile, Shown};
