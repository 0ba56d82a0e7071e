//! What the fake knows: messages, envelopes, calls, files, and the faults that are due.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};

use super::BOT_USER;
use super::fault::{ApiFault, LinkFault};

/// A call of the Web API.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiCall {
    /// Its method, such as `chat.postMessage`.
    pub method: String,
    /// Its arguments, from JSON, form or query alike.
    pub arguments: Value,
    /// Since the start of the server.
    pub at: Duration,
}

/// A message as it stands in a channel now.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Its channel.
    pub channel: String,
    /// Its id.
    pub ts: String,
    /// The root of its thread.
    pub thread_ts: Option<String>,
    /// Its author.
    pub user: String,
    /// Its text, in Slack's markup.
    pub text: String,
    /// Its blocks, where it has any.
    pub blocks: Vec<Value>,
    /// Its metadata.
    pub metadata: Option<Value>,
    /// Files shared with it.
    pub files: Vec<Value>,
    /// All texts that it had before, oldest first.
    pub earlier: Vec<String>,
}

/// Where an envelope stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    Waiting,
    Sent { socket: u64 },
    Acked,
    GivenUp,
}

#[derive(Debug, Clone)]
pub(super) struct Envelope {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) payload: Value,
    pub(super) attempt: u32,
    pub(super) reason: &'static str,
    pub(super) stage: Stage,
    /// When it was sent last and when it was acknowledged first, since the start.
    pub(super) sent_at: Option<Duration>,
    pub(super) acked_at: Option<Duration>,
}

/// A file that can be downloaded, or that is being uploaded.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) name: String,
    pub(super) mime: String,
    pub(super) bytes: Vec<u8>,
    /// Whether an upload was completed, or somebody shared it.
    pub(super) shared: bool,
}

/// Everything that happened so far. Tests look at it through [`FakeSlack::read`](super::FakeSlack::read).
#[derive(Debug, Default)]
pub struct World {
    pub(super) messages: Vec<Shown>,
    pub(super) envelopes: Vec<Envelope>,
    pub(super) calls: Vec<ApiCall>,
    pub(super) acks: Vec<String>,
    pub(super) faults: BTreeMap<String, VecDeque<ApiFault>>,
    pub(super) link_faults: VecDeque<LinkFault>,
    pub(super) tickets: BTreeSet<String>,
    pub(super) files: BTreeMap<String, Stored>,
    pub(super) reactions: BTreeSet<(String, String, String)>,
    pub(super) downloads: Vec<(String, bool)>,
    pub(super) login_page: bool,
    pub(super) files_held: bool,
    pub(super) sockets: BTreeSet<u64>,
    pub(super) opened: u64,
    pub(super) pings: usize,
    pub(super) numbers: u64,
    pub(super) last_ts: u64,
}

impl World {
    /// The messages of a channel, in order, threads included.
    #[must_use]
    pub fn shown(&self, channel: &str) -> Vec<Shown> {
        self.messages.iter().filter(|message| message.channel == channel).cloned().collect()
    }

    /// The messages of the bot in a channel, in order.
    #[must_use]
    pub fn answers(&self, channel: &str) -> Vec<Shown> {
        self.shown(channel).into_iter().filter(|message| message.user == BOT_USER).collect()
    }

    /// The calls of one method, in order; failed ones too.
    #[must_use]
    pub fn calls(&self, method: &str) -> Vec<ApiCall> {
        self.calls.iter().filter(|call| call.method == method).cloned().collect()
    }

    /// Ids of acknowledged envelopes, in the order of the acknowledgements, repetitions included.
    #[must_use]
    pub fn acks(&self) -> &[String] {
        &self.acks
    }

    /// Whether this envelope has been acknowledged.
    #[must_use]
    pub fn acked(&self, envelope: &str) -> bool {
        self.acks.iter().any(|id| id == envelope)
    }

    /// How long the first acknowledgement took, counted from the last delivery before it.
    #[must_use]
    pub fn ack_took(&self, envelope: &str) -> Option<Duration> {
        let found = self.envelopes.iter().find(|known| known.id == envelope)?;
        Some(found.acked_at?.saturating_sub(found.sent_at?))
    }

    /// How many deliveries of this envelope were repetitions.
    #[must_use]
    pub fn redeliveries(&self, envelope: &str) -> u32 {
        self.envelopes.iter().find(|known| known.id == envelope).map_or(0, |known| known.attempt)
    }

