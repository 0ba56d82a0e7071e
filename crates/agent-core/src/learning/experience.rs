//! What tools came to, and in which kind of request: so that it can be looked at, and reflected on.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use session_api::{KvStore, KvWrite, Message, Part, PrincipalId, StoreError, Timestamp, ToolStatus, TurnId};

/// How long a turn's row is kept.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Most turns that are read.
const MOST_READ: usize = 2_000;
/// Characters of an error.
const MOST_ERROR: usize = 200;
/// Tools in the name of a kind.
const MOST_IN_KIND: usize = 4;

/// Nobody's own: rows of the installation.
fn shelf() -> PrincipalId {
    PrincipalId("experience".into())
}

/// One turn that used tools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TurnExperience {
    /// Which kind of request it was: the channel, and the tools that were used.
    kind: String,
    /// How it ended.
    outcome: String,
    /// Calls that worked, by tool.
    worked: BTreeMap<String, u32>,
    /// Calls that failed: tool and error.
    failed: Vec<(String, String)>,
}

impl TurnExperience {
    /// Of a turn's messages; `None` where no tool was called. Nothing of what was said is part of it.
    pub(crate) fn of(channel: &str, outcome: &str, messages: &[Message]) -> Option<Self> {
        let mut worked: BTreeMap<String, u32> = BTreeMap::new();
        let mut failed = Vec::new();
        let mut tools: Vec<String> = Vec::new();
        for result in messages.iter().flat_map(Message::tool_results) {
            if !tools.contains(&result.name) {
                tools.push(result.name.clone());
            }
            if result.status == ToolStatus::Ok {
                *worked.entry(result.name.clone()).or_default() += 1;
            } else {
                let text: Vec<&str> = result.content.iter().filter_map(Part::as_text).collect();
                failed.push((result.name.clone(), text.join(" ").chars().take(MOST_ERROR).collect()));
            }
        }
        if tools.is_empty() {
            return None;
        }
        tools.sort_unstable();
        tools.truncate(MOST_IN_KIND);
        let kind = format!("{channel}: {}", tools.join(", "));
        Some(Self { kind, outcome: outcome.to_owned(), worked, failed })
    }
}

/// The row of a turn. Its name puts the newest first.
pub(crate) fn write(turn: TurnId, at: Timestamp, experience: &TurnExperience) -> Option<KvWrite> {
    let key = format!("turn:{:016x}:{turn}", i64::MAX - at.0);
    let value = serde_json::to_string(experience).ok()?;
    Some(KvWrite::Set { owner: shelf(), key, value, expires_at: Some(at.plus(KEPT)) })
}

/// How a tool did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ToolExperience {
    /// Calls that worked.
    pub worked: u32,
    /// Calls that failed.
    pub failed: u32,
    /// Its last different errors, newest first, at most three.
    pub errors: Vec<String>,
}

/// What the turns of the last thirty days came to, the newest 2,000 of those that used tools.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Experience {
    /// By tool.
    pub tools: BTreeMap<String, ToolExperience>,
    /// By kind of request and how it ended: how many.
    pub kinds: BTreeMap<String, BTreeMap<String, u32>>,
}

impl Experience {
    /// Reads it.
    ///
    /// # Errors
    /// The store's.
    pub async fn read(kv: &Arc<dyn KvStore>) -> Result<Self, StoreError> {
        let mut all = Self::default();
        for entry in kv.kv_list(&shelf(), "turn:", MOST_READ).await? {
            let Ok(turn) = serde_json::from_str::<TurnExperience>(&entry.value) else { continue };
            *all.kinds.entry(turn.kind).or_default().entry(turn.outcome).or_default() += 1;
            for (tool, count) in turn.worked {
                all.tools.entry(tool).or_default().worked += count;
            }
            for (tool, error) in turn.failed {
                let tool = all.tools.entry(tool).or_default();
                tool.failed += 1;
                if tool.errors.len() < 3 && !tool.errors.contains(&error) {
                    tool.errors.push(error);
                }
            }
        }
        Ok(all)
    }

    /// A line for each tool that failed at times, for whoever reflects on it.
    #[must_use]
    pub fn lessons(&self) -> Vec<String> {
        let failing = self.tools.iter().filter(|(_, tool)| tool.failed > 0);
        failing
            .map(|(name, tool)| {
                let errors = tool.errors.join(" | ");
                format!("{name}: {} calls worked, {} failed. Last errors: {errors}", tool.worked, tool.failed)
            })
            .collect()
    }
}
