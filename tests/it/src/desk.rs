//! One owner, one fake Telegram, one gateway: what most tests of the gateway begin with.

use servers::telegram::{FakeTelegram, Say, Seen};
use servers::{ModelServer, Script, TempHome};

use crate::gateway::Gateway;
use crate::platform::TOKEN;
use crate::setup::Setup;
use crate::wait::PATIENCE;

/// The owner, as Telegram knows them.
pub const OWNER: i64 = 5;

/// What stands around a gateway. Dropped, everything ends.
#[derive(Debug)]
pub struct Desk {
    /// Where the owner and others write.
    pub telegram: FakeTelegram,
    /// What the model says.
    pub server: ModelServer,
    /// Where everything is kept.
    pub home: TempHome,
    channel: String,
    more: String,
}

impl Desk {
    /// With a model that follows this script. Nothing runs yet.
    #[must_use]
    pub fn new(script: impl Into<Script>) -> Self {
        let (telegram, server, home) = (FakeTelegram::start(), ModelServer::start(script), TempHome::new());
        Self { telegram, server, home, channel: String::new(), more: String::new() }
    }

    /// A line more in `[channels.telegram]`.
    #[must_use]
    pub fn channel(mut self, line: &str) -> Self {
        self.channel.push_str(line);
        self.channel.push('\n');
        self
    }

    /// More tables.
    #[must_use]
    pub fn more(mut self, text: &str) -> Self {
        self.more.push_str(text);
        self.more.push('\n');
        self
    }

    /// `[channels.telegram]`, as it is written.
    #[must_use]
    pub fn table(&self) -> String {
        let allow =
            if self.channel.contains("allow =") { String::new() } else { format!("allow = [\"{OWNER}\"]") };
        format!(
            "[channels.telegram]\nenabled = true\ntoken = \"{}\"\napi_url = \"{}\"\n{allow}\n{}",
            self.telegram.token(),
            self.telegram.url(),
            self.channel
        )
    }

    /// Writes the configuration.
    pub fn configure(&self, setup: Setup) {
        let http = if self.more.contains("[http]") {
            String::new()
        } else {
            format!("[http]\nbind = \"127.0.0.1:0\"\ntoken = \"{TOKEN}\"\n")
        };
        let text = setup.exec().more(&format!("{http}{}{}", self.table(), self.more)).text();
        self.home.write("factotum/config.toml", text);
    }

    /// Writes the configuration and starts a gateway.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn open(&self) -> Gateway {
        self.configure(Setup::of(&self.server));
        let gateway = Gateway::start(&self.home);
        gateway.wait_channel("telegram", "connected");
        gateway
    }

    /// The owner writes.
    pub fn say(&self, text: &str) -> i64 {
        self.telegram.say(Say::private(OWNER, text))
    }

    /// Waits until the assistant shows a text that holds this, in the owner's chat; returns the whole text.
    ///
    /// # Panics
    /// When it does not come.
    #[must_use]
    pub fn heard(&self, part: &str) -> String {
        self.heard_in(OWNER, part)
    }

    /// The same in another chat.
    ///
    /// # Panics
    /// When it does not come.
    #[must_use]
    #[expect(clippy::panic, reason = "a wait in vain is a failed test")]
    pub fn heard_in(&self, chat: i64, part: &str) -> String {
        let found = |texts: Vec<String>| texts.into_iter().find(|text| text.contains(part));
        let texts =
            |seen: &Seen<'_>| seen.shown(chat).into_iter().map(|shown| shown.text).collect::<Vec<_>>();
        let waited = self.telegram.wait_for(part, PATIENCE, |seen| found(texts(seen)).is_some());
        match waited.ok().and_then(|()| found(self.telegram.texts(chat))) {
            Some(text) => text,
            None => panic!("{part:?} was not said in {chat}; there is {:#?}", self.telegram.texts(chat)),
        }
    }

    /// Waits for this and asserts that it is said.
    ///
    /// # Panics
    /// When it is not.
    pub fn hears(&self, part: &str) {
        drop(self.heard(part));
    }
}