    /// Envelopes that were given up after their last repetition: a real Slack would have lost them.
    #[must_use]
    pub fn given_up(&self) -> Vec<String> {
        let lost = self.envelopes.iter().filter(|known| known.stage == Stage::GivenUp);
        lost.map(|known| known.id.clone()).collect()
    }

    /// Sockets that are open now.
    #[must_use]
    pub fn sockets(&self) -> usize {
        self.sockets.len()
    }

    /// Sockets that were ever opened.
    #[must_use]
    pub fn sockets_opened(&self) -> u64 {
        self.opened
    }

    /// Pings that came from clients.
    #[must_use]
    pub fn pings(&self) -> usize {
        self.pings
    }

    /// Reactions that stand now: channel, message, name.
    #[must_use]
    pub fn reactions(&self) -> Vec<(String, String, String)> {
        self.reactions.iter().cloned().collect()
    }

    /// Downloads so far: the file, and whether the token came with it.
    #[must_use]
    pub fn downloads(&self) -> &[(String, bool)] {
        &self.downloads
    }

    /// The bytes of a file that somebody uploaded or shared.
    #[must_use]
    pub fn file(&self, id: &str) -> Option<(String, Vec<u8>)> {
        let file = self.files.get(id).filter(|file| file.shared)?;
        Some((file.name.clone(), file.bytes.clone()))
    }

    /// A number that was never given out before.
    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// A message id: later than all before it, and not before `now` (microseconds since 1970).
    pub(super) fn ts(&mut self, now: u64) -> String {
        self.last_ts = now.max(self.last_ts + 1);
        format!("{}.{:06}", self.last_ts / 1_000_000, self.last_ts % 1_000_000)
    }

    pub(super) fn enqueue(&mut self, kind: &str, payload: Value) -> String {
        let id = format!("env-{}", self.number());
        self.envelopes.push(Envelope {
            id: id.clone(),
            kind: kind.to_owned(),
            payload,
            attempt: 0,
            reason: "",
            stage: Stage::Waiting,
            sent_at: None,
            acked_at: None,
        });
        id
    }

    /// The next envelope for this socket, as its frame.
    pub(super) fn next(&mut self, socket: u64, now: Duration) -> Option<(String, String)> {
        let envelope = self.envelopes.iter_mut().find(|known| known.stage == Stage::Waiting)?;
        envelope.stage = Stage::Sent { socket };
        envelope.sent_at = Some(now);
        let frame = json!({
            "envelope_id": envelope.id, "type": envelope.kind, "payload": envelope.payload,
            "accepts_response_payload": envelope.kind != "events_api",
            "retry_attempt": envelope.attempt, "retry_reason": envelope.reason,
        });
        Some((envelope.id.clone(), frame.to_string()))
    }

    pub(super) fn acknowledge(&mut self, id: &str, now: Duration) {
        self.acks.push(id.to_owned());
        if let Some(envelope) = self.envelopes.iter_mut().find(|known| known.id == id) {
            envelope.stage = Stage::Acked;
            envelope.acked_at.get_or_insert(now);
        }
    }

    /// Queues an envelope once more that was not acknowledged; after three repetitions it is given up.
    pub(super) fn retry(&mut self, id: &str, reason: &'static str) {
        let Some(envelope) = self.envelopes.iter_mut().find(|known| known.id == id) else { return };
        if !matches!(envelope.stage, Stage::Sent { .. }) {
            return;
        }
        envelope.stage = if envelope.attempt < 3 { Stage::Waiting } else { Stage::GivenUp };
        envelope.attempt = (envelope.attempt + 1).min(3);
        envelope.reason = reason;
    }

    /// What was under way on a socket that is gone goes out again.
    pub(super) fn socket_gone(&mut self, socket: u64) {
        self.sockets.remove(&socket);
        let here = |known: &&Envelope| known.stage == Stage::Sent { socket };
        let ids: Vec<String> = self.envelopes.iter().filter(here).map(|known| known.id.clone()).collect();
        for id in ids {
            self.retry(&id, "socket_closed");
        }
    }

    pub(super) fn message(&mut self, channel: &str, ts: &str) -> Option<&mut Shown> {
        self.messages.iter_mut().find(|message| message.channel == channel && message.ts == ts)
    }
}
