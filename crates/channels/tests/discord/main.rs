//! The Discord channel against a fake Discord.
#![cfg(feature = "discord")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first thing that is not as it set it up"
)]

mod contract;
mod inbound;
mod outbound;
mod session;
mod support;
