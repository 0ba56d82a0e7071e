//! Waiting for something to become true.

use std::time::Duration;

/// The longest that any single wait of a test takes.
pub const PATIENCE: Duration = Duration::from_secs(30);

const PAUSE: Duration = Duration::from_millis(5);

/// Looks again and again until there is something, and returns it.
///
/// # Panics
/// When there is nothing after [`PATIENCE`]; `what` says what was waited for.
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, look)
}

/// As [`until`], for what takes longer than other things may.
///
/// # Panics
/// When there is nothing after `patience`.
#[expect(clippy::panic, reason = "a wait in vain is a failed test")]
pub fn until_within<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    // Counted in pauses, not by the clock: a machine that stood still must not fail a test.
    for _ in 0..patience.as_millis() / PAUSE.as_millis() {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(PAUSE);
    }
    panic!("waited {patience:?} in vain for {what}");
}
