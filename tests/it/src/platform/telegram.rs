//! Telegram, by polling.

use servers::telegram::{FakeTelegram, Say};

use super::{CHATS, Platform, list};

/// A fake Telegram; chat 3 is the private chat with user 1003.
#[derive(Debug)]
pub struct Telegram(pub FakeTelegram);

impl Telegram {
    /// Starts one.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start() -> Self {
        Self(FakeTelegram::start())
    }

    /// The id of a chat and of the user in it.
    ///
    /// # Panics
    /// Never for numbers that chats have.
    #[must_use]
    pub fn id(chat: usize) -> i64 {
        1000 + i64::try_from(chat).unwrap_or_default()
    }
}

impl Platform for Telegram {
    fn kind(&self) -> &'static str {
        "telegram"
    }

    fn table(&self) -> String {
        format!(
            "token = \"{}\"\napi_url = \"{}\"\nallow = [{}]",
            self.0.token(),
            self.0.url(),
            list((0..CHATS).map(|chat| Self::id(chat).to_string()))
        )
    }

    fn say(&self, chat: usize, text: &str) {
        self.0.say(Say::private(Self::id(chat), text));
    }

    fn texts(&self, chat: usize) -> Vec<String> {
        self.0.texts(Self::id(chat))
    }

    fn acknowledged(&self) -> usize {
        let mut ids = self.0.acknowledged();
        ids.sort_unstable();
        ids.dedup();
        ids.len()
    }
}
