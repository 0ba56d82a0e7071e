//! The commands around the gateway, as somebody at a shell meets them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod cron;
mod letters;
mod refused;
#[cfg(feature = "telegram")]
mod running;
mod service;
mod support;
