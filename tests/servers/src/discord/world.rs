//! What the fake remembers: chats, sessions, orders for its sockets.

use std::collections::{BTreeMap, HashMap, VecDeque};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::fault::Waiting;
use super::ledger::Seen;
use super::saying::{bot, dispatched};
use super::{BOT, GUILD};

/// How many dispatches a session keeps for a resume.
const REPLAY: usize = 1000;

/// What a socket is told to do.
#[derive(Debug)]
pub(super) enum Order {
    /// Write this frame and note it in the ledger.
    Dispatch(Value),
    /// Write this frame.
    Frame(Value),
    /// Write this text as it is.
    Text(String),
    /// Close with this code.
    Close(u16),
    /// Reset the connection.
    Reset,
    /// End the connection without a close frame.
    End,
    /// Read on, but write nothing more.
    Deaf,
}

/// A message of the bot as its reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its id.
    pub id: u64,
    /// Its text.
    pub text: String,
    /// What it answers.
    pub reply_to: Option<u64>,
    /// The `custom_id`s of its buttons.
    pub buttons: Vec<String>,
    /// The names of its files.
    pub files: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) seq: u64,
    pub(super) log: VecDeque<(u64, Value)>,
}

#[derive(Debug, Clone)]
pub(super) struct ChannelInfo {
    pub(super) kind: u8,
    pub(super) parent: Option<u64>,
    pub(super) archived: bool,
    /// Every call to it is refused so.
    pub(super) refused: Option<(u16, u64)>,
}

#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) seen: Seen,
    pub(super) last_id: u64,
    pub(super) channels: BTreeMap<u64, ChannelInfo>,
    pub(super) messages: BTreeMap<u64, Vec<Value>>,
    pub(super) files: HashMap<String, (Bytes, bool)>,
    pub(super) commands: Vec<Value>,
    pub(super) sessions: HashMap<String, Session>,
    /// The newest session, with its socket while it is connected.
    pub(super) current: Option<String>,
    pub(super) live: Option<(usize, mpsc::UnboundedSender<Order>)>,
    /// Said before anybody was connected, for the next session.
    pub(super) held: Vec<(String, Value)>,
    pub(super) hold: bool,
    pub(super) repeat_on_resume: bool,
    pub(super) compress: bool,
    pub(super) refuse_identify: VecDeque<u16>,
    pub(super) heartbeat_ms: u64,
    pub(super) waiting: Vec<Waiting>,
    pub(super) down: bool,
}

impl World {
    /// The next id: above all given so far, and a snowflake of this moment.
    pub(super) fn new_id(&mut self, millis: u64) -> u64 {
        const EPOCH: u64 = 1_420_070_400_000;
        self.last_id = (millis.saturating_sub(EPOCH) << 22).max(self.last_id + 1);
        self.last_id
    }

    /// The channel; a number nobody spoke of is a direct chat.
    pub(super) fn channel(&mut self, id: u64) -> &mut ChannelInfo {
        self.channels.entry(id).or_insert(ChannelInfo {
            kind: 1,
            parent: None,
            archived: false,
            refused: None,
        })
    }

    pub(super) fn in_guild(&self, channel: u64) -> bool {
        self.channels.get(&channel).is_some_and(|info| info.kind != 1)
    }

    pub(super) fn channel_json(&self, id: u64) -> Option<Value> {
        let info = self.channels.get(&id)?;
        let last = self.messages.get(&id).and_then(|all| all.last()).map(|last| last["id"].clone());
        let mut shown = json!({"id": id.to_string(), "type": info.kind, "last_message_id": last});
        if info.kind == 1 {
            shown["recipients"] = json!([]);
            return Some(shown);
        }
        shown["guild_id"] = json!(GUILD.to_string());
        shown["name"] = json!(format!("channel-{id}"));
        shown["parent_id"] = json!(info.parent.map(|parent| parent.to_string()));
        if matches!(info.kind, 10..=12) {
            shown["thread_metadata"] = json!({
                "archived": info.archived, "auto_archive_duration": 1440, "locked": false,
                "archive_timestamp": "2026-01-02T03:04:05+00:00",
            });
        }
        Some(shown)
    }

    /// Keeps a message; one under a known id takes its place.
    pub(super) fn keep(&mut self, channel: u64, message: Value) {
        let all = self.messages.entry(channel).or_default();
        match all.iter().position(|known| known["id"] == message["id"]) {
            Some(at) => all[at] = message,
            None => all.push(message),
        }
        all.sort_by_key(|message| id_of(&message["id"]));
    }

    /// Hands an event to the current session: at once where it is connected, else at its resume.
    pub(super) fn dispatch(&mut self, name: &str, data: Value) {
        let Some(session) = self.current.as_ref().and_then(|id| self.sessions.get_mut(id)) else {
            if self.hold {
                self.held.push((name.to_owned(), data));
            }
            return;
        };
        session.seq += 1;
        let frame = json!({"op": 0, "s": session.seq, "t": name, "d": data});
        session.log.push_back((session.seq, frame.clone()));
        if session.log.len() > REPLAY {
            session.log.pop_front();
        }
        self.order(Order::Dispatch(frame));
    }

    /// Hands a message to the current session.
    pub(super) fn dispatch_message(&mut self, channel: u64, message: Value) {
        let guild = self.in_guild(channel);
        self.dispatch("MESSAGE_CREATE", dispatched(message, guild));
    }

    /// Tells the connected socket something; whether there is one.
    pub(super) fn order(&self, order: Order) -> bool {
        self.live.as_ref().is_some_and(|(_, socket)| socket.send(order).is_ok())
    }

    /// A new session, with its READY and what was held for it.
    pub(super) fn begin_session(&mut self, url: &str) {
        let id = format!("session-{}", self.sessions.len() + 1);
        self.sessions.insert(id.clone(), Session::default());
        self.current = Some(id.clone());
        self.dispatch(
            "READY",
            json!({
                "v": 10, "user": bot(), "guilds": [], "session_id": id, "resume_gateway_url": url,
                "shard": [0, 1], "application": {"id": BOT.to_string(), "flags": 0},
            }),
        );
        for (name, data) in std::mem::take(&mut self.held) {
            self.dispatch(&name, data);
        }
    }

    /// What the bot shows in a channel, in order.
    pub(super) fn shown(&self, channel: u64) -> Vec<Shown> {
        let all = self.messages.get(&channel).into_iter().flatten();
        all.filter(|message| id_of(&message["author"]["id"]) == BOT).map(shown).collect()
    }
}

fn shown(message: &Value) -> Shown {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = list(&message["components"]);
    Shown {
        id: id_of(&message["id"]),
        text: text(&message["content"]),
        reply_to: Some(id_of(&message["message_reference"]["message_id"])).filter(|id| *id != 0),
        buttons: rows
            .iter()
            .flat_map(|row| list(&row["components"]))
            .map(|b| text(&b["custom_id"]))
            .collect(),
        files: list(&message["attachments"]).iter().map(|file| text(&file["filename"])).collect(),
    }
}

/// A snowflake, out of its text or as the number that Discord takes as well; 0 where there is none.
pub(super) fn id_of(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(0)
}
