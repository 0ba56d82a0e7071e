//! The memory files of the workspace, with their versions.

mod diff;
mod files;
mod versions;

use std::sync::Arc;

use agent_core::Consolidation;
use schedule::When;
use session_api::Timestamp;
use tools::Workspace;

pub(crate) use diff::{DiffLine, diff};
pub(crate) use files::WorkspaceMemory;

use crate::{
    SetupError,
    config::{Config, ConsolidationSection},
};

/// How memories are consolidated, as the configuration says.
///
/// # Errors
/// When the workspace cannot be opened.
pub(crate) fn consolidation(
    config: &Config,
    workspace: &std::path::Path,
) -> Result<Consolidation, SetupError> {
    let section = &config.memory.consolidation;
    let workspace = Workspace::open(workspace).map_err(crate::SetupProblem::from)?;
    let zones = crate::builder::zones(config);
    Ok(Consolidation {
        when: when(section, zones.local()),
        model: section.model.clone(),
        max_bytes: usize::try_from(section.max_bytes).unwrap_or(usize::MAX),
        files: Arc::new(WorkspaceMemory::new(workspace, zones)),
    })
}

/// The times; the configuration has checked them.
fn when(section: &ConsolidationSection, zone: &str) -> Option<When> {
    if let Some(expression) = section.cron.clone() {
        return Some(When::Cron { expression, zone: zone.to_owned() });
    }
    let every = schedule::parse_length("every", section.every.as_deref()?).ok()?;
    // Counted from a fixed moment, so that a start moves nothing.
    Some(When::Every { seconds: every.as_secs(), first: Timestamp(0) })
}
