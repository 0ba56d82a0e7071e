//! Summaries of conversations in which nothing was said for a while.

use std::{collections::HashMap, time::Duration};

use session_api::{Scope, SessionKey, StoreError, Timestamp};
use tokio_util::sync::CancellationToken;

use super::Shared;
use crate::CompactionError;

/// How often to look.
const PACE: Duration = Duration::from_secs(60);
/// Most conversations that are looked at: those that changed last.
const MOST: usize = 200;
/// What was idle for longer when the gateway began is left as it is: nobody may ever come back to it.
const TOO_LONG: Duration = Duration::from_secs(24 * 60 * 60);

/// Looks until `stop`.
pub(super) async fn watch(shared: &Shared, stop: CancellationToken) {
    // Which state of a conversation was looked at: it is not looked at again before it changes.
    let mut seen: HashMap<SessionKey, Timestamp> = HashMap::new();
    loop {
        if let Some(idle) = shared.factotum.core().compaction.idle {
            tokio::select! {
                () = stop.cancelled() => return,
                looked = look(shared, idle, &mut seen) => if let Err(error) = looked {
                    tracing::warn!(%error, "idle conversations could not be looked for");
                },
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = shared.ports.clock.sleep(PACE) => {}
        }
    }
}

async fn look(
    shared: &Shared,
    idle: Duration,
    seen: &mut HashMap<SessionKey, Timestamp>,
) -> Result<(), StoreError> {
    let now = shared.ports.clock.now();
    let sessions = shared.ports.stores.sessions.sessions(&Scope::All, MOST).await?;
    seen.retain(|key, _| sessions.iter().any(|info| info.key == *key));
    for info in sessions {
        let rests = now.since(info.updated_at);
        let free = info.open_turn.is_none() && info.pending == 0;
        if !free || rests < idle || rests > idle + TOO_LONG || seen.get(&info.key) == Some(&info.updated_at) {
            continue;
        }
        match shared.factotum.compact_idle_session(&info.key).await {
            Ok(made) => tracing::debug!(session = %info.key, upto = made.upto, "an idle conversation"),
            Err(CompactionError::Busy | CompactionError::Waits) => continue,
            Err(error) => tracing::debug!(session = %info.key, %error, "an idle conversation"),
        }
        seen.insert(info.key, info.updated_at);
    }
    Ok(())
}
