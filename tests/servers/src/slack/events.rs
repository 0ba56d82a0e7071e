//! What people do on the fake platform, and the events that come of it.

use serde_json::{Value, json};

use super::files;
use super::server::FakeSlack;
use super::world::{Shown, Stage, Stored};
use super::{BOT_USER, TEAM};

/// A message of a person.
#[derive(Debug, Clone, Default)]
pub struct Say {
    /// The channel; a first `D` makes it a direct chat.
    pub channel: String,
    /// Who says it.
    pub user: String,
    /// What, in Slack's markup.
    pub text: String,
    /// The root of the thread in which it stands.
    pub thread_ts: Option<String>,
    /// Ids of files from [`FakeSlack::add_file`].
    pub files: Vec<String>,
}

impl Say {
    /// A plain message.
    #[must_use]
    pub fn new(channel: &str, user: &str, text: &str) -> Self {
        Self { channel: channel.into(), user: user.into(), text: text.into(), ..Self::default() }
    }

    /// The same in a thread.
    #[must_use]
    pub fn in_thread(self, root: &str) -> Self {
        Self { thread_ts: Some(root.to_owned()), ..self }
    }

    /// The same with a file.
    #[must_use]
    pub fn with_file(mut self, id: &str) -> Self {
        self.files.push(id.to_owned());
        self
    }
}

impl FakeSlack {
    /// Puts a message into its channel without telling anybody; returns its `ts`.
    pub fn place(&self, say: &Say) -> String {
        let micros = self.shared.micros();
        self.shared.change(|world| {
            let ts = world.ts(micros);
            world.messages.push(Shown {
                channel: say.channel.clone(),
                ts: ts.clone(),
                thread_ts: say.thread_ts.clone(),
                user: say.user.clone(),
                text: say.text.clone(),
                blocks: Vec::new(),
                metadata: None,
                files: Vec::new(),
                earlier: Vec::new(),
            });
            ts
        })
    }

    /// The event of a placed message: `kind` is `message` or `app_mention`.
    #[must_use]
    pub fn event(&self, kind: &str, say: &Say, ts: &str) -> Value {
        let mut event = json!({
            "type": kind, "channel": say.channel, "user": say.user, "text": say.text, "ts": ts, "event_ts": ts,
        });
        if kind == "message" {
            event["channel_type"] = json!(if say.channel.starts_with('D') { "im" } else { "channel" });
            event["client_msg_id"] = json!(format!("client-{ts}"));
        }
        let address = self.shared.address.to_string();
        self.read(|world| {
            if let Some(root) = &say.thread_ts {
                event["thread_ts"] = json!(root);
                let parent = world.messages.iter().find(|known| known.ts == *root);
                event["parent_user_id"] = json!(parent.map(|parent| parent.user.clone()));
            }
            let shapes: Vec<Value> =
                say.files.iter().filter_map(|id| files::shape(world, id, &address)).collect();
            if !shapes.is_empty() {
                event["subtype"] = json!("file_share");
                event["files"] = json!(shapes);
            }
        });
        event
    }

    /// The `event_callback` around an event, with an id of its own.
    #[must_use]
    pub fn callback(&self, event: &Value) -> Value {
        let number = self.shared.change(|world| world.number());
        json!({
            "token": "verification", "team_id": TEAM, "api_app_id": "A1", "type": "event_callback",
            "event_id": format!("Ev{number}"), "event_time": self.shared.micros() / 1_000_000,
            "authorizations": [{"team_id": TEAM, "user_id": BOT_USER, "is_bot": true}], "event": event,
        })
    }

    /// Queues an envelope; returns its id.
    pub fn put_envelope(&self, kind: &str, payload: Value) -> String {
        self.shared.change(|world| world.enqueue(kind, payload))
    }

    /// Queues an event of the Events API; returns its envelope's id.
    pub fn put_event(&self, event: &Value) -> String {
        let payload = self.callback(event);
        self.put_envelope("events_api", payload)
    }

    /// Somebody says something: it stands in the channel and goes out as one `message`. Returns the envelope and the
    /// `ts`.
    pub fn say(&self, say: &Say) -> (String, String) {
        let ts = self.place(say);
        (self.put_event(&self.event("message", say, &ts)), ts)
    }

    /// Somebody mentions the bot in a channel: both events go out, in this order. Returns both envelopes and the `ts`.
    pub fn mention(&self, say: &Say, kinds: [&str; 2]) -> ([String; 2], String) {
        let ts = self.place(say);
        (kinds.map(|kind| self.put_event(&self.event(kind, say, &ts))), ts)
    }

    /// Queues an envelope once more, whether or not it was acknowledged, as the first repetition.
    pub fn redeliver(&self, envelope: &str) {
        self.shared.change(|world| {
            if let Some(known) = world.envelopes.iter_mut().find(|known| known.id == envelope) {
                known.stage = Stage::Waiting;
                known.attempt = (known.attempt + 1).min(3);
                known.reason = "timeout";
            }
        });
    }

    /// Queues what this envelope holds once more, in an envelope of its own; returns its id.
    pub fn again(&self, envelope: &str) -> Option<String> {
        self.shared.change(|world| {
            let known = world.envelopes.iter().find(|known| known.id == envelope)?;
            let (kind, payload) = (known.kind.clone(), known.payload.clone());
            Some(world.enqueue(&kind, payload))
        })
    }

    /// Somebody presses the button with this value below the message `ts`; returns the envelope.
    pub fn press(&self, user: &str, channel: &str, ts: &str, value: &str) -> String {
        let thread = self.read(|world| {
            world.messages.iter().find(|known| known.ts == ts).and_then(|known| known.thread_ts.clone())
        });
        let number = self.shared.change(|world| world.number());
        let mut message = json!({"ts": ts});
        if let Some(root) = thread {
            message["thread_ts"] = json!(root);
        }
        self.put_envelope(
            "interactive",
            json!({
                "type": "block_actions", "user": {"id": user, "username": user.to_lowercase()},
                "channel": {"id": channel}, "message": message, "trigger_id": format!("trigger-{number}"),
                "actions": [{"action_id": "answer", "type": "button", "value": value}],
                "response_url": format!("{}/response", self.api_url()),
            }),
        )
    }

    /// Somebody uses a slash command; returns the envelope.
    pub fn slash(&self, user: &str, channel: &str, command: &str, text: &str) -> String {
        let number = self.shared.change(|world| world.number());
        self.put_envelope(
            "slash_commands",
            json!({
                "command": command, "text": text, "user_id": user, "user_name": user.to_lowercase(),
                "channel_id": channel, "trigger_id": format!("trigger-{number}"),
                "response_url": format!("{}/response", self.api_url()),
            }),
        )
    }

    /// A file that somebody may share; returns its id.
    pub fn add_file(&self, name: &str, mime: &str, bytes: &[u8]) -> String {
        self.shared.change(|world| {
            let id = format!("F{}", world.number());
            let (name, mime, bytes) = (name.to_owned(), mime.to_owned(), bytes.to_vec());
            world.files.insert(id.clone(), Stored { name, mime, bytes, shared: true });
            id
        })
    }
}
