//! Runs turns: as many at once as the configuration allows, one for each session.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use session_api::{LeaseFrom, StoreError, Turn};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::{Shared, backoff::Backoff, measure};
use crate::{
    compaction::Why,
    driver::{self, RunEnd, Slot},
};

/// Most leases that are asked for at the same time. One alone would start at most one turn for each commit.
const AT_ONCE: usize = 8;
/// The shortest wait when nothing could be leased. A row that is due may be kept for another worker that lives and does
/// nothing: it must not be asked for without a pause.
const BREATH: Duration = Duration::from_millis(50);

/// What became of asking for one lease.
type Asked = (Result<Option<Turn>, StoreError>, OwnedSemaphorePermit);

/// Leases and runs turns until `stop`; what runs then is left alone. `cut` ends it: a turn that is cut keeps its journal
/// and is resumed by whoever comes next.
pub(super) async fn work(
    shared: &Arc<Shared>,
    slots: &Arc<Semaphore>,
    stop: CancellationToken,
    cut: &CancellationToken,
) {
    let ports = &shared.ports;
    let mailbox = &ports.stores.mailbox;
    let mut asking = FuturesUnordered::new();
    let mut wanted = 1;
    let mut trouble = Backoff::default();
    while !stop.is_cancelled() {
        // Read before the leases are asked for, so that what comes in between ends the wait at once.
        let version = match mailbox.changed(0).await {
            Ok(version) => version,
            Err(error) => {
                tracing::warn!(%error, "changes cannot be followed");
                pause(shared, &mut trouble, &stop).await;
                continue;
            }
        };
        while asking.len() < wanted {
            let Ok(permit) = slots.clone().try_acquire_owned() else { break };
            asking.push(ask(shared, permit));
        }
        let Some((answer, permit)) = asking.next().await else {
            // All slots are taken; asking goes on when one is free.
            tokio::select! {
                () = stop.cancelled() => {}
                free = slots.acquire() => drop(free),
            }
            continue;
        };
        match answer {
            Ok(Some(turn)) => {
                trouble = Backoff::default();
                wanted = (wanted * 2).min(AT_ONCE);
                start(shared, slots, turn, permit, cut.clone());
            }
            Ok(None) => {
                drop(permit);
                wanted = 1;
                if asking.is_empty() {
                    wait(shared, version, &stop).await;
                }
            }
            Err(error) => {
                drop(permit);
                tracing::warn!(%error, "no turn could be leased");
                wanted = 1;
                pause(shared, &mut trouble, &stop).await;
            }
        }
    }
    // What was asked for is answered: a turn that was leased in the last moment goes back at once, with this process.
    while let Some((answer, permit)) = asking.next().await {
        if let Ok(Some(turn)) = answer {
            start(shared, slots, turn, permit, cut.clone());
        }
    }
}

async fn ask(shared: &Shared, permit: OwnedSemaphorePermit) -> Asked {
    crate::failpoint("lease.before");
    let turn = shared.ports.stores.mailbox.lease(shared.ports.worker, LeaseFrom::Any).await;
    if matches!(turn, Ok(Some(_))) {
        crate::failpoint("lease.after");
    }
    (turn, permit)
}

/// Waits until something changes, or until time alone makes a turn leasable.
async fn wait(shared: &Shared, version: u64, stop: &CancellationToken) {
    let (ports, mailbox) = (&shared.ports, &shared.ports.stores.mailbox);
    let due = match mailbox.next_due().await {
        Ok(due) => due.map(|at| at.since(ports.clock.now())),
        Err(_) => None,
    };
    // A wall clock that was set back must not keep a turn waiting for as long. Whatever is due sooner is known.
    let longest = super::LOOK_AGAIN * 5;
    let until_due = due.unwrap_or(longest).clamp(BREATH, longest);
    tokio::select! {
        () = stop.cancelled() => {}
        changed = mailbox.changed(version) => if changed.is_err() {
            ports.clock.sleep(super::LOOK_AGAIN).await;
        },
        () = ports.clock.sleep(until_due) => {}
    }
}

async fn pause(shared: &Shared, trouble: &mut Backoff, stop: &CancellationToken) {
    let pause = trouble.next(shared.ports.ids.as_ref()).min(super::LOOK_AGAIN * 10);
    tokio::select! {
        () = stop.cancelled() => {}
        () = shared.ports.clock.sleep(pause) => {}
    }
}

fn start(
    shared: &Arc<Shared>,
    slots: &Arc<Semaphore>,
    turn: Turn,
    permit: OwnedSemaphorePermit,
    cut: CancellationToken,
) {
    let owned = shared.clone();
    let slot = Slot::new(slots.clone(), permit);
    let task = async move {
        let shared = owned;
        let started = shared.ports.clock.monotonic();
        let session = turn.lease.session.clone();
        let outcome = tokio::select! {
            biased;
            end = driver::run_in(&shared.ports, shared.factotum.core(), turn, Some(slot)) => match end {
                Ok(RunEnd::Ended(report)) => {
                    if report.full {
                        let cut = cut.clone();
                        let cut = async move { cut.cancelled().await };
                        shared.factotum.compact_later(&report.session, Why::Full, cut);
                    }
                    report.ending.stop_reason()
                }
                Ok(RunEnd::Suspended) => "suspended",
                Ok(RunEnd::Lost) => "lost",
                Err(error) => {
                    // Its lease runs out, and it is tried again.
                    tracing::error!(%session, %error, "a turn could not go on");
                    "error"
                }
            },
            () = cut.cancelled() => "cut",
        };
        measure::turn(outcome, shared.ports.clock.monotonic().saturating_sub(started));
    };
    shared.ports.spawn.spawn("turn", Box::pin(task));
}
