//! How much a client may send.

use std::time::Duration;

/// So many a minute, and so many at once.
#[derive(Debug, Clone)]
pub(super) struct Rate {
    per_minute: f64,
    left: f64,
    at: Duration,
}

impl Rate {
    /// `per_minute` from now on.
    pub(super) fn new(per_minute: u32, now: Duration) -> Self {
        let per_minute = f64::from(per_minute.max(1));
        Self { per_minute, left: per_minute, at: now }
    }

    /// Takes one, or says how long to wait for it.
    pub(super) fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let minutes = now.saturating_sub(self.at).as_secs_f64() / 60.0;
        self.at = self.at.max(now);
        self.left = (self.left + minutes * self.per_minute).min(self.per_minute);
        if self.left >= 1.0 {
            self.left -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.left) / self.per_minute * 60.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_worth_goes_at_once_and_then_one_at_a_time() {
        let mut rate = Rate::new(60, Duration::ZERO);
        for _ in 0..60 {
            assert_eq!(rate.take(Duration::ZERO), Ok(()));
        }
        let wait = rate.take(Duration::ZERO).unwrap_err();
        assert!(wait > Duration::from_millis(990) && wait <= Duration::from_secs(1), "{wait:?}");
        assert_eq!(rate.take(Duration::from_millis(1001)), Ok(()));
        assert!(rate.take(Duration::from_millis(1001)).is_err());
        // A clock that went back gives nothing away.
        assert!(rate.take(Duration::ZERO).is_err());
    }
}
