//! What happens when somebody sets the system's clock: what waits or is held until a time moves with it.
//!
//! Times are stored by the wall clock, for several processes share them. Set forward by more than a lease holds, it would
//! void the lease of every running turn; set back, it would hold what waits for seconds back for as long as the jump.

use std::time::Duration;

use session_api::{Clock, StoreError, Timestamp};

use crate::{open::Shared, script::Script, transaction::Transaction};

/// A clock that went so much further, or less far, than time was set. Slewing stays far below it.
const JUMP: u64 = 2_000;

/// Nothing is held back for longer. What a file holds for longer was written before the clock was set back while nobody
/// watched.
const LONGEST_HOLD: Duration = Duration::from_secs(60 * 60);

/// Both clocks, as they were read together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    wall: Timestamp,
    steady: Duration,
}

impl Reading {
    pub(crate) fn of(clock: &dyn Clock) -> Self {
        Self { wall: clock.now(), steady: clock.monotonic() }
    }

    /// By how many milliseconds the wall clock was set between `earlier` and this reading.
    fn set_since(self, earlier: Self) -> Option<i64> {
        let passed =
            i64::try_from(self.steady.saturating_sub(earlier.steady).as_millis()).unwrap_or(i64::MAX);
        let set = self.wall.0.saturating_sub(earlier.wall.0).saturating_sub(passed);
        (set.unsigned_abs() > JUMP).then_some(set)
    }
}

/// Whether the clock was set since the last group, or nobody watched it yet.
pub(crate) fn was_set(shared: &Shared) -> bool {
    let earlier = *shared.seen.lock();
    earlier.is_none_or(|earlier| Reading::of(shared.clock.as_ref()).set_since(earlier).is_some())
}

/// Moves what waits, where the clock was set since `earlier`; `None`: nobody watched it before. Says whether it wrote.
pub(crate) async fn follow(
    transaction: &mut Transaction,
    earlier: Option<Reading>,
    now: Reading,
) -> Result<bool, StoreError> {
    let mut script = Script::default();
    match earlier {
        None => {
            let latest = now.wall.plus(LONGEST_HOLD).0;
            script
                .add("UPDATE sessions SET ready_at = 0 WHERE queue_no IS NOT NULL AND ready_at > ?")
                .bind(latest);
            script.add("UPDATE outbox SET hold_until = 0 WHERE state < 2 AND hold_until > ?").bind(latest);
            script.add("UPDATE inbox SET hold_until = 0 WHERE state < 2 AND state = 0 AND hold_until > ?");
            script.bind(latest);
        }
        Some(earlier) => {
            let Some(set) = now.set_since(earlier) else { return Ok(false) };
            tracing::warn!(milliseconds = set, "the system's clock was set");
            // Those of other processes too, which may not have seen it yet. A lease that is given anew twice is given
            // once; one of a dead worker is void whatever its time.
            let anew = now.wall.plus(transaction.shared.policy.ttl).0;
            if set > 0 {
                script.add("UPDATE turns SET wake_at = max(wake_at, ?) WHERE state = 0").bind(anew);
                script.add("UPDATE sources SET expires_at = max(expires_at, ?)").bind(anew);
            } else {
                script.add("UPDATE turns SET wake_at = min(wake_at, ?) WHERE state = 0").bind(anew);
                script.add("UPDATE sources SET expires_at = min(expires_at, ?)").bind(anew);
                // Where two processes move these, they go too soon, as they do when it is set forward: that harms nothing.
                for sql in [
                    "UPDATE sessions SET ready_at = ready_at + ? WHERE queue_no IS NOT NULL AND ready_at > ?",
                    "UPDATE outbox SET hold_until = hold_until + ? WHERE state < 2 AND hold_until > ?",
                    "UPDATE inbox SET hold_until = hold_until + ? WHERE state < 2 AND state = 0 AND hold_until > ?",
                ] {
                    script.add(sql).bind(set).bind(now.wall.0);
                }
            }
        }
    }
    transaction.run(script).await?;
    Ok(true)
}
