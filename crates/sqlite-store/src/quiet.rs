//! Looks whether there is anything to do before a transaction that writes is begun: whoever waits asks again and again, and
//! an idle process must leave the disk alone.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use session_api::{StoreError, WorkerId};

use crate::{clock_set, encode::bytes, open::SqliteStore, script::Script};

/// What was asked for in vain the last time. Only that is looked for first: where there is much to do, a look would only
/// cost.
#[derive(Debug, Default)]
pub(crate) struct Quiet(Mutex<BTreeSet<String>>);

/// The turns of all sessions, among the names of channels.
const TURNS: &str = "\0turns";

impl Quiet {
    fn is(&self, what: &str) -> bool {
        self.0.lock().contains(what)
    }

    fn set(&self, what: &str, quiet: bool) {
        let mut all = self.0.lock();
        if !quiet {
            all.remove(what);
        } else if !all.contains(what) {
            all.insert(what.to_owned());
        }
    }

    /// Remembers whether there were parts to send on these channels.
    pub(crate) fn claimed(&self, channels: &[String], none: bool) {
        channels.iter().for_each(|channel| self.set(channel, none));
    }

    /// Remembers whether there was a turn to lease.
    pub(crate) fn leased(&self, none: bool) {
        self.set(TURNS, none);
    }
}

const PARTS: &str = "SELECT 1 FROM outbox WHERE channel = ? AND state < 2 AND hold_until <= ? LIMIT 1";

/// Turns whose time has come, sessions that are due, turns of others who may be dead.
const WORK: &str = "SELECT 1 WHERE EXISTS (SELECT 1 FROM turns WHERE wake_at IS NOT NULL AND wake_at <= ?)
    OR EXISTS (SELECT 1 FROM sessions WHERE queue_no IS NOT NULL AND ready_at <= ?)
    OR EXISTS (SELECT 1 FROM turns WHERE state = 0 AND worker <> ?)";

/// Whether it is certain that there is no part to send on these channels.
pub(crate) async fn nothing_to_send(store: &SqliteStore, channels: &[String]) -> Result<bool, StoreError> {
    let quiet = &store.shared.quiet;
    if clock_set::was_set(&store.shared) || !channels.iter().all(|channel| quiet.is(channel)) {
        return Ok(false);
    }
    for channel in channels {
        let mut script = Script::new(PARTS);
        script.bind(channel.as_str()).bind(store.now().0);
        if store.read(script).await?.first(0).is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether it is certain that there is no turn to lease.
pub(crate) async fn nothing_to_lease(store: &SqliteStore, worker: WorkerId) -> Result<bool, StoreError> {
    if clock_set::was_set(&store.shared) || !store.shared.quiet.is(TURNS) {
        return Ok(false);
    }
    let now = store.now().0;
    let mut script = Script::new(WORK);
    script.bind(now).bind(now).bind(bytes(worker.0));
    Ok(store.read(script).await?.first(0).is_none())
}
