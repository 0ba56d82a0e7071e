//! What a configuration may say.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use agent_core::{Autonomy, BudgetConfig, RetryPolicy, Verify, turn::Limits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use session_api::Effort;
use tools::ToolsConfig;

use super::{
    AgentsSection, AudioSection, BreakerSection, ChannelSection, CompactionSection, GatewaySection,
    HeartbeatSection, HttpSection, KeyPath, MemorySection, Origin, PresetSection, PriceSection, RateSection,
    RoutingSection, SecretRef, SpendingSection, ToolsSection, schema, show, sources::Sources,
};

/// The whole configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How the assistant works.
    pub agent: AgentSection,
    /// Agents that a turn starts.
    pub agents: AgentsSection,
    /// The language models' servers, by a name of your own.
    pub providers: BTreeMap<String, ProviderSection>,
    /// Models under names of their own, for `agent.model`, `--preset` and `/model`.
    pub presets: BTreeMap<String, PresetSection>,
    /// Who answers where nobody chose a model.
    pub routing: RoutingSection,
    /// When the older part of a conversation is summarised.
    pub compaction: CompactionSection,
    /// How much money may be spent.
    pub spending: SpendingSection,
    /// The chat platforms, by their kind.
    pub channels: BTreeMap<String, ChannelSection>,
    /// How the gateway works.
    pub gateway: GatewaySection,
    /// Looking after things unasked.
    pub heartbeat: HeartbeatSection,
    /// What is remembered beyond a conversation.
    pub memory: MemorySection,
    /// The HTTP server of the gateway.
    pub http: HttpSection,
    /// How voice notes become text.
    pub transcription: AudioSection,
    /// What the assistant says aloud, through a server that speaks the same API as the one of `OpenAI`.
    pub speech: AudioSection,
    /// How data is kept.
    pub storage: StorageSection,
    /// What the built-in tools may do.
    pub tools: ToolsConfig,
    /// What is logged, and how.
    pub log: LogConfig,
    /// Where each value came from, and what must never be shown.
    #[serde(skip)]
    pub(crate) sources: Sources,
}

impl Config {
    /// What the assistant does by itself.
    pub(crate) fn autonomy(&self) -> Autonomy {
        self.agents.autonomy(self.agent.self_report_every)
    }

    /// Sets what is different for a gateway: its log says from the level `info` on what happens, unless somebody set
    /// another one. Nobody sits before a screen.
    pub(crate) fn fit_gateway(&mut self) {
        if self.origin("log.level") == Origin::Default {
            self.log.level = "info".into();
        }
    }

    /// The sections that a running gateway keeps as they are here, and that say something else in `new`.
    pub(crate) fn kept_until_next_start(&self, new: &Self) -> Vec<String> {
        let sections = [
            ("gateway", self.gateway == new.gateway),
            ("http", self.http == new.http),
            ("storage", self.storage == new.storage),
            ("log", self.log == new.log),
            ("memory", self.memory == new.memory),
        ];
        sections.into_iter().filter(|(_, same)| !same).map(|(name, _)| name.to_owned()).collect()
    }

    /// The directory that the file tools work in. `home` is the data directory, where a relative path starts.
    #[must_use]
    pub fn workspace(&self, home: &Path) -> PathBuf {
        match &self.agent.workspace {
            Some(path) => home.join(path),
            None => home.join("workspace"),
        }
    }
}

/// How the assistant works.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AgentSection {
    /// The model that answers: `NAME/MODEL`, `NAME` for the first model that provider lists, or a preset. Without it the
    /// first provider here by name, then a key in the environment, a server on this machine, and the offline provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub model: Option<String>,
    /// Models that are asked, in this order, when the one that was asked cannot answer.
    pub fallback: Vec<String>,
    /// The model that `/local` switches a conversation to: one on your own machine, say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub local: Option<String>,
    /// How hard models think before they answer: `off`, `low`, `medium` or `high`. Without it as each provider is set up;
    /// `/think` changes it for a conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::effort")]
    pub effort: Option<Effort>,
    /// The directory that the file tools work in; a relative path starts in the data directory. Without it
    /// `workspace` in the data directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace: Option<PathBuf>,
    /// How long a question for permission stays open before it counts as denied, in minutes.
    #[schemars(range(min = 1, max = 1440))]
    pub approval_minutes: u32,
    /// Names of tools that ask for permission before each call.
    pub ask: Vec<String>,
    /// `flag` names behind an answer the files, addresses and tools that it cites and no tool call had to do with.
    pub verify: VerifyMode,
    /// How far one turn may go.
    #[schemars(schema_with = "schema::limits")]
    pub limits: Limits,
    /// How much room each thing has in a request to the model.
    #[schemars(schema_with = "schema::budget")]
    pub budget: BudgetConfig,
    /// How often a failed model call is tried again.
    #[schemars(schema_with = "schema::retry")]
    pub retry: RetryPolicy,
    /// When a server that fails is left alone for a while.
    pub breaker: BreakerSection,
    /// After so many model calls of a turn the model is told in a line how far it is; 0: never.
    #[schemars(range(min = 0, max = 1000))]
    pub self_report_every: u32,
}

