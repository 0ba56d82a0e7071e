//! A Discord on loopback: REST, gateway and file host, with memory, ledgers and faults.
//!
//! It keeps what people and the bot say, hands new messages to the connected session with sequence numbers, replays
//! what a resumed session missed, and enforces nonces. Faults are ordered by the test one by one.

mod call;
mod fault;
mod ledger;
mod orders;
mod rest;
mod saying;
mod server;
mod socket;
mod world;
mod zlib;

pub use call::{Call, Upload};
pub use fault::RestFault;
pub use ledger::{Seen, Written};
pub use saying::Saying;
pub use server::FakeDiscord;
pub use world::Shown;

/// The token that the fake takes.
pub const TOKEN: &str = "MTk5.fake.discord-token";
/// The bot's user id, and that of its application.
pub const BOT: u64 = 999;
/// The one server (guild) that the fake's channels belong to.
pub const GUILD: u64 = 300;
