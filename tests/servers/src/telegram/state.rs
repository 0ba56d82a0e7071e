//! Everything that the fake knows.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};

use super::fault::Faults;
use super::hook::{HookAttempt, Webhook};

/// The time of the first message, in Unix seconds; every later one comes a second after. Fixed, so that transcripts can
/// be compared.
pub(super) const FIRST_DATE: i64 = 1_750_000_000;

/// How many messages are remembered for ever.
const REMEMBERED: i64 = 10_000;

/// One call of the bot, as it came.
#[derive(Debug, Clone)]
pub struct Call {
    /// The method, as the client spelled it.
    pub method: String,
    /// Its parameters; files are left out.
    pub params: Value,
    /// The time since the fake began.
    pub at: Duration,
    /// The HTTP status it was answered with; 0 where it was not answered (yet).
    pub status: u16,
}

/// A message of the bot as it stands in a chat now.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Its id.
    pub message_id: i64,
    /// The topic it stands in.
    pub thread: Option<i64>,
    /// What a reader sees, without markup; the caption of a file.
    pub text: String,
    /// What the bot sent as text, markup included.
    pub source: String,
    /// Whether that was sent as HTML.
    pub html: bool,
    /// The message that it answers.
    pub reply_to: Option<i64>,
    /// Labels and data of its buttons, row after row.
    pub buttons: Vec<(String, String)>,
    /// Its file.
    pub file: Option<SentFile>,
    /// How often it was edited.
    pub edits: u32,
    /// When it was sent, since the fake began.
    pub at: Duration,
}

/// A file that the bot sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentFile {
    /// As what: `photo`, `document`, `voice`, `audio`, `video`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its media type, as the bot gave it.
    pub mime: String,
    /// Its content.
    pub bytes: Bytes,
}

/// How long somebody's message waited for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    /// The chat.
    pub chat: i64,
    /// The update that brought the message.
    pub update_id: i64,
    /// Until the first message of the bot after it.
    pub first: Duration,
    /// Until that message had its last edit.
    pub last: Duration,
}

#[derive(Debug, Clone)]
pub(super) struct StoredFile {
    pub(super) path: String,
    pub(super) bytes: Bytes,
    /// What `getFile` says of its size; tests may let it lie.
    pub(super) size: u64,
}

/// An update in the queue.
#[derive(Debug, Clone)]
pub(super) struct Queued {
    pub(super) id: i64,
    pub(super) update: Value,
    /// Delivered once more even though the bot confirmed it.
    pub(super) again: bool,
    pub(super) given: bool,
}

#[derive(Debug)]
pub(super) struct State {
    began: Instant,
    pub(super) token: String,
    pub(super) bot: Value,
    pub(super) next_update: i64,
    pub(super) next_message: i64,
    pub(super) queue: VecDeque<Queued>,
    /// Every update that ever was, for redelivery.
    pub(super) history: Vec<(i64, Value)>,
    /// Confirmed update ids, in order of their confirmation.
    pub(super) acknowledged: Vec<i64>,
    /// Messages of people, so that replies to them can be checked.
    pub(super) heard: BTreeMap<(i64, i64), Value>,
    /// Messages of the bot, by chat and id. Those that were deleted are gone.
    pub(super) shown: BTreeMap<(i64, i64), (Shown, Value)>,
    pub(super) files: HashMap<String, StoredFile>,
    pub(super) calls: Vec<Call>,
    /// How many calls are no longer in the list.
    forgotten_calls: usize,
    pub(super) faults: Faults,
    pub(super) webhook: Option<Webhook>,
    pub(super) hook_attempts: Vec<HookAttempt>,
    pub(super) commands: Vec<(String, String)>,
    pub(super) allowed_updates: Value,
    pub(super) answered_callbacks: Vec<String>,
    /// Chats that blocked the bot, with the description of the 403 that they give.
    pub(super) closed: HashMap<i64, (u16, String)>,
    pub(super) migrated: HashMap<i64, i64>,
    /// The number of the newest `getUpdates`: an older one that still waits is thrown out.
    pub(super) poll: u64,
    pub(super) polls_waiting: usize,
    pub(super) connections: usize,
    pub(super) waiting: HashMap<i64, VecDeque<(i64, i64, Duration)>>,
    pub(super) latencies: Vec<Latency>,
    /// Which latency a message of the bot ended.
    pub(super) ended: HashMap<(i64, i64), (usize, Duration)>,
}