impl Default for AgentSection {
    fn default() -> Self {
        Self {
            model: None,
            fallback: Vec::new(),
            local: None,
            effort: None,
            workspace: None,
            approval_minutes: 10,
            ask: Vec::new(),
            verify: VerifyMode::Off,
            limits: Limits::default(),
            budget: BudgetConfig::default(),
            retry: RetryPolicy::default(),
            breaker: BreakerSection::default(),
            self_report_every: Autonomy::default().self_report_every,
        }
    }
}

/// Whether answers are held against what was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VerifyMode {
    /// They are not.
    #[default]
    Off,
    /// What no tool call had to do with is named.
    Flag,
}

impl From<VerifyMode> for Verify {
    fn from(mode: VerifyMode) -> Self {
        match mode {
            VerifyMode::Off => Self::Off,
            VerifyMode::Flag => Self::Flag,
        }
    }
}

/// A language model's server. All other keys than these belong to the adapter of its kind, which checks them.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct ProviderSection {
    /// Which adapter speaks to it: `openai` for all servers with an OpenAI-compatible chat API, `openai-responses`,
    /// `anthropic`, or `offline` for none.
    pub kind: String,
    /// Its key. Without it the variable `NAME_API_KEY` of the environment, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretRef>,
    /// How fast it may be asked.
    #[serde(default)]
    pub rate: RateSection,
    /// What its models cost. Without it what is known of the vendor at its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceSection>,
    /// The most tokens that its models take, the reply included: what a conversation may hold is made out by it. Without it
    /// what is known of the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 256, max = 100_000_000))]
    pub context: Option<u32>,
    /// How its models call tools.
    #[serde(default)]
    pub tools: ToolsSection,
    /// Whether its server loads a model when it is asked for (LM Studio, Ollama): it is then asked one thing after the
    /// other, and for a single token first until the model is loaded.
    #[serde(default)]
    pub just_in_time: bool,
    #[serde(flatten, serialize_with = "hidden")]
    pub(super) table: Map<String, Value>,
}

impl ProviderSection {
    /// The adapter's keys, as they were written: secrets among them are still references.
    #[must_use]
    pub fn table(&self) -> Value {
        Value::Object(self.table.clone())
    }
}

impl fmt::Debug for ProviderSection {
    /// Without the values of the adapter's keys, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&String> = self.table.keys().collect();
        f.debug_struct("ProviderSection")
            .field("kind", &self.kind)
            .field("api_key", &self.api_key)
            .field("keys", &keys)
            .finish()
    }
}

/// An adapter's keys for whoever looks at a configuration: secrets among them as references or `***`.
pub(super) fn hidden<S: Serializer>(table: &Map<String, Value>, serializer: S) -> Result<S::Ok, S::Error> {
    let place = KeyPath::parse("providers.NAME");
    let shown = table.iter().map(|(name, value)| (name, show::mask(value, &place.child(name.as_str()))));
    serializer.collect_map(shown)
}

/// How data is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StorageSection {
    /// What accepted messages survive: `power` a power cut, at the cost of waiting for the disk; `process` only a
    /// killed process.
    pub durability: Durability,
}

/// What accepted data survives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// A power cut.
    #[default]
    Power,
    /// A killed process; a power cut may take the last second.
    Process,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// `off`, `error`, `warn`, `info`, `debug` or `trace`, or levels for parts of the program:
    /// `warn,agent_core=debug`.
    #[schemars(length(min = 1))]
    pub level: String,
    /// How a line looks: `logfmt` and `json` for programs, `pretty` for people.
    pub format: LogFormat,
    /// The file to append to; a relative path starts in `logs` of the data directory. Without it, standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "warn".to_owned(), format: LogFormat::Logfmt, file: None }
    }
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// `key=value` pairs.
    #[default]
    Logfmt,
    /// One JSON object.
    Json,
    /// For people.
    Pretty,
}
