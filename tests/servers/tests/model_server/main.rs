//! The scripted model server, seen by a plain TCP client: what is on the wire is exactly what the script says.
#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it set it up")]

mod client;
mod faults;
mod replies;