impl State {
    pub(super) fn new(token: &str, id: i64, username: &str) -> Self {
        let bot = json!({
            "id": id, "is_bot": true, "first_name": "Factotum", "username": username,
            "can_join_groups": true, "can_read_all_group_messages": false, "supports_inline_queries": false,
            "can_connect_to_business": false, "has_main_web_app": false,
        });
        Self {
            began: now(),
            token: token.to_owned(),
            bot,
            next_update: 1000,
            next_message: 1,
            queue: VecDeque::new(),
            history: Vec::new(),
            acknowledged: Vec::new(),
            heard: BTreeMap::new(),
            shown: BTreeMap::new(),
            files: HashMap::new(),
            calls: Vec::new(),
            forgotten_calls: 0,
            faults: Faults::default(),
            webhook: None,
            hook_attempts: Vec::new(),
            commands: Vec::new(),
            allowed_updates: json!([]),
            answered_callbacks: Vec::new(),
            closed: HashMap::new(),
            migrated: HashMap::new(),
            poll: 0,
            polls_waiting: 0,
            connections: 0,
            waiting: HashMap::new(),
            latencies: Vec::new(),
            ended: HashMap::new(),
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        now().duration_since(self.began)
    }

    /// The id and date of the next message.
    pub(super) fn message_id(&mut self) -> (i64, i64) {
        let id = self.next_message;
        self.next_message += 1;
        (id, FIRST_DATE + id)
    }

    /// Keeps a file under a new id; paths have folders, as the real ones do.
    pub(super) fn keep(&mut self, folder: &str, extension: &str, bytes: Bytes) -> String {
        let n = self.files.len();
        let id = format!("AgACAgIAAxkBAAI{n}-{folder}");
        let path = format!("{folder}/file_{n}.{extension}");
        let size = bytes.len() as u64;
        self.files.insert(id.clone(), StoredFile { path, bytes, size });
        id
    }

    /// The chat as it stands in messages.
    pub(super) fn chat(id: i64, name: &str, forum: bool) -> Value {
        if id > 0 {
            return json!({"id": id, "type": "private", "first_name": name});
        }
        let kind = if id <= -1_000_000_000_000 { "supergroup" } else { "group" };
        let mut chat = json!({"id": id, "type": kind, "title": format!("Group {id}")});
        if forum {
            chat["is_forum"] = true.into();
        }
        chat
    }

    /// Drops what nobody will ask for any more.
    pub(super) fn forget(&mut self) {
        let oldest = self.next_message - REMEMBERED;
        self.heard.retain(|(_, id), _| *id >= oldest);
        self.shown.retain(|(_, id), _| *id >= oldest);
        self.ended.retain(|(_, id), _| *id >= oldest);
        // Answers that are still edited point into the list of latencies.
        let kept = self.ended.values().map(|(index, _)| *index).min().unwrap_or(self.latencies.len());
        self.latencies.drain(..kept);
        self.ended.values_mut().for_each(|(index, _)| *index -= kept);
        self.history.retain(|(id, _)| self.queue.iter().any(|queued| queued.id == *id));
        self.acknowledged.clear();
        // A call that is under way notes its end in the list.
        let open = self.calls.iter().position(|call| call.status == 0).unwrap_or(self.calls.len());
        self.forgotten_calls += open;
        self.calls.drain(..open);
    }

    /// Notes a call; the number is for [`call_ended`](Self::call_ended).
    pub(super) fn call_began(&mut self, method: &str, params: Value) -> usize {
        let call = Call { method: method.to_owned(), params, at: self.elapsed(), status: 0 };
        self.calls.push(call);
        self.forgotten_calls + self.calls.len() - 1
    }

    pub(super) fn call_ended(&mut self, number: usize, status: u16) {
        let found = number.checked_sub(self.forgotten_calls).and_then(|at| self.calls.get_mut(at));
        if let Some(call) = found {
            call.status = status;
        }
    }

    /// The oldest unanswered message of the chat has its answer now.
    pub(super) fn answered(&mut self, chat: i64, message: i64, reply_to: Option<i64>) {
        let at = self.elapsed();
        let Some(waiting) = self.waiting.get_mut(&chat) else { return };
        let found = match reply_to {
            Some(id) => waiting.iter().position(|(message, ..)| *message == id),
            None => (!waiting.is_empty()).then_some(0),
        };
        if let Some((_, update_id, since)) = found.and_then(|found| waiting.remove(found)) {
            let waited = at.saturating_sub(since);
            self.ended.insert((chat, message), (self.latencies.len(), since));
            self.latencies.push(Latency { chat, update_id, first: waited, last: waited });
        }
    }

    /// A message of the bot was edited.
    pub(super) fn edited(&mut self, chat: i64, message: i64) {
        let at = self.elapsed();
        if let Some((index, since)) = self.ended.get(&(chat, message)) {
            self.latencies[*index].last = at.saturating_sub(*since);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the fake measures how long the product takes")]
fn now() -> Instant {
    Instant::now()
}
