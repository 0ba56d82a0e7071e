//! Consolidates memories at set times.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Shared;
use crate::Keeper;

/// The longest sleep: a wall clock may have been set, or a machine have slept.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Consolidates until `stop`. A time that passes while nothing runs is not made up for: the notes wait for the next one.
pub(super) async fn keep(shared: &Shared, stop: CancellationToken) {
    let Some(how) = &shared.config.consolidation else { return };
    let zones = shared.factotum.core().zones.clone();
    let timetable = match how.when.as_ref().map(|when| when.timetable(&zones)) {
        None => return,
        Some(Ok(timetable)) => timetable,
        Some(Err(error)) => {
            tracing::error!(%error, "memories are not consolidated: the times make no sense");
            return;
        }
    };
    let clock = &shared.ports.clock;
    let keeper = Keeper::new(shared.factotum.clone(), how.clone());
    let mut next = timetable.next_after(clock.now());
    while let Some(at) = next {
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep(at.since(clock.now()).min(LOOK_AGAIN)) => {}
        }
        if clock.now() < at {
            continue;
        }
        tokio::select! {
            // What was answered is kept: the next start goes on from there.
            () = stop.cancelled() => return,
            done = keeper.all(false) => match done {
                Ok(folders) => tracing::info!(folders = folders.len(), "memories were looked through"),
                Err(error) => tracing::warn!(%error, "memories were not looked through"),
            },
        }
        next = timetable.next_after(clock.now());
    }
}
