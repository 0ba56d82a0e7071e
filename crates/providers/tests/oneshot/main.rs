//! Speech and vectors against a fake server on a real socket.

#![expect(clippy::unwrap_used, reason = "a test without its server has nothing to say")]

mod embeddings;
mod server;
mod speech;

/// The key of all requests.
pub(crate) const KEY: &str = "sk-voice-0123456789abcdef";
