//! Gives what was said its vectors, shortly after it was said.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Shared, backoff::Backoff};
use crate::{Retry, Vectors, VectorsError};

/// How long to wait after a change: what comes in a burst is taken together.
const PACE: Duration = Duration::from_secs(1);
/// How long to wait at most where nothing changes in the store: files of notes are changed by hand, and nobody tells.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// How long to wait where nobody expects a retry to help, as with a wrong key.
const HOPELESS: Duration = Duration::from_secs(900);

/// Looks until `stop`, whenever something changed. A server that is down delays the vectors and nothing else.
pub(super) async fn feed(shared: &Shared, stop: CancellationToken) {
    let Some(vectors) = &shared.config.vectors else { return };
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = look(shared, vectors) => {}
    }
}

async fn look(shared: &Shared, vectors: &Vectors) {
    let (clock, mailbox) = (&shared.ports.clock, &shared.ports.stores.mailbox);
    let mut backoff: Option<Backoff> = None;
    loop {
        // Read before the look, so that what comes during it is a change since.
        let version = mailbox.changed(0).await.unwrap_or_default();
        let fed = vectors.feed().await;
        match fed {
            Ok(progress) => {
                if backoff.take().is_some() {
                    tracing::info!("what was said gets vectors again");
                }
                if progress.left {
                    continue;
                }
                clock.sleep(PACE).await;
            }
            Err(error) => {
                // Once, not at each try of a day.
                if backoff.is_none() {
                    tracing::warn!(%error, "what was said gets no vectors; it is tried again");
                }
                let pause = backoff.get_or_insert_default().next(shared.ports.ids.as_ref());
                clock.sleep(wait(&error, pause)).await;
                continue;
            }
        }
        tokio::select! {
            _ = mailbox.changed(version) => {}
            () = clock.sleep(LOOK_AGAIN) => {}
        }
    }
}

fn wait(error: &VectorsError, pause: Duration) -> Duration {
    match error {
        VectorsError::Model(error) => match error.retry {
            Retry::Never => HOPELESS,
            Retry::After(least) => least.max(pause),
            Retry::Backoff => pause,
        },
        VectorsError::Store(_) => pause,
    }
}
