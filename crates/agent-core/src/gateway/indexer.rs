//! Takes up what was said, shortly after it was said.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Shared;

/// How long to wait between two looks: what comes in a burst is taken up together.
const PACE: Duration = Duration::from_millis(1_500);
/// Messages that are taken up at once. A batch holds up those who want to commit for a few milliseconds.
const BATCH: usize = 128;

/// Looks until `stop`. A look that finds nothing writes nothing.
pub(super) async fn index(shared: &Shared, stop: CancellationToken) {
    let (clock, memory) = (&shared.ports.clock, &shared.ports.stores.memory);
    loop {
        let pace = match memory.index_messages(BATCH).await {
            Ok(progress) if progress.left => Duration::ZERO,
            Ok(_) => PACE,
            Err(error) => {
                tracing::warn!(%error, "what was said could not be taken up into memory; it is tried again");
                PACE * 10
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = clock.sleep(pace) => {}
        }
    }
}
