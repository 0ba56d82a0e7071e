//! What the end-to-end tests put around the product: a scripted model server, faults on the wire, a ledger for side
//! effects, and a home directory to throw away.
//!
//! Everything here is synchronous to use and runs on threads of its own, so that plain `#[test]` functions can drive
//! a built binary. Setting up panics with a clear sentence when it fails: without its server a test has nothing to say.
//!
//! ```
//! use servers::{ModelServer, Reply, Script};
//! use serde_json::json;
//!
//! let server = ModelServer::start(Script::in_order([
//!     Reply::tool("write_file", json!({"path": "a.txt", "content": "hi"})),
//!     Reply::text("Done, the file is written.").in_deltas(4),
//! ]));
//! assert!(server.base_url().ends_with("/v1"));
//! assert!(server.requests().is_empty());
//! ```

mod corpus;
pub mod discord;
mod home;
mod ledger;
pub mod mail;
mod model;
mod port;
pub mod quick;
pub mod slack;
pub mod socket;
pub mod telegram;
pub mod whisper;

pub use corpus::{bytes_of, corpus, entries};
pub use home::TempHome;
pub use ledger::Ledger;
pub use model::{Call, End, Gate, Hold, ModelServer, Reply, Request, Script, TooFew, Usage};
pub use port::{free_port, refused_url};
