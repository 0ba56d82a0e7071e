//! `--ephemeral`: a run whose conversation is kept in memory only. What it used and which tools it called is recorded.

use std::sync::Arc;

use session_api::{AuditLog as _, InMemoryStore, LeasePolicy, SessionKey, Stores, Timestamp, UsageBy};

use super::super::{
    error::CliError,
    start::{Running, Start},
};
use crate::{Assistant, SystemClock, SystemIds};

/// Most tool calls that the summary looks at.
const MOST_CALLS: usize = 1000;

/// An assistant whose stores end with the process, and its store.
pub(super) async fn assistant(start: &Start) -> Result<(Running, InMemoryStore), CliError> {
    let store = InMemoryStore::new(Arc::new(SystemClock::new()), Arc::new(SystemIds), LeasePolicy::default());
    let stores = Stores::of(Arc::new(store.clone()));
    Ok((start.assistant_with(|builder| builder.stores(stores)).await?, store))
}

/// Writes the summary of a run that has ended to the disk.
pub(super) async fn record(start: &Start, ran: &Assistant, store: &InMemoryStore) -> Result<(), CliError> {
    let usage = ran.usage(Timestamp(0), UsageBy::Model).await?;
    let rows = store.audit_rows(None, MOST_CALLS).await?;
    let mut tools: Vec<String> = rows.into_iter().map(|row| row.entry.subject).collect();
    tools.sort();
    tools.dedup();
    let running = start.assistant().await?;
    let session = SessionKey::new("cli", "local", "ephemeral");
    let recorded = running.assistant.record_run(session, &usage, &tools).await.map_err(CliError::from);
    running.end(recorded).await
}
