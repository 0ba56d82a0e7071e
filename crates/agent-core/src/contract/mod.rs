//! The contract suites of the ports that live here, for their adapters, fakes and wrappers.

pub mod channel;
pub mod embedder;
pub mod provider;
pub mod speaker;
pub mod transcriber;
