//! The Discord channel against a fake Discord.
#![cfg(feature = "discord")]

mod contract;
mod inbound;
mod outbound;
mod session;
mod support;
