//! Which tools there are, and what they may.

use std::{collections::BTreeMap, sync::Arc};

use ::schedule::Zones;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use session_api::{BlobStore, IdSource, JobStore, KvStore, MemoryIndex, SessionStore};
use tool_api::{Tool, Typed, TypedTool};

use crate::{
    Agents, CalculateExpression, ChatMemory, CurrentDatetime, EditFile, Exec, ExecConfig, Glob, GoalProgress,
    Grep, KvMemory, ListDir, MemoryAppend, MemoryRead, MemoryReplaceSection, Message, MessageConfig,
    ReadFile, ReadResult, Recall, Sessions, WorkingMemory, Workspace, WriteFile, exec,
    message::Allowed,
    schedule::{
        CancelScheduledPrompt, DeleteScheduledPrompt, ListScheduledPrompts, SchedulePrompt, Scheduling,
    },
};

/// Least and most bytes that one result of `read_file` or `grep` may have.
const READ_RANGE: std::ops::RangeInclusive<usize> = 1_000..=4_000_000;
/// Most seconds that a command may be allowed.
const MAX_TIMEOUT: u64 = 24 * 3600;
/// Least and most bytes of a file that `message` may be allowed to send.
const SENT_RANGE: std::ops::RangeInclusive<u64> = 1_000..=64 << 20;
/// Most bytes of output that may be kept.
const MAX_OUTPUT: usize = 16 << 20;

/// `[tools]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ToolsConfig {
    /// Commands in the workspace.
    pub exec: ExecConfig,
    /// Messages before the answer, and to other chats.
    pub message: MessageConfig,
    /// Prompts at later times.
    pub schedule: ScheduleConfig,
    /// Other names of tools, each with the tool that it means: what a model calls a thing by habit.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub aliases: BTreeMap<String, String>,
    /// Which tools are not on offer where.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub scopes: BTreeMap<String, ScopeConfig>,
    /// What happens to calls that text from outside must not talk a model into, in a turn that has read such text: `ask`
    /// the owner, or `off`.
    pub taint: Taint,
    /// Most bytes of file text in one result of `read_file` and `grep`.
    pub max_read_bytes: usize,
    /// The user's time zone by its IANA name, such as `Europe/Berlin`. Without it, that of this machine.
    pub timezone: Option<String>,
}

impl Default for ToolsConfig {
    fn default() -> Self {
        Self {
            exec: ExecConfig::default(),
            message: MessageConfig::default(),
            schedule: ScheduleConfig::default(),
            aliases: BTreeMap::new(),
            scopes: BTreeMap::new(),
            taint: Taint::Ask,
            max_read_bytes: 64 << 10,
            timezone: None,
        }
    }
}

/// What happens to calls with a [`Risk`](tool_api::Risk) in a turn that has read text from outside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Taint {
    /// The owner is asked.
    #[default]
    Ask,
    /// They run like any other.
    Off,
}

/// `[tools.scopes.NAME]`: takes tools away wherever all of `channels`, `ranks`, `phases` and `profiles` hold that
/// it names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScopeConfig {
    /// The channels on which it holds, such as `telegram` or `cron`; none: all.
    pub channels: Vec<String>,
    /// For whom it holds, by the lowest rank of those who speak: `owner`, `member`, `guest`; none: everybody.
    pub ranks: Vec<Rank>,
    /// What a run is for: `chat`, `subagent`, `heartbeat`; none: anything.
    pub phases: Vec<Phase>,
    /// The profiles of agents for which it holds; none: everybody, agents or not.
    pub profiles: Vec<String>,
    /// The only tools that stay; `*` at the end stands for the rest of a name. Without it, all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<String>>,
    /// Tools that are taken away.
    pub without: Vec<String>,
}

/// A rank of a speaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Rank {
    /// You.
    Owner,
    /// One of your people.
    Member,
    /// Anybody who may talk.
    Guest,
}

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Answering somebody.
    Chat,
    /// The work of a subagent.
    Subagent,
    /// A beat of the heart.
    Heartbeat,
}

/// `[tools.schedule]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleConfig {
    /// Whether the tools are offered with which the model schedules prompts.
    pub enabled: bool,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// What the tools work on.
#[derive(Clone)]
pub struct Deps {
    /// The files.
    pub workspace: Workspace,
    /// Notes; only read. Changes are returned as writes.
    pub kv: Arc<dyn KvStore>,
    /// Results that were too long to be given whole, and files that are sent.
    pub blobs: Arc<dyn BlobStore>,
    /// Ids of messages and jobs.
    pub ids: Arc<dyn IdSource>,
    /// Scheduled jobs; only read. Changes are returned as writes.
    pub jobs: Arc<dyn JobStore>,
    /// What was said and noted.
    pub memory: Arc<dyn MemoryIndex>,
    /// Histories; only read. Changes are returned as writes.
    pub sessions: Arc<dyn SessionStore>,
    /// The time zones that jobs know.
    pub zones: Zones,
    /// What the tools stand on that start agents; `None`: they are not offered.
    pub agents: Option<Agents>,
}

