//! What a configuration may say about the gateway: channels, HTTP, transcription.

use std::{collections::BTreeMap, fmt, time::Duration};

use agent_core::{ChannelRules, GroupPolicy, InletPolicy, gateway::ChannelPolicy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use session_api::{OnDoubt, Route, SessionKey, WhenBusy};

use super::{SecretRef, sections::hidden};

/// How the gateway works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GatewaySection {
    /// Most turns at the same time, over all chats.
    #[schemars(range(min = 1, max = 1000))]
    pub max_concurrent_turns: u32,
    /// How long an accepted message may wait before its sender is told that nobody worked on it, in minutes.
    #[schemars(range(min = 1, max = 1440))]
    pub deadline_minutes: u32,
    /// How long running turns may go on after the end was asked for, in seconds; what is left is resumed by the next
    /// start.
    #[schemars(range(min = 0, max = 300))]
    pub grace_seconds: u32,
    /// The chat where the owner is told what belongs to no other chat: `KIND:CHAT`, as in `telegram:123456`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub notify: Option<String>,
}

impl Default for GatewaySection {
    fn default() -> Self {
        Self { max_concurrent_turns: 16, deadline_minutes: 30, grace_seconds: 10, notify: None }
    }
}

impl GatewaySection {
    /// The route behind `notify`; `None` where it is not set or no chat. The account is the channel's own.
    #[must_use]
    pub fn notify_route(&self) -> Option<Route> {
        chat_route(self.notify.as_deref())
    }
}

/// At a set pace the assistant looks into `HEARTBEAT.md` of the workspace, and asks its model only where something is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HeartbeatSection {
    /// Whether the gateway does that.
    pub enabled: bool,
    /// How often, in minutes.
    #[schemars(range(min = 1, max = 1440))]
    pub every_minutes: u32,
    /// Hours without a beat, by your time zone, as in `22:00-07:00`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub quiet_hours: Option<String>,
    /// The model of the beats, as `PROVIDER/MODEL`. Without it, the usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub model: Option<String>,
    /// The chat where it speaks: `KIND:CHAT`. Without it, that of `gateway.notify`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub to: Option<String>,
    /// Commands by name for lines that end with `(if NAME)`: such a line counts when its command ends with 0 within ten
    /// seconds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, String>,
}

impl Default for HeartbeatSection {
    fn default() -> Self {
        Self {
            enabled: false,
            every_minutes: 30,
            quiet_hours: None,
            model: None,
            to: None,
            checks: BTreeMap::new(),
        }
    }
}

/// The route of `KIND:CHAT`. The account is the channel's own.
fn chat_route(text: Option<&str>) -> Option<Route> {
    let (channel, chat) = text?.split_once(':')?;
    let named = !channel.trim().is_empty() && !chat.trim().is_empty();
    named.then(|| Route::to_session(&SessionKey::new(channel.trim(), "", chat.trim())))
}

impl HeartbeatSection {
    /// The route behind `to`; `None` where it is not set or no chat.
    #[must_use]
    pub fn route(&self) -> Option<Route> {
        chat_route(self.to.as_deref())
    }
}

/// When the assistant listens in groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Groups {
    /// When it is mentioned, replied to, or given a command.
    #[default]
    Mention,
    /// To every message of those who may speak.
    Open,
    /// Never.
    Off,
}

/// What a message does while its chat's turn runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Busy {
    /// It joins the turn at the next tool call.
    #[default]
    Steer,
    /// It waits for the next turn.
    Queue,
    /// It stops the turn and starts the next one.
    Interrupt,
}

/// What becomes of a part that was being sent when the process died.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Doubt {
    /// Where the platform cannot tell whether it has it, it is sent once more.
    #[default]
    ResendOnce,
    /// Where the platform cannot tell, it is not sent again, and the owner is told.
    NeverAndTell,
}

/// A chat platform. All further keys belong to the adapter of its kind, which checks them.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ChannelSection {
    /// Whether the assistant listens there.
    pub enabled: bool,
    /// Stable ids of the owner's accounts. Nobody is let in by default; `*` lets everybody in, as guests.
    pub allow: Vec<String>,
    /// Stable ids of members: they may speak, and own nothing.
    pub members: Vec<String>,
    /// When it listens in groups.
    pub groups: Groups,
    /// Whether a stranger who writes directly is told a pairing code. Without it, what the platform suggests: yes for
    /// chats, no for email.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pairing: Option<bool>,
    /// How long to wait for more messages of the same chat before a turn starts, in milliseconds. Messages that wait
    /// already are always taken together.
    #[schemars(range(min = 0, max = 60000))]
    pub coalesce_ms: u32,
    /// What a message does while its chat's turn runs.
    pub busy: Busy,
    /// Whether an answer is shown while it is written, where the platform can change what was sent.
    pub live: bool,
    /// What becomes of a part that was being sent when the process died.
    pub on_doubt: Doubt,
    /// Most megabytes of one file that is taken in.
    #[schemars(range(min = 0, max = 2000))]
    pub media_mb: u32,
    #[serde(flatten, serialize_with = "hidden")]
    pub(super) table: Map<String, Value>,
}

