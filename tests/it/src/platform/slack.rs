//! Slack, in Socket Mode, in direct chats.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use parking_lot::Mutex;
use servers::slack::{APP_TOKEN, BOT_TOKEN, FakeSlack, Say};

use super::{CHATS, Platform, list};
use crate::talk::marks;

/// How long the fake waits for an acknowledgement. The real one waits three seconds.
const ACK: Duration = Duration::from_millis(700);

/// A fake Slack; chat 3 is the direct chat `D0003` with `U0003`. It keeps the marks of each envelope.
#[derive(Debug)]
pub struct Slack(pub FakeSlack, Mutex<HashMap<String, Vec<String>>>);

impl Slack {
    /// Starts one.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start() -> Self {
        Self(FakeSlack::with_ack_within(ACK), Mutex::default())
    }

    /// The id of a chat.
    #[must_use]
    pub fn id(chat: usize) -> String {
        format!("D{chat:04}")
    }

    /// The id of the user in a chat.
    #[must_use]
    pub fn user(chat: usize) -> String {
        format!("U{chat:04}")
    }
}

impl Platform for Slack {
    fn kind(&self) -> &'static str {
        "slack"
    }

    fn table(&self) -> String {
        format!(
            "bot_token = \"{BOT_TOKEN}\"\napp_token = \"{APP_TOKEN}\"\napi_url = \"{}\"\nallow = [{}]",
            self.0.api_url(),
            list((0..CHATS).map(Self::user))
        )
    }

    fn say(&self, chat: usize, text: &str) {
        let (envelope, _) = self.0.say(&Say::new(&Self::id(chat), &Self::user(chat), text));
        self.1.lock().insert(envelope, marks(text));
    }

    fn texts(&self, chat: usize) -> Vec<String> {
        self.0.read(|world| world.answers(&Self::id(chat)).into_iter().map(|shown| shown.text).collect())
    }

    /// Each envelope with a message; buttons and commands have envelopes too.
    fn acknowledged(&self) -> usize {
        let said = self.1.lock();
        self.0.read(|world| {
            world.acks().iter().filter(|id| said.contains_key(*id)).collect::<BTreeSet<_>>().len()
        })
    }

    fn forsaken(&self) -> BTreeSet<String> {
        let said = self.1.lock();
        let given_up = self.0.read(|world| world.given_up());
        given_up.iter().filter_map(|id| said.get(id)).flatten().cloned().collect()
    }
}
