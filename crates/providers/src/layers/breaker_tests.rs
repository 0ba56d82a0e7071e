use std::time::Duration;

use agent_core::ModelErrorKind as Kind;
use proptest::prelude::*;
use session_api::{Clock as _, ManualClock};

use super::*;

const POLICY: BreakerPolicy = BreakerPolicy { failures: 3, cool_down_seconds: 10, longest_seconds: 40 };
const BAD: Verdict = Verdict::Bad(Kind::Unavailable);

fn fails(breaker: &Breaker, now: Duration) {
    let ticket = breaker.admit(now).unwrap();
    breaker.settle(ticket, BAD, now);
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn it_opens_after_failures_in_a_row_and_longer_each_time() {
    let breaker = Breaker::new(POLICY);
    fails(&breaker, at(0));
    fails(&breaker, at(0));
    let ticket = breaker.admit(at(0)).unwrap();
    breaker.settle(ticket, Verdict::Good, at(0));
    assert_eq!(breaker.state(at(0)), BreakerState::Closed { failures: 0 }, "a good reply forgives");
    for _ in 0..3 {
        fails(&breaker, at(0));
    }
    let mut now = 0;
    for wait in [10, 20, 40, 40] {
        assert_eq!(breaker.state(at(now)), BreakerState::Open { for_millis: wait * 1000 });
        assert_eq!(breaker.admit(at(now)), Err((at(wait), 3)));
        now += wait;
        assert_eq!(breaker.state(at(now)), BreakerState::HalfOpen);
        fails(&breaker, at(now));
    }
    assert_eq!(breaker.counts(), (10, 9, Some(Kind::Unavailable)));
}

#[test]
fn one_request_tries_the_server_and_decides_for_all() {
    let breaker = Breaker::new(POLICY);
    let late = breaker.admit(at(0)).unwrap();
    (0..3).for_each(|_| fails(&breaker, at(0)));
    let mut trial = breaker.admit(at(10)).unwrap();
    assert!(breaker.admit(at(10)).is_err(), "one is enough");
    // What began before it opened says nothing of the server as it is now.
    breaker.settle(late, BAD, at(10));
    assert_eq!(breaker.state(at(10)), BreakerState::HalfOpen);
    breaker.began(&mut trial);
    assert!(breaker.admit(at(10)).is_ok(), "it answers");
    breaker.settle(trial, BAD, at(11));
    assert_eq!(
        breaker.state(at(11)),
        BreakerState::Open { for_millis: 20_000 },
        "it did not answer to the end"
    );
    let trial = breaker.admit(at(31)).unwrap();
    breaker.settle(trial, Verdict::Unknown, at(31));
    let trial = breaker.admit(at(31)).unwrap();
    breaker.settle(trial, Verdict::Good, at(31));
    assert_eq!(breaker.state(at(31)), BreakerState::Closed { failures: 0 });
}

#[test]
fn a_policy_without_failures_never_opens() {
    let breaker = Breaker::new(BreakerPolicy { failures: 0, ..POLICY });
    (0..100).for_each(|_| fails(&breaker, at(0)));
    assert!(breaker.admit(at(0)).is_ok());
}

#[derive(Debug, Clone)]
enum Op {
    Wait(u64),
    Ask,
    Piece(usize),
    End(usize, u8),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0_u64..30).prop_map(Op::Wait),
        Just(Op::Ask),
        Just(Op::Ask),
        (0_usize..8).prop_map(Op::Piece),
        (0_usize..8, 0_u8..4).prop_map(|(which, how)| Op::End(which, how)),
    ]
}

proptest! {
    /// Whatever happens in whatever order: nothing passes an open breaker, one request at most tries the server, and a
    /// breaker that nobody tries lets somebody try after its longest wait.
    #[test]
    fn it_keeps_its_word(ops in proptest::collection::vec(op(), 0..200)) {
        let clock = ManualClock::default();
        let breaker = Breaker::new(POLICY);
        let mut open: Vec<Ticket> = Vec::new();
        for op in ops {
            let now = clock.monotonic();
            match op {
                Op::Wait(seconds) => clock.advance(Duration::from_secs(seconds)),
                Op::Ask => {
                    let before = breaker.state(now);
                    match breaker.admit(now) {
                        Ok(ticket) => {
                            let is_open = matches!(before, BreakerState::Open { .. });
                            prop_assert!(!is_open, "it passed an open breaker");
                            let rivals = open.iter().filter(|other| other.round == ticket.round).count();
                            prop_assert!(before != BreakerState::HalfOpen || rivals == 0, "two try at once");
                            open.push(ticket);
                        }
                        Err((wait, _)) => {
                            prop_assert!(wait > Duration::ZERO && wait <= Duration::from_secs(40));
                            let is_closed = matches!(before, BreakerState::Closed { .. });
                            prop_assert!(!is_closed, "it refused while it was closed");
                        }
                    }
                }
                Op::Piece(which) => if let Some(ticket) = open.get_mut(which) {
                    breaker.began(ticket);
                },
                Op::End(which, how) => if which < open.len() {
                    let verdict = [BAD, BAD, Verdict::Good, Verdict::Unknown][usize::from(how)];
                    breaker.settle(open.remove(which), verdict, now);
                },
            }
            if let BreakerState::Closed { failures } = breaker.state(clock.monotonic()) {
                prop_assert!(failures < POLICY.failures, "{failures} failures, and still closed");
            }
        }
        for ticket in open {
            breaker.settle(ticket, Verdict::Unknown, clock.monotonic());
        }
        clock.advance(Duration::from_secs(POLICY.longest_seconds));
        prop_assert!(breaker.admit(clock.monotonic()).is_ok(), "closed for ever");
    }
}
