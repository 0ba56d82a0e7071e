//! The built-in tools.
//!
//! Every file tool works through [`Workspace`], a handle of one directory that no path leads out of. `exec` runs
//! commands and ends whatever they leave behind. `message` sends before the answer, or to other chats. Four tools
//! schedule prompts. The rest calculates,
//! tells the time, keeps memory files, remembers small values and pages through long results. [`register`] makes them all from a [`ToolsConfig`].

mod blocking;
mod calculate;
mod config;
mod current_datetime;
mod exec;
mod files;
mod kv_memory;
mod memory;
mod message;
mod read_result;
mod schedule;
#[cfg(test)]
mod testing;

pub use calculate::{CalculateExpression, CalculationError, Number, evaluate};
pub use config::{
    Deps, Phase, Rank as ScopeRank, ScheduleConfig, ScopeConfig, ToolsConfig, ToolsError, register,
};
pub use current_datetime::CurrentDatetime;
pub use exec::{Exec, ExecConfig};
pub use files::{
    DirEntry, EditFile, FileStamp, Glob, Grep, ListDir, ReadFile, RelativePath, Workspace, WorkspaceError,
    WriteFile,
};
pub use kv_memory::KvMemory;
pub use memory::{
    Conflict, FolderLock, MEMORY_FILE, MOST_MEMORY_BYTES, MemoryAppend, MemoryFolder, MemoryRead,
    MemoryReplaceSection, MemoryText, digest_of, is_note,
};
pub use message::{Message, MessageConfig};
pub use read_result::ReadResult;
pub use schedule::{
    CancelScheduledPrompt, DeleteScheduledPrompt, ListScheduledPrompts, SchedulePrompt, Scheduling,
};
