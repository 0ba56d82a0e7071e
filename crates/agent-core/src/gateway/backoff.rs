//! Pauses between attempts: doubling, bounded, and spread so that many do not come back at once.

use std::time::Duration;

use session_api::IdSource;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(300);

/// Counts attempts.
#[derive(Debug, Default)]
pub(super) struct Backoff(u32);

impl Backoff {
    /// The pause before the next attempt.
    pub(super) fn next(&mut self, ids: &dyn IdSource) -> Duration {
        self.0 = self.0.saturating_add(1);
        Self::after(self.0, ids)
    }

    /// The pause after `attempts` attempts: between half and all of 1 s, 2 s, 4 s … 5 min.
    pub(super) fn after(attempts: u32, ids: &dyn IdSource) -> Duration {
        let whole = FIRST.saturating_mul(2_u32.saturating_pow(attempts.min(16))).min(LONGEST);
        // The last bytes of an id are random; no other source of chance is needed for this.
        let spread = f64::from(ids.next_uuid().as_bytes()[15]) / 512.0;
        whole.mul_f64(0.5 + spread)
    }
}
