//! Who has to wait: Discord's limits, one bucket for each route and channel, and one for all.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Most buckets that are remembered; the one that opens first is forgotten for a new one.
const MOST: usize = 1024;

/// No wait that a server asks for is believed beyond this.
const LONGEST: Duration = Duration::from_secs(600);

/// Until when which calls must not be made, by the monotonic clock.
#[derive(Debug, Default)]
pub(super) struct Limits(Mutex<Gates>);

#[derive(Debug, Default)]
struct Gates {
    all: Duration,
    routes: HashMap<String, Duration>,
}

impl Limits {
    /// How long a call of `route` has to wait.
    pub(super) fn wait(&self, route: &str, now: Duration) -> Option<Duration> {
        let gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = gates.routes.get(route).copied().unwrap_or_default().max(gates.all);
        until.checked_sub(now).filter(|wait| !wait.is_zero())
    }

    /// Closes `route` for so long; a wait that is known already is not shortened.
    pub(super) fn close(&self, route: &str, now: Duration, wait: Duration) {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gates.routes.retain(|_, until| *until > now);
        if gates.routes.len() >= MOST {
            let first = gates.routes.iter().min_by_key(|(_, until)| **until).map(|(route, _)| route.clone());
            if let Some(first) = first {
                gates.routes.remove(&first);
            }
        }
        let until = gates.routes.entry(route.to_owned()).or_default();
        *until = (*until).max(now + wait.min(LONGEST));
    }

    /// Closes everything for so long.
    pub(super) fn close_all(&self, now: Duration, wait: Duration) {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gates.all = gates.all.max(now + wait.min(LONGEST));
    }
}

/// A wait in seconds, as headers and bodies have it.
pub(super) fn seconds(text: f64) -> Duration {
    Duration::try_from_secs_f64(text).unwrap_or(LONGEST).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn a_route_waits_alone_and_the_global_limit_holds_for_all() {
        let limits = Limits::default();
        limits.close("a", S(10), S(2));
        assert_eq!(limits.wait("a", S(11)), Some(S(1)));
        assert_eq!(limits.wait("b", S(11)), None);
        assert_eq!(limits.wait("a", S(12)), None);
        limits.close_all(S(12), S(5));
        assert_eq!(limits.wait("b", S(13)), Some(S(4)));
        limits.close_all(S(13), S(1));
        assert_eq!(limits.wait("b", S(13)), Some(S(4)), "a shorter wait does not open earlier");
    }

    #[test]
    fn the_number_of_buckets_and_the_longest_wait_are_bounded() {
        let limits = Limits::default();
        for n in 0..3000 {
            limits.close(&n.to_string(), S(0), S(1 + n % 7));
        }
        assert!(limits.0.lock().unwrap().routes.len() <= MOST);
        assert_eq!(seconds(f64::MAX), LONGEST);
        assert_eq!(seconds(f64::NAN), LONGEST);
        assert_eq!(seconds(0.25), Duration::from_millis(250));
    }
}
