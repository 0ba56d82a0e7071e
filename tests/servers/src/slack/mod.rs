//! A fake Slack: Web API, Socket Mode and Events API, with faults.
//!
//! It keeps channels, messages with their edits, reactions and files, delivers envelopes over sockets until they are
//! acknowledged, and signs what it posts to a webhook. Everything is synchronous to use; the server has a thread of its
//! own, which ends with [`FakeSlack`].

mod api;
mod events;
mod fault;
mod files;
mod link;
mod post;
mod serve;
mod server;
mod world;

pub use events::Say;
pub use fault::{ApiFault, LinkFault};
pub use post::Posted;
pub use server::{FakeSlack, TooLate};
pub use world::{ApiCall, Shown, World};

/// The bot's token.
pub const BOT_TOKEN: &str = "xoxb-fake-bot";

/// The app-level token, for `apps.connections.open` alone.
pub const APP_TOKEN: &str = "xapp-fake-app";

/// The secret under which webhook posts are signed.
pub const SIGNING_SECRET: &str = "fake-signing-secret";

/// The workspace.
pub const TEAM: &str = "T1";

/// The bot's user id.
pub const BOT_USER: &str = "UBOT";

/// The bot's own bot id.
pub const BOT_ID: &str = "BBOT";