impl Default for ChannelSection {
    fn default() -> Self {
        Self {
            enabled: false,
            allow: Vec::new(),
            members: Vec::new(),
            groups: Groups::default(),
            pairing: None,
            coalesce_ms: 0,
            busy: Busy::default(),
            live: true,
            on_doubt: Doubt::default(),
            media_mb: 20,
            table: Map::new(),
        }
    }
}

impl ChannelSection {
    /// The keys that every channel has; the others are the adapter's.
    pub(crate) const COMMON: [&str; 10] = [
        "enabled",
        "allow",
        "members",
        "groups",
        "pairing",
        "coalesce_ms",
        "busy",
        "live",
        "on_doubt",
        "media_mb",
    ];

    /// The adapter's keys, as they were written: secrets among them are still references.
    #[must_use]
    pub fn table(&self) -> Value {
        Value::Object(self.table.clone())
    }

    /// How messages of the channel are treated.
    #[must_use]
    pub fn policy(&self) -> ChannelPolicy {
        let busy = match self.busy {
            Busy::Steer => WhenBusy::Steer,
            Busy::Queue => WhenBusy::Queue,
            Busy::Interrupt => WhenBusy::Interrupt,
        };
        let on_doubt = match self.on_doubt {
            Doubt::ResendOnce => OnDoubt::ResendOnce,
            Doubt::NeverAndTell => OnDoubt::NeverAndTell,
        };
        let coalesce = Some(Duration::from_millis(u64::from(self.coalesce_ms)));
        let inlet = InletPolicy { coalesce, busy, media_limit: u64::from(self.media_mb) << 20 };
        ChannelPolicy { inlet, on_doubt, live: self.live }
    }

    /// Who may speak on the channel. `pairs`: what the platform suggests about pairing.
    #[must_use]
    pub fn rules(&self, pairs: bool) -> ChannelRules {
        let groups = match self.groups {
            Groups::Mention => GroupPolicy::Mention,
            Groups::Open => GroupPolicy::Open,
            Groups::Off => GroupPolicy::Off,
        };
        let pairing = self.pairing.unwrap_or(pairs);
        ChannelRules { allow: self.allow.clone(), members: self.members.clone(), groups, pairing }
    }
}

impl fmt::Debug for ChannelSection {
    /// Without the values of the adapter's keys, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&String> = self.table.keys().collect();
        f.debug_struct("ChannelSection").field("enabled", &self.enabled).field("keys", &keys).finish()
    }
}

/// The HTTP server of the gateway: health, metrics, webhooks, WebSocket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSection {
    /// Whether the gateway serves HTTP.
    pub enabled: bool,
    /// The address and port to listen on. A public address needs a token.
    pub bind: String,
    /// What callers must present. Without it, one is made at the first start and kept in `run/http.token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<SecretRef>,
    /// Further names under which browsers and proxies may call it, besides its address and `localhost`.
    pub hosts: Vec<String>,
    /// Origins of web pages elsewhere that may use it, as in `https://chat.example.org`; its own pages always may.
    pub origins: Vec<String>,
}

impl Default for HttpSection {
    fn default() -> Self {
        Self {
            enabled: true,
            bind: "127.0.0.1:8700".into(),
            token: None,
            hosts: Vec::new(),
            origins: Vec::new(),
        }
    }
}

/// A server that turns speech into text or text into speech. All other keys than these belong to its adapter, which checks
/// them.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AudioSection {
    /// Whether it is asked.
    pub enabled: bool,
    /// The server's key. Without it the variable `OPENAI_API_KEY` of the environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretRef>,
    #[serde(flatten, serialize_with = "hidden")]
    pub(super) table: Map<String, Value>,
}

impl AudioSection {
    /// The adapter's keys.
    #[must_use]
    pub fn table(&self) -> Value {
        Value::Object(self.table.clone())
    }
}

impl fmt::Debug for AudioSection {
    /// Without the values of the adapter's keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&String> = self.table.keys().collect();
        f.debug_struct("AudioSection").field("enabled", &self.enabled).field("keys", &keys).finish()
    }
}
