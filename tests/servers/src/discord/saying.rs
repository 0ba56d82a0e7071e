//! What a person says, as Discord puts it.

use serde_json::{Value, json};

use super::{BOT, GUILD};

/// A message of a person, with everything that a test may want to say about it.
#[derive(Debug, Clone)]
pub struct Saying {
    pub(super) id: Option<u64>,
    pub(super) channel: u64,
    pub(super) guild: bool,
    message: Value,
}

impl Saying {
    /// In a direct chat with the bot.
    #[must_use]
    pub fn direct(channel: u64, user: u64, text: &str) -> Self {
        Self::new(channel, user, text, false)
    }

    /// In a channel or thread of the server.
    #[must_use]
    pub fn guild(channel: u64, user: u64, text: &str) -> Self {
        Self::new(channel, user, text, true)
    }

    fn new(channel: u64, user: u64, text: &str, guild: bool) -> Self {
        let message = json!({
            "channel_id": channel.to_string(), "author": person(user), "content": text,
            "timestamp": "2026-01-02T03:04:05+00:00", "edited_timestamp": null, "tts": false,
            "mention_everyone": false, "mentions": [], "mention_roles": [], "attachments": [], "embeds": [],
            "pinned": false, "type": 0,
        });
        Self { id: None, channel, guild, message }
    }

    /// Under this id instead of the next one.
    #[must_use]
    pub fn id(mut self, id: u64) -> Self {
        self.id = Some(id);
        self
    }

    /// Mentions the bot: its user stands in `mentions`. The text must hold the markup itself.
    #[must_use]
    pub fn mentions_bot(mut self) -> Self {
        self.message["mentions"] = json!([bot()]);
        self
    }

    /// Of this type instead of 0.
    #[must_use]
    pub fn of_type(mut self, kind: u8) -> Self {
        self.message["type"] = json!(kind);
        self
    }

    /// As a reply to a message of this user.
    #[must_use]
    pub fn reply_to(mut self, message: u64, user: u64) -> Self {
        let channel = self.message["channel_id"].clone();
        self.message["type"] = json!(19);
        self.message["message_reference"] =
            json!({"message_id": message.to_string(), "channel_id": channel, "type": 0});
        let mut quoted = Self::new(self.channel, user, "quoted", self.guild).message;
        quoted["id"] = json!(message.to_string());
        self.message["referenced_message"] = quoted;
        self
    }

    /// Sent by a bot.
    #[must_use]
    pub fn by_bot(mut self) -> Self {
        self.message["author"]["bot"] = json!(true);
        self
    }

    /// With a file at this address.
    #[must_use]
    pub fn attach(mut self, name: &str, mime: &str, size: usize, url: &str) -> Self {
        let entry = json!({
            "id": "77", "filename": name, "size": size, "content_type": mime, "url": url, "proxy_url": url,
        });
        if let Some(list) = self.message["attachments"].as_array_mut() {
            list.push(entry);
        }
        self
    }

    /// As a voice message.
    #[must_use]
    pub fn voice(mut self) -> Self {
        self.message["flags"] = json!(1 << 13);
        self
    }

    /// The message as REST shows it.
    pub(super) fn finish(&self, id: u64) -> Value {
        let mut message = self.message.clone();
        message["id"] = json!(id.to_string());
        message
    }
}

/// The message as the gateway shows it: only there the server's id stands.
pub(super) fn dispatched(mut message: Value, guild: bool) -> Value {
    if guild {
        message["guild_id"] = json!(GUILD.to_string());
        message["member"] = json!({"roles": [], "joined_at": "2020-01-01T00:00:00+00:00", "deaf": false, "mute": false, "flags": 0});
    }
    message
}

/// A person.
pub(super) fn person(id: u64) -> Value {
    json!({
        "id": id.to_string(), "username": format!("user{id}"), "discriminator": "0",
        "global_name": format!("User {id}"), "avatar": null, "bot": id == BOT,
    })
}

/// The bot as a user.
pub(super) fn bot() -> Value {
    json!({
        "id": BOT.to_string(), "username": "factotum", "discriminator": "0000", "global_name": null,
        "avatar": null, "bot": true, "verified": true, "email": null, "flags": 0, "mfa_enabled": false,
    })
}
