//! The built-in tools.
//!
//! Every file tool works through [`Workspace`], a handle of one directory that no path leads out of. `exec` runs
//! commands and ends whatever they leave behind. `message` sends before the answer, or to other chats. Four tools
//! schedule prompts, and seven start agents and look after them. `recall` and `sessions` find what was said and noted,
//! `working_memory` keeps things in mind. The rest calculates, tells the time, keeps memory files, remembers small values and
//! pages through long results. [`register`] makes them all from a [`ToolsConfig`].

mod agents;
mod blocking;
mod calculate;
mod chat_memory;
mod config;
mod current_datetime;
mod exec;
mod files;
mod goal;
mod kv_memory;
mod memory;
mod message;
mod read_result;
mod recall;
#[cfg(test)]
mod risk_tests;
mod schedule;
mod scope;
mod sessions;
#[cfg(test)]
mod testing;
mod working_memory;

pub use agents::{Agents, profiles};
pub use calculate::{CalculateExpression, CalculationError, Number, evaluate};
pub use chat_memory::ChatMemory;
pub use config::{
    Deps, Phase, Rank as ScopeRank, ScheduleConfig, ScopeConfig, Taint, ToolsConfig, ToolsError, register,
};
pub use current_datetime::CurrentDatetime;
pub use exec::{Exec, ExecConfig};
pub use files::{
    DirEntry, EditFile, FileStamp, Glob, Grep, ListDir, ReadFile, RelativePath, Workspace, WorkspaceError,
    WriteFile,
};
pub use goal::GoalProgress;
pub use kv_memory::KvMemory;
pub use memory::{
    Conflict, FolderLock, MEMORY_FILE, MOST_MEMORY_BYTES, MemoryAppend, MemoryFolder, MemoryRead,
    MemoryReplaceSection, MemoryText, digest_of, is_note,
};
pub use message::{Message, MessageConfig};
pub use read_result::ReadResult;
pub use recall::Recall;
pub use schedule::{
    CancelScheduledPrompt, DeleteScheduledPrompt, ListScheduledPrompts, SchedulePrompt, Scheduling,
};
pub use sessions::Sessions;
pub use working_memory::WorkingMemory;
