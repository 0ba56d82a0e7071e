//! A gateway that stands still while another one goes on.

use std::collections::BTreeSet;
use std::time::Duration;

use it::platform::Telegram;
use it::talk::Want;
use it::{Crowd, Gateway, InFlight, PATIENCE, sound, talking, until, until_within};
use servers::Gate;

#[test]
#[ignore = "a minute, since leases last so long; `cargo xtask crash` runs it"]
fn a_gateway_that_was_held_up_for_long_finds_another_one_and_doubles_nothing() {
    let (telegram, gate) = (Telegram::start(), Gate::new());
    let (home, server) = talking(&[&telegram], &gate);
    let mut crowd = Crowd::of(&[&telegram], 2);
    let first = Gateway::start(&home);
    crowd.say(0, Want::Text);
    crowd.wait_answers();
    // It is stopped in the middle of a turn.
    crowd.say(1, Want::Held);
    server.wait_for_requests(2, PATIENCE).unwrap();
    let second = Gateway::launch(&home, None);
    until("the second to stand by", || (second.role() == "standby").then_some(()));
    first.signal("STOP");
    // The role holds for 20 s, a turn's lease for 30 s.
    let long = Duration::from_secs(60);
    until_within(long, "the second to work", || (second.status()?["ready"] == true).then_some(()));
    crowd.say(0, Want::Tool);
    gate.open();
    until_within(long, "all answers", || crowd.unanswered().is_empty().then_some(()));
    first.signal("CONT");
    until("the first to stand by", || (first.role() == "standby").then_some(()));
    crowd.say(0, Want::Text);
    crowd.wait_answers();
    first.stop();
    second.stop();
    let found = crowd.reckon(&InFlight::default(), &home.ledger().lines(), &BTreeSet::new());
    found.assert_clean();
    assert!(found.doubled.is_empty(), "{found:#?}");
    sound(&home);
}
