//! Discord, in direct chats.

use servers::discord::{FakeDiscord, Saying};

use super::{CHATS, Platform, list};
use crate::gateway::Gateway;
use crate::wait::until;

/// A fake Discord; chat 3 is the direct chat 5003 with user 1003.
#[derive(Debug)]
pub struct Discord(pub FakeDiscord);

impl Discord {
    /// Starts one with all its chats.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start() -> Self {
        let fake = FakeDiscord::start();
        Self(fake)
    }

    /// The id of a chat.
    #[must_use]
    pub fn id(chat: usize) -> u64 {
        5000 + chat as u64
    }

    /// The id of the user in a chat.
    #[must_use]
    pub fn user(chat: usize) -> u64 {
        1000 + chat as u64
    }
}

impl Platform for Discord {
    fn kind(&self) -> &'static str {
        "discord"
    }

    fn table(&self) -> String {
        format!(
            "token = \"{}\"\napi_url = \"{}\"\nallow = [{}]",
            self.0.token(),
            self.0.url(),
            list((0..CHATS).map(|chat| Self::user(chat).to_string()))
        )
    }

    fn say(&self, chat: usize, text: &str) {
        self.0.say(&Saying::direct(Self::id(chat), Self::user(chat), text));
    }

    fn texts(&self, chat: usize) -> Vec<String> {
        self.0.shown(Self::id(chat)).into_iter().map(|shown| shown.text).collect()
    }

    /// Waits for the first session: a direct chat that the assistant has never seen cannot be read later.
    fn follow(&self, gateway: &Gateway) {
        until("the first session with Discord", || {
            let begun = self.0.seen(|seen| seen.written.iter().any(|event| event.name == "READY"));
            (begun || !gateway.lives()).then_some(())
        });
    }

    /// Discord has no acknowledgement: what was written to the socket is gone for it.
    fn acknowledged(&self) -> usize {
        self.0.seen(|seen| {
            let ids: std::collections::BTreeSet<u64> = seen
                .written
                .iter()
                .filter(|event| event.name == "MESSAGE_CREATE")
                .map(|event| event.id)
                .collect();
            ids.len()
        })
    }
}
