//! Discord, in direct chats.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use servers::discord::{FakeDiscord, Saying};

use super::{CHATS, Platform, list};
use crate::gateway::Gateway;
use crate::wait::until;

/// A fake Discord; chat 3 is the direct chat 5003 with user 1003. It keeps the ids of what people said.
#[derive(Debug)]
pub struct Discord(pub FakeDiscord, Mutex<BTreeSet<u64>>);

impl Discord {
    /// Starts one with all its chats.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start() -> Self {
        Self(FakeDiscord::start(), Mutex::default())
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
        let id = self.0.say(&Saying::direct(Self::id(chat), Self::user(chat), text));
        self.1.lock().insert(id);
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
        let said = self.1.lock();
        self.0.seen(|seen| {
            let messages = seen.written.iter().filter(|event| event.name == "MESSAGE_CREATE");
            messages.map(|event| event.id).filter(|id| said.contains(id)).collect::<BTreeSet<_>>().len()
        })
    }
}
