//! Sees to it that no accepted message stays without an end, and measures what waits.

use std::time::Duration;

use session_api::{Outcome, StoreError, Writes};
use tokio_util::sync::CancellationToken;

use super::{Shared, measure, notices};

/// How often to look.
const PACE: Duration = Duration::from_secs(15);
/// Most rows that are ended at one look.
const AT_ONCE: usize = 100;

/// A wall clock that goes so much further than the monotonic one was set.
const JUMP: Duration = Duration::from_secs(30);

/// Looks until `stop`.
pub(super) async fn sweep(shared: &Shared, stop: CancellationToken) {
    let clock = &shared.ports.clock;
    let mut begun = clock.monotonic();
    let mut last = (clock.now(), begun);
    measure::describe();
    loop {
        let now = (clock.now(), clock.monotonic());
        // What waited before the clock was set forward only looks old.
        if now.0.since(last.0) > now.1.saturating_sub(last.1) + JUMP {
            tracing::warn!("the system's clock was set forward");
            begun = now.1;
        }
        last = now;
        if let Err(error) = look(shared, begun).await {
            tracing::warn!(%error, "the inbox could not be looked over");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep(PACE) => {}
        }
    }
}

/// `begun`: since when a gateway has been there to work.
async fn look(shared: &Shared, begun: Duration) -> Result<(), StoreError> {
    let (ports, mailbox) = (&shared.ports, &shared.ports.stores.mailbox);
    let now = ports.clock.now();
    measure::backlog(&mailbox.backlog().await?, now);
    let deadline = shared.config.deadline;
    // Nobody could have worked on it while no gateway ran: its time begins with ours.
    if ports.clock.monotonic().saturating_sub(begun) < deadline {
        return Ok(());
    }
    let millis = i64::try_from(deadline.as_millis()).unwrap_or(i64::MAX);
    let before = session_api::Timestamp(now.0.saturating_sub(millis));
    for row in mailbox.overdue(before, AT_ONCE).await? {
        let notice = notices::too_late(shared, &row, deadline.as_secs().div_ceil(60));
        let writes = Writes { outbox: vec![notice], ..Writes::default() };
        if mailbox.give_up(row.inbound.id, Outcome::Failed, writes).await? {
            measure::silent();
            tracing::error!(inbound = %row.inbound.id, session = %row.inbound.session, "a message was not worked on in time; its sender was told");
        }
    }
    Ok(())
}
