//! Takes up what was said, shortly after it was said.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Shared;

/// How long to wait between two looks: what comes in a burst is taken up together.
const PACE: Duration = Duration::from_millis(1_500);
/// Messages that are taken up at once. A batch holds up those who want to commit for a few milliseconds.
const BATCH: usize = 128;

/// How long to wait at most where nothing changes in the store: files of notes are changed by hand, and nobody tells.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Looks until `stop`, whenever something changed. A look that finds nothing writes nothing.
pub(super) async fn index(shared: &Shared, stop: CancellationToken) {
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = look(shared) => {}
    }
}

async fn look(shared: &Shared) {
    let (clock, stores) = (&shared.ports.clock, &shared.ports.stores);
    loop {
        // Read before the look, so that what comes during it is a change since.
        let version = stores.mailbox.changed(0).await.unwrap_or_default();
        match stores.memory.index_messages(BATCH).await {
            Ok(progress) if progress.left => continue,
            Ok(_) => clock.sleep(PACE).await,
            Err(error) => {
                tracing::warn!(%error, "what was said could not be taken up into memory; it is tried again");
                clock.sleep(PACE * 10).await;
            }
        }
        tokio::select! {
            _ = stores.mailbox.changed(version) => {}
            () = clock.sleep(LOOK_AGAIN) => {}
        }
    }
}
