use std::time::Duration;

use proptest::prelude::*;
use session_api::{Clock as _, ManualClock};

use super::*;

const FOREVER: Duration = Duration::from_secs(1_000_000);

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn policy(requests: Option<u32>, tokens: Option<u64>) -> RatePolicy {
    RatePolicy { requests_per_minute: requests, tokens_per_minute: tokens, ..RatePolicy::default() }
}

#[test]
fn requests_wait_until_the_window_has_room() {
    let rate = Rate::new(policy(Some(2), None));
    let places: Vec<u64> = (0..5).map(|_| rate.reserve(at(0), 0, FOREVER).unwrap().at.as_secs()).collect();
    assert_eq!(places, [0, 0, 60, 60, 120]);
    assert_eq!(rate.reserve(at(30), 0, at(89)), Err(at(90)));
    let state = rate.state(at(60));
    assert_eq!((state.requests, state.waiting, state.paused_millis), (2, 1, 0));
}

#[test]
fn tokens_count_by_estimate_first_and_by_use_afterwards() {
    let rate = Rate::new(policy(None, Some(100)));
    let first = rate.reserve(at(0), 60, FOREVER).unwrap();
    assert_eq!(rate.reserve(at(1), 60, Duration::ZERO), Err(at(59)));
    rate.settle(first, 30);
    assert_eq!(rate.reserve(at(1), 60, Duration::ZERO).map(|slot| slot.at), Ok(at(1)));
    assert_eq!(rate.state(at(1)).tokens, 90);
    // Larger than the limit: alone, behind all others.
    assert_eq!(rate.reserve(at(2), 1_000, FOREVER).map(|slot| slot.at), Ok(at(61)));
}

#[test]
fn a_place_that_is_given_back_is_free_and_a_pause_holds_all() {
    let rate = Rate::new(policy(Some(1), None));
    let slot = rate.reserve(at(0), 0, Duration::ZERO).unwrap();
    rate.cancel(slot);
    assert!(rate.reserve(at(0), 0, Duration::ZERO).is_ok());
    let free = Rate::new(RatePolicy::default());
    free.pause(at(7));
    free.pause(at(3));
    assert_eq!(free.reserve(at(0), 0, Duration::ZERO), Err(at(7)));
    assert_eq!(free.reserve(at(0), 0, at(7)).map(|slot| slot.at), Ok(at(7)));
    assert_eq!((free.state(at(5)).paused_millis, free.state(at(9)).paused_millis), (2_000, 0));
}

proptest! {
    /// However requests come, no 60 seconds hold more of them, or of their tokens, than the limits say; they keep their
    /// order; and whoever comes back after the wait that it was told gets its place.
    #[test]
    fn no_window_holds_more_than_the_limits(
        requests in proptest::option::of(1_u32..6),
        tokens in proptest::option::of(1_u64..200),
        asked in proptest::collection::vec((0_u64..40_000, 0_u64..100, any::<bool>()), 1..80),
    ) {
        let clock = ManualClock::default();
        let rate = Rate::new(policy(requests, tokens));
        let mut places: Vec<(Duration, u64)> = Vec::new();
        for (wait, size, patient) in asked {
            clock.advance(Duration::from_millis(wait));
            let mut now = clock.monotonic();
            let longest = if patient { FOREVER } else { Duration::ZERO };
            let slot = match rate.reserve(now, size, longest) {
                Ok(slot) => slot,
                Err(wait) => {
                    clock.advance(wait);
                    now = clock.monotonic();
                    rate.reserve(now, size, Duration::ZERO).unwrap()
                }
            };
            prop_assert!(slot.at >= now);
            prop_assert!(places.last().is_none_or(|(last, _)| *last <= slot.at), "out of order");
            places.push((slot.at, size));
        }
        for (index, (end, size)) in places.iter().enumerate() {
            let window = places[..index].iter().filter(|(at, _)| *at + WINDOW > *end);
            let (count, sum) = window.fold((1, *size), |(count, sum), (_, size)| (count + 1, sum + size));
            prop_assert!(requests.is_none_or(|most| count <= most), "{count} requests in a minute");
            prop_assert!(tokens.is_none_or(|most| sum <= most || count == 1), "{sum} tokens in a minute");
        }
        if requests.is_none() && tokens.is_none() {
            prop_assert_eq!(rate.0.lock().entries.len(), 0, "nothing is kept that nobody limits");
        }
    }
}
