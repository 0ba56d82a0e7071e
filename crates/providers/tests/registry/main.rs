//! The registry: names, keys and addresses, and models with all their layers before scripted servers.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test without its server or model has nothing to say"
)]

mod chain;
mod names;
mod support;
mod tested;
