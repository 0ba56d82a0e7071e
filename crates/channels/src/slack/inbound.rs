//! From Slack's payloads to arrivals. Nothing here fetches anything.

use agent_core::{Arrival, Place};
use serde::Deserialize;
use serde_json::Value;
use session_api::{Part, Timestamp};

use super::text;

/// Subtypes of messages that people write.
const SUBTYPES: &[&str] = &["file_share", "thread_broadcast"];

/// Something that somebody sent, with the files that are still to be fetched.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) arrival: Arrival,
    pub(super) files: Vec<SlackFile>,
}

/// How payloads are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    /// The bot's user id.
    pub(super) bot: &'a str,
    /// Whether a question in a channel begins a thread.
    pub(super) reply_in_thread: bool,
    /// What counts as the time of arrival.
    pub(super) now: Timestamp,
}

/// A file as events name it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub(super) struct SlackFile {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) mimetype: Option<String>,
    pub(super) size: Option<u64>,
    pub(super) mode: Option<String>,
    pub(super) file_access: Option<String>,
    pub(super) is_external: bool,
    pub(super) url_private: Option<String>,
    pub(super) url_private_download: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    subtype: Option<String>,
    channel: Option<String>,
    channel_type: Option<String>,
    user: Option<String>,
    bot_id: Option<String>,
    text: Option<String>,
    ts: Option<String>,
    thread_ts: Option<String>,
    parent_user_id: Option<String>,
    #[serde(default)]
    hidden: bool,
    #[serde(default)]
    files: Vec<SlackFile>,
    #[serde(default)]
    attachments: Vec<Attachment>,
}

/// A message that somebody passed on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Attachment {
    text: Option<String>,
    fallback: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Slash {
    command: String,
    text: Option<String>,
    user_id: String,
    user_name: Option<String>,
    channel_id: String,
    trigger_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Id {
    id: String,
    username: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Message {
    thread_ts: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Action {
    value: Option<String>,
    action_ts: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Actions {
    #[serde(rename = "type")]
    kind: String,
    user: Id,
    channel: Option<Id>,
    message: Option<Message>,
    actions: Vec<Action>,
    trigger_id: Option<String>,
}

impl Reader<'_> {
    /// What an envelope or a post holds; `None` for whatever is not for the assistant. `delivery` is the envelope's id,
    /// for kinds that bring no id of their own.
    pub(super) fn payload(&self, kind: &str, payload: &Value, delivery: &str) -> Option<Seen> {
        match kind {
            "events_api" => self.event(payload),
            "interactive" => self.pressed(payload, delivery),
            "slash_commands" => self.slash(payload, delivery),
            _ => None,
        }
    }

    fn event(&self, payload: &Value) -> Option<Seen> {
        let event = Event::deserialize(payload.get("event")?).ok()?;
        let mention = event.kind == "app_mention";
        if !mention && event.kind != "message" {
            return None;
        }
        let known = event.subtype.as_deref().is_none_or(|subtype| SUBTYPES.contains(&subtype));
        let (channel, user, ts) = (event.channel?, event.user?, event.ts?);
        if !known || event.hidden || event.bot_id.is_some() || user == self.bot {
            return None;
        }
        let direct = match event.channel_type.as_deref() {
            Some(kind) => kind == "im",
            None => channel.starts_with('D'),
        };
        let raw = event.text.unwrap_or_default();
        let to_bot = event.parent_user_id.as_deref() == Some(self.bot);
        let addressed = direct || mention || to_bot || text::mentions(&raw, self.bot);
        let root = (!direct && self.reply_in_thread).then(|| ts.clone());
        let mut parts = Vec::new();
        let words = text::decode(&raw, self.bot);
        if !words.is_empty() {
            parts.push(Part::text(words));
        }
        for passed in event.attachments {
            let words = passed.text.or(passed.fallback).unwrap_or_default();
            let words = text::decode(&words, self.bot);
            if !words.is_empty() {
                parts.push(Part::text(format!("[passed on] {words}")));
            }
        }
        if parts.is_empty() && event.files.is_empty() {
            parts.push(Part::text("[a message without text]"));
        }
        let arrival = Arrival {
            // The same for the two events that a mention causes.
            external_id: format!("{channel}:{ts}"),
            chat: channel,
            thread: event.thread_ts.or(root),
            place: place(direct),
            sender: user,
            sender_name: None,
            addressed,
            distrusted: None,
            message_id: Some(ts),
            parts,
            received_at: self.now,
        };
        Some(Seen { arrival, files: event.files })
    }

    /// A pressed button stands for the command in its value. Other buttons are not ours.
    fn pressed(&self, payload: &Value, delivery: &str) -> Option<Seen> {
        let pressed = Actions::deserialize(payload).ok()?;
        if pressed.kind != "block_actions" {
            return None;
        }
        let chat = pressed.channel?.id;
        let (value, at) = pressed.actions.into_iter().find_map(|action| {
            let value = action.value.filter(|value| value.starts_with('/'))?;
            Some((value, action.action_ts))
        })?;
        let id = pressed.trigger_id.or(at).unwrap_or_else(|| delivery.to_owned());
        let arrival = Arrival {
            external_id: format!("interactive:{id}"),
            place: place(chat.starts_with('D')),
            chat,
            thread: pressed.message.and_then(|message| message.thread_ts),
            sender: pressed.user.id,
            sender_name: pressed.user.username,
            addressed: true,
            distrusted: None,
            message_id: None,
            parts: vec![Part::text(value)],
            received_at: self.now,
        };
        Some(Seen { arrival, files: Vec::new() })
    }

    /// `/factotum TEXT` says TEXT; any other command of the app is a command of ours by the same name.
    fn slash(&self, payload: &Value, delivery: &str) -> Option<Seen> {
        let slash = Slash::deserialize(payload).ok()?;
        let words = text::decode(&slash.text.unwrap_or_default(), self.bot);
        let said = match (slash.command.as_str(), words.is_empty()) {
            ("/factotum", true) => "/help".to_owned(),
            ("/factotum", false) => words,
            (command, true) => command.to_owned(),
            (command, false) => format!("{command} {words}"),
        };
        let id = slash.trigger_id.unwrap_or_else(|| delivery.to_owned());
        let arrival = Arrival {
            external_id: format!("slash_commands:{id}"),
            place: place(slash.channel_id.starts_with('D')),
            chat: slash.channel_id,
            thread: None,
            sender: slash.user_id,
            sender_name: slash.user_name,
            addressed: true,
            distrusted: None,
            message_id: None,
            parts: vec![Part::text(said)],
            received_at: self.now,
        };
        Some(Seen { arrival, files: Vec::new() })
    }
}

fn place(direct: bool) -> Place {
    if direct { Place::Direct } else { Place::Group }
}
