//! Telegram's channel against a fake Telegram.

#![cfg(feature = "telegram")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a broken rig fails the test; tables are written in place"
)]

mod contract;
mod files;
mod polling;
mod reading;
mod rig;
mod sending;
mod webhook;
