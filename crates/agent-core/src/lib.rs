//! The turn, the context, the ports around them, and the façade [`Factotum`].
//!
//! ```text
//!            accept                lease                    commit
//!  message ─────────▶ Mailbox ─────────────▶ Driver ─────────────────▶ Mailbox ─▶ whoever reads or sends
//!                                            │    ▲
//!                                   Command  ▼    │  Event
//!                                          turn::Machine   (decides, does nothing)
//! ```
//!
//! The machine in [`turn`] decides; the driver performs its commands through ports and is the only place that
//! awaits. [`Factotum`] is the way in for everybody: command line, HTTP API, other programs.
//!
//! What is absent: this crate reads no clock, draws no random number, opens no file and no socket, spawns no task and
//! names no runtime, database, HTTP client or vendor. All of these are ports, given to [`Factotum::new`].

mod admission;
mod audio;
mod bus;
mod channel;
mod claims;
mod commands;
mod compaction;
mod consolidation;
mod context;
mod core;
mod driver;
mod embedding;
mod error;
mod event;
mod facade;
mod fakes;
pub mod gateway;
mod heartbeat;
mod hook;
mod inlet;
mod jobs;
mod layers;
mod learning;
mod listen;
mod loopback;
mod memory;
mod models;
mod provider;
mod redact;
mod replay;
mod routing;
mod scopes;
mod skills;
mod speak;
mod spending;
pub mod turn;

#[cfg(any(test, feature = "contract"))]
pub mod contract;

/// A place where a test may kill the process: see `docs/operations.md`. Nothing listens unless somebody asked for it.
fn failpoint(site: &'static str) {
    tracing::trace!(target: "failpoint", site);
}

pub use admission::{
    Admission, AllowList, ChannelRules, Gate, GroupPolicy, Judgement, Link, Paired, Pairing, PairingError,
    PairingRequest, REFUSED, RuleVerdict,
};
pub use audio::{
    SILENCE, ScriptedSpeaker, ScriptedTranscriber, Speaker, Speech, Transcriber, TranscriptionRequest,
};
pub use bus::{EventBus, LocalBus};
pub use channel::{
    Account, Arrival, BuildChannel, Channel, ChannelCapabilities, ChannelDeps, ChannelError, ChannelKind,
    ChannelSetupError, HookRequest, HookResponse, Place, Reconciled, Sent, TextUnit,
};
pub use claims::Verify;
pub use commands::{COMMANDS, CommandHelp};
pub use compaction::{
    Absurd, Compacted, Compaction, CompactionError, CompactionTrouble, check_summary, watermark,
};
pub use consolidation::{
    Consolidated, Consolidation, Keeper, MemoryFile, MemoryFiles, MemoryFilesError, NewVersion, Snapshot,
    Version, VersionState,
};
pub use context::{
    Allocation, BudgetConfig, BudgetError, Company, ContextReport, Decision, Gauge, HistoryFit,
    HistoryReport, LEAST_HISTORY, NoPrompts, Placement, Prompt, PromptRequest, PromptSection, PromptSource,
    Room, Share, ToolsReport, Want, allocate, assemble, estimate_tokens, fit_history, fold_history,
};
pub use core::{Autonomy, Core};
pub use embedding::{Embedded, Embedder, WordEmbedder};
pub use error::AgentError;
pub use event::{RunEvent, RunEventKind};
pub use facade::{
    Approvals, Factotum, FollowUp, JobReport, Jobs, Memory, Opened, Ports, Refusal, RefusedCall, ResumedRun,
    RunError, RunRequest, RunResult, RunStream, Sessions, Spawn, StandingRules, Trigger, Triggers, Waiting,
};
pub use fakes::{ScriptedProvider, ScriptedReply};
pub use heartbeat::{
    Condition, HEARTBEAT_OK, Heartbeat, HeartbeatSource, HeartbeatTask, QuietHours, heartbeat_tasks,
};
pub use hook::{Hook, HookError, RunInfo};
pub use inlet::{Delivered, Inlet, InletPolicy, InletSetup, Source, is_voice, safe_name};
pub use jobs::{JobNotFound, find_job, job_state, shown};
pub use layers::{RetryPolicy, RetryingProvider};
pub use learning::{Experience, LearntPrompts, LearntRule, RuleBook, RuleScope, ToolExperience};
pub use loopback::LoopbackChannel;
pub use memory::{
    CaughtUp, NoNotes, NoteFile, NoteFiles, Vectors, VectorsConfig, VectorsError, WithVectors,
    WithWorkingMemory, sections,
};
pub use models::{ChosenModel, ModelDirectory, Models, ToolWorker};
pub use provider::{
    Attempt, FinishReason, Finished, LlmProvider, ModelError, ModelErrorKind, ModelEvent, ModelRequest,
    ModelStream, ProviderInfo, Retry, TokenUsage,
};
pub use redact::{NoSecrets, Redact};
pub use replay::{
    AttemptReport, CallReport, Divergence, FailureReport, InboundReport, ModelCallReport, RecordedTurn,
    Replay, ReplayStep, StepReport, TurnReport,
};
pub use routing::{
    Asked, Destination, LONGEST_ROUTING, Routed, Router, Rule, RuleError, Rules, SmallModel, Used,
};
pub use scopes::{ToolPlace, ToolScope, ToolScopes};
pub use skills::{
    InstalledSkill, MOST_SKILL_BYTES, NoSkills, ReadSkill, Requires, Skill, SkillOrigin, SkillProblem,
    SkillSet, SkillSource, parse_skill, skill_sections,
};
pub use speak::Speak;
pub use spending::{SpendingCaps, cost_of};
pub use subagents::{AgentState, AgentView, Profile, ProfileError};
