//! A gateway that kills itself at a named place, and what comes after.

use std::collections::BTreeSet;

use servers::{Gate, ModelServer, TempHome};

use crate::crowd::{Crowd, sound};
use crate::gateway::Gateway;
use crate::look::valid;
use crate::platform::{Platform, tables};
use crate::remains::InFlight;
use crate::setup::Setup;
use crate::talk::{Want, script};
use crate::wait::until;

/// A home with these platforms, and the model behind it.
#[must_use]
pub fn talking(platforms: &[&dyn Platform], gate: &Gate) -> (TempHome, ModelServer) {
    // The ledger's place is known before the configuration is.
    let home = TempHome::new();
    let server = ModelServer::start(script(&home.ledger(), gate));
    home.write("factotum/config.toml", Setup::of(&server).exec().more(&tables(platforms)).text());
    (home, server)
}

/// Talks to a gateway until it kills itself at `site` (`SITE:N`), starts another one, and reckons.
///
/// # Panics
/// When anything was lost, doubled or mixed up, or something is left over.
pub fn kill_at(platform: &dyn Platform, site: &str, want: Want) {
    let (home, server) = talking(&[platform], &Gate::new());
    let mut crowd = Crowd::of(&[platform], 2);
    // A first greeting without kills: from then on every platform knows every chat.
    let first = Gateway::start(&home);
    platform.follow(&first);
    crowd.say(0, Want::Text);
    crowd.say(1, Want::Text);
    crowd.wait_answers();
    // Ended well: a part whose sending is killed twice is a dead letter, and rightly so.
    first.stop();

    let mut in_flight = InFlight::default();
    let doomed = Gateway::launch(&home, Some(site));
    until("the gateway to work", || {
        (doomed.status().is_some_and(|s| s["ready"] == true) || !doomed.lives()).then_some(())
    });
    if doomed.lives() && doomed.status().is_some() {
        platform.follow(&doomed);
    }
    for round in 0..6 {
        if !doomed.lives() {
            break;
        }
        let marks = [crowd.say(round % 2, want), crowd.say(1 - round % 2, Want::Text)];
        until("an answer or the kill", || {
            let done =
                (0..2).all(|i| crowd.is_answered(if i == 0 { round % 2 } else { 1 - round % 2 }, &marks[i]));
            (done || !doomed.lives()).then_some(())
        });
    }
    until(&format!("the kill at {site}"), || (!doomed.lives()).then_some(()));
    let ended = doomed.wait();
    assert_eq!(ended.code, None, "{site}: it was killed: {ended}");
    in_flight.add(InFlight::of(&home));

    let last = Gateway::start(&home);
    platform.follow(&last);
    crowd.wait_answers();
    last.stop();
    let found = crowd.reckon(&in_flight, &home.ledger().lines(), &BTreeSet::new());
    assert!(found.violations().is_empty(), "{site}: {:?}\n{found:#?}", found.violations());
    server.requests().iter().for_each(valid);
    sound(&home);
}
