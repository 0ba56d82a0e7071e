//! `run/gateway.json`: what other commands and people read of a running gateway.

use std::{
    io,
    path::{Path, PathBuf},
};

use agent_core::gateway::Health;
use providers::LineState;
use serde::{Deserialize, Serialize};
use session_api::Timestamp;

/// A gateway, as it wrote itself down.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct GatewayStatus {
    /// Its process.
    pub(crate) pid: u32,
    /// Its version.
    pub(crate) version: String,
    /// When it was started.
    pub(crate) started_at: Timestamp,
    /// Where it serves HTTP, if it does.
    pub(crate) http: Option<String>,
    /// The configuration file that it read.
    pub(crate) config: Option<PathBuf>,
    /// How the servers of models are doing that it asks; at most some seconds old.
    #[serde(default)]
    pub(crate) providers: Vec<LineState>,
    /// What came of reading the configuration again.
    #[serde(default)]
    pub(crate) reload: Reload,
    /// How it is.
    #[serde(flatten)]
    pub(crate) health: Health,
}

/// What came of reading the configuration again.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Reload {
    /// How often that was done.
    pub(crate) count: u64,
    /// Why the last time changed nothing.
    pub(crate) error: Option<String>,
    /// Sections that are not any more what they were at the start, and count from the next one.
    pub(crate) next_start: Vec<String>,
}

impl Reload {
    /// The sections, for a person; nothing where there are none.
    pub(crate) fn sentence(&self) -> Option<String> {
        let sections: Vec<String> = self.next_start.iter().map(|name| format!("[{name}]")).collect();
        let text = format!("what changed in {} counts from the next start", sections.join(", "));
        (!sections.is_empty()).then_some(text)
    }
}

/// The files of all gateways of a data directory: one for each process, since one may stand by.
fn folder(home: &Path) -> PathBuf {
    home.join("run")
}

fn file(home: &Path, pid: u32) -> PathBuf {
    folder(home).join(format!("gateway-{pid}.json"))
}

impl GatewayStatus {
    /// Replaces the file as a whole: a reader sees the old one or the new one.
    pub(crate) fn write(&self, home: &Path) -> io::Result<()> {
        let path = file(home, self.pid);
        let new = path.with_extension("new");
        std::fs::write(&new, serde_json::to_vec_pretty(self)?)?;
        std::fs::rename(new, path)
    }

    /// Takes the file away at the end.
    pub(crate) fn remove(home: &Path, pid: u32) {
        // One that is gone already is what is wanted.
        let _ = std::fs::remove_file(file(home, pid));
    }

    /// Whether its process is still there. One that ended and was not buried by its parent has no command line.
    pub(crate) fn lives(&self) -> bool {
        lives(self.pid)
    }

    /// The gateways that live, the primary first. Files of dead ones are taken away.
    pub(crate) fn living(home: &Path) -> io::Result<Vec<Self>> {
        let entries = match std::fs::read_dir(folder(home)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut living = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if !(name.starts_with("gateway-") && name.ends_with(".json")) {
                continue;
            }
            let Ok(text) = std::fs::read(&path) else { continue };
            let Ok(status) = serde_json::from_slice::<Self>(&text) else { continue };
            if lives(status.pid) {
                living.push(status);
            } else {
                Self::remove(home, status.pid);
            }
        }
        living.sort_by_key(|status| (status.health.role != agent_core::gateway::Role::Primary, status.pid));
        Ok(living)
    }
}

/// Whether the process is there and is a gateway of ours: ids of processes are given out again.
fn lives(pid: u32) -> bool {
    let Some(process) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else {
        return false;
    };
    if rustix::process::test_kill_process(process).is_err() {
        return false;
    }
    match std::fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(line) => String::from_utf8_lossy(&line).split('\0').any(|word| word == "gateway"),
        // Not Linux: the process being there has to suffice.
        Err(_) => true,
    }
}