/// The configuration makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToolsError {
    /// `exec` is on without its danger written out.
    #[error(
        "tools.exec.enabled needs tools.exec.sandbox = \"none\": commands run with all rights of this program until \
         the sandbox is there, which comes later (found: {found})"
    )]
    Sandbox {
        /// What stands in its place.
        found: String,
    },
    /// A value is out of bounds.
    #[error("{key}: {reason}")]
    Value {
        /// The key, from the top of the file.
        key: &'static str,
        /// What is wrong.
        reason: String,
    },
}

/// All tools that `config` offers. A tool that is off is not among them.
///
/// # Errors
/// The first thing in `config` that makes no sense.
pub fn register(config: &ToolsConfig, deps: Deps) -> Result<Vec<Arc<dyn Tool>>, ToolsError> {
    let Deps { workspace, kv, blobs, ids, jobs, memory, sessions, zones, agents } = deps;
    let wrong = |key, reason: String| Err(ToolsError::Value { key, reason });
    if !READ_RANGE.contains(&config.max_read_bytes) {
        let (least, most) = READ_RANGE.into_inner();
        return wrong("tools.max_read_bytes", format!("must be between {least} and {most}"));
    }
    let max_bytes = config.max_read_bytes;
    let clock = CurrentDatetime::new(config.timezone.as_deref())
        .map_err(|reason| ToolsError::Value { key: "tools.timezone", reason })?;
    let mut tools = vec![
        tool(CalculateExpression),
        tool(clock),
        tool(EditFile { workspace: workspace.clone() }),
        tool(Glob { workspace: workspace.clone() }),
        tool(Grep { workspace: workspace.clone(), max_bytes }),
        tool(GoalProgress { jobs: jobs.clone(), kv: kv.clone() }),
        tool(KvMemory { kv: kv.clone() }),
        tool(ListDir { workspace: workspace.clone() }),
        tool(MemoryAppend { workspace: workspace.clone(), zones: zones.clone() }),
        tool(MemoryRead { workspace: workspace.clone(), zones: zones.clone() }),
        tool(MemoryReplaceSection { workspace: workspace.clone(), zones: zones.clone() }),
        tool(ReadFile { workspace: workspace.clone(), max_bytes }),
        tool(ReadResult { blobs: blobs.clone() }),
        tool(Recall { memory: memory.clone(), sessions: sessions.clone() }),
        tool(ChatMemory { sessions: sessions.clone() }),
        tool(Sessions { sessions, memory }),
        tool(WorkingMemory { kv: kv.clone() }),
        tool(WriteFile { workspace: workspace.clone() }),
    ];
    let message = &config.message;
    // Read also where the tool is off, so that a mistake does not wait for the day it is turned on.
    let allowed = Allowed::parse(&message.allow)
        .map_err(|reason| ToolsError::Value { key: "tools.message.allow", reason })?;
    if !SENT_RANGE.contains(&message.max_file_bytes) {
        let (least, most) = SENT_RANGE.into_inner();
        return wrong("tools.message.max_file_bytes", format!("must be between {least} and {most}"));
    }
    if message.enabled {
        tools.push(tool(Message::new(message, allowed, workspace.clone(), blobs, ids.clone())));
    }
    if config.schedule.enabled {
        let scheduling = Scheduling { jobs, ids, zones };
        tools.push(tool(SchedulePrompt(scheduling.clone())));
        tools.push(tool(ListScheduledPrompts(scheduling.clone())));
        tools.push(tool(CancelScheduledPrompt(scheduling.clone())));
        tools.push(tool(DeleteScheduledPrompt(scheduling)));
    }
    if let Some(agents) = agents {
        tools.extend(agents.tools());
    }
    let exec = &config.exec;
    if exec.enabled {
        if exec.sandbox.as_deref() != Some("none") {
            let found =
                exec.sandbox.as_ref().map_or_else(|| "nothing".to_owned(), |mode| format!("{mode:?}"));
            return Err(ToolsError::Sandbox { found });
        }
        if !(1..=MAX_TIMEOUT).contains(&exec.timeout_seconds) {
            return wrong("tools.exec.timeout_seconds", format!("must be between 1 and {MAX_TIMEOUT}"));
        }
        if exec.max_output_bytes > MAX_OUTPUT {
            return wrong("tools.exec.max_output_bytes", format!("must be at most {MAX_OUTPUT}"));
        }
        if let Some(name) = exec.env_allow.iter().find(|name| !exec::is_name(name)) {
            return wrong("tools.exec.env_allow", format!("{name:?} is not the name of a variable"));
        }
        tools.push(tool(Exec::new(workspace, exec)));
    }
    Ok(tools)
}

