//! `--ephemeral`: a run whose conversation is kept in memory only.

use std::sync::Arc;

use session_api::{InMemoryStore, LeasePolicy, Stores};

use super::super::{
    error::CliError,
    start::{Running, Start},
};
use crate::{SystemClock, SystemIds};

/// An assistant whose stores end with the process.
pub(super) async fn assistant(start: &Start) -> Result<Running, CliError> {
    let store = InMemoryStore::new(Arc::new(SystemClock::new()), Arc::new(SystemIds), LeasePolicy::default());
    start.assistant_with(|builder| builder.stores(Stores::of(Arc::new(store)))).await
}
