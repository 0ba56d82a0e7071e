//! Chat platforms as a test sees them: somebody says something in a chat, and what the assistant shows there is read.
//!
//! Chats have numbers; how they, their people and their messages are called is each platform's business.

mod discord;
mod email;
mod slack;
mod telegram;
mod websocket;

pub use discord::Discord;
pub use email::Email;
pub use slack::Slack;
pub use telegram::Telegram;
pub use websocket::Socket;

use std::collections::BTreeSet;

use crate::gateway::Gateway;

/// The token of the gateway's HTTP server.
pub const TOKEN: &str = "token-of-the-tests";

/// Most chats of one platform.
pub const CHATS: usize = 64;

/// A platform with [`CHATS`] direct chats.
pub trait Platform: Send + Sync {
    /// The kind of channel.
    fn kind(&self) -> &'static str;

    /// The lines of its table, below `[channels.KIND]`. Everybody in its chats is the owner.
    fn table(&self) -> String;

    /// Somebody says something.
    fn say(&self, chat: usize, text: &str);

    /// What the assistant shows there now, in order.
    fn texts(&self, chat: usize) -> Vec<String>;

    /// How many messages were acknowledged to the platform; each counts once.
    fn acknowledged(&self) -> usize;

    /// The marks of messages that the platform gave up to deliver: they were never acknowledged.
    fn forsaken(&self) -> BTreeSet<String> {
        BTreeSet::new()
    }

    /// A gateway was started (again); for those who have to go where it is.
    fn follow(&self, gateway: &Gateway) {
        let _ = gateway;
    }
}

/// The configuration of these platforms.
#[must_use]
pub fn tables(platforms: &[&dyn Platform]) -> String {
    let table = |platform: &&dyn Platform| {
        format!("[channels.{}]\nenabled = true\n{}\n", platform.kind(), platform.table())
    };
    let all: String = platforms.iter().map(table).collect();
    format!("[http]\nbind = \"127.0.0.1:0\"\ntoken = \"{TOKEN}\"\n{all}")
}

/// A list of ids as TOML.
fn list(ids: impl Iterator<Item = String>) -> String {
    ids.map(|id| format!("\"{id}\"")).collect::<Vec<_>>().join(", ")
}