fn tool<T: TypedTool + 'static>(tool: T) -> Arc<dyn Tool> {
    Arc::new(Typed::new(tool))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Place, Store};

    fn make(place: &Place, toml: &str) -> Result<Vec<Arc<dyn Tool>>, String> {
        let config: ToolsConfig = toml::from_str(toml).map_err(|error| error.to_string())?;
        let store = Arc::new(Store::default());
        let ids = Arc::new(session_api::SequentialIds::default());
        let clock = Arc::new(session_api::ManualClock::default());
        let memory =
            session_api::InMemoryStore::new(clock.clone(), ids.clone(), session_api::LeasePolicy::default());
        let (memory, zones) = (Arc::new(memory), Zones::utc());
        let workspace = place.workspace();
        let agents = Some(Agents {
            stores: session_api::Stores::of(memory.clone()),
            clock,
            ids: ids.clone(),
            workspace: workspace.clone(),
            limits: subagents::AgentLimits::default(),
            known: Arc::default(),
        });
        let deps = Deps {
            workspace,
            kv: store.clone(),
            blobs: store,
            ids,
            jobs: memory.clone(),
            memory: memory.clone(),
            sessions: memory,
            zones,
            agents,
        };
        register(&config, deps).map_err(|error| error.to_string())
    }

    #[test]
    fn exec_is_off_unless_its_danger_is_written_out() {
        let place = Place::new();
        let offered = |toml: &str| {
            make(&place, toml).map(|tools| tools.iter().any(|tool| tool.spec().name == "exec")).map_err(drop)
        };
        assert_eq!(offered(""), Ok(false));
        assert_eq!(offered("[exec]\nsandbox = \"none\""), Ok(false));
        assert_eq!(offered("[exec]\nenabled = true\nsandbox = \"none\""), Ok(true));
        for toml in ["[exec]\nenabled = true", "[exec]\nenabled = true\nsandbox = \"landlock\""] {
            let error = make(&place, toml).err().unwrap();
            assert!(error.contains("comes later"), "{error}");
        }
    }

    #[test]
    fn message_and_schedule_are_on_unless_turned_off() {
        let place = Place::new();
        for (section, name) in [("message", "message"), ("schedule", "schedule_prompt")] {
            for (toml, offered) in [(String::new(), true), (format!("[{section}]\nenabled = false"), false)] {
                let tools = make(&place, &toml).unwrap();
                assert_eq!(tools.iter().any(|tool| tool.spec().name == name), offered, "{toml}");
            }
        }
    }

    #[test]
    fn values_without_sense_are_named() {
        let place = Place::new();
        let table = [
            ("max_read_bytes = 1", "tools.max_read_bytes"),
            ("timezone = \"Nowhere\"", "tools.timezone"),
            ("[exec]\nenabled = true\nsandbox = \"none\"\ntimeout_seconds = 0", "tools.exec.timeout_seconds"),
            (
                "[exec]\nenabled = true\nsandbox = \"none\"\nmax_output_bytes = 99999999",
                "tools.exec.max_output_bytes",
            ),
            ("[exec]\nenabled = true\nsandbox = \"none\"\nenv_allow = [\"A=B\"]", "tools.exec.env_allow"),
            ("[message]\nallow = [\"telegram\"]", "tools.message.allow"),
            ("[message]\nenabled = false\nmax_file_bytes = 1", "tools.message.max_file_bytes"),
            ("[message]\nunknown = 1", "unknown field"),
            ("unknown = 1", "unknown field"),
            ("[exec]\nunknown = 1", "unknown field"),
        ];
        for (toml, expected) in table {
            let error = make(&place, toml).err().unwrap();
            assert!(error.contains(expected), "{toml}: {error}");
        }
    }

    #[test]
    fn all_descriptions_together_are_small() {
        let place = Place::new();
        let tools = make(&place, "[exec]\nenabled = true\nsandbox = \"none\"").unwrap();
        let specs: Vec<_> = tools
            .iter()
            .map(|tool| {
                let spec = tool.spec();
                serde_json::json!({"type": "function", "function": {
                    "name": spec.name, "description": spec.description, "parameters": spec.parameters,
                }})
            })
            .collect();
        let size = serde_json::to_string(&specs).unwrap().len();
        println!("{} tools, {size} bytes of specs", tools.len());
        // A request with all of them still begins with some 4,000 tokens; whoever wants fewer takes tools away by `[tools.scopes]`.
        assert!(size <= 15_500, "{size} bytes");
    }
}
