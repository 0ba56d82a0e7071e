//! `kill -9` of the gateway at each place that a message passes: nothing is lost, nothing unsafe runs twice, and an
//! answer comes twice at most where it was being sent.

use it::platform::{Platform, Telegram, tables};
use it::talk::{Want, script};
use it::{Crowd, Gateway, InFlight, Setup, sound, until, valid};
use servers::{Gate, ModelServer, TempHome};

/// A home with this platform, and the model behind it.
fn home(platform: &dyn Platform) -> (TempHome, ModelServer) {
    // The ledger's place is known before the configuration is.
    let home = TempHome::new();
    let server = ModelServer::start(script(&home.ledger(), &Gate::new()));
    home.write("factotum/config.toml", Setup::of(&server).exec().more(&tables(&[platform])).text());
    (home, server)
}

/// Talks to a gateway until it kills itself at `site`, starts another one, and reckons.
fn kill_at(platform: &dyn Platform, site: &str, want: Want) {
    let (home, server) = home(platform);
    let mut crowd = Crowd::of(&[platform], 2);
    // A first greeting without kills: from then on every platform knows every chat.
    let first = Gateway::start(&home);
    platform.follow(&first);
    crowd.say(0, Want::Text);
    crowd.say(1, Want::Text);
    crowd.wait_answers();
    first.kill9();

    let mut in_flight = InFlight::of(&home);
    let doomed = Gateway::launch(&home, Some(site));
    until("the gateway to work", || (doomed.status().is_some_and(|s| s["ready"] == true) || !doomed.lives()).then_some(()));
    if doomed.lives() && doomed.status().is_some() {
        platform.follow(&doomed);
    }
    for round in 0..6 {
        if !doomed.lives() {
            break;
        }
        let marks = [crowd.say(round % 2, want), crowd.say(1 - round % 2, Want::Text)];
        until("an answer or the kill", || {
            let done = (0..2).all(|i| crowd.is_answered(if i == 0 { round % 2 } else { 1 - round % 2 }, &marks[i]));
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
    let found = crowd.reckon(&in_flight, &home.ledger().lines());
    assert!(found.violations().is_empty(), "{site}: {:?}\n{found:#?}", found.violations());
    server.requests().iter().for_each(valid);
    sound(&home);
}

fn kills_at(site: &str, want: Want) {
    for moment in ["before", "after"] {
        for n in [1, 2] {
            kill_at(&Telegram::start(), &format!("{site}.{moment}:{n}"), want);
        }
    }
}

#[test]
fn around_the_inbox_commit() {
    kills_at("inbox", Want::Text);
}

#[test]
fn around_the_acknowledgement() {
    kills_at("ack", Want::Text);
}

#[test]
fn around_the_lease() {
    kills_at("lease", Want::Text);
}

#[test]
fn around_a_journal_write() {
    kills_at("journal", Want::Tool);
}

#[test]
fn around_a_model_call() {
    kills_at("model", Want::Tool);
}

#[test]
fn around_a_draft() {
    kills_at("draft", Want::Slow);
}

#[test]
fn around_the_start_of_a_tool() {
    kills_at("tool_start", Want::Tool);
}

#[test]
fn around_the_end_of_a_tool() {
    kills_at("tool_end", Want::Tool);
}

#[test]
fn around_the_commit_of_a_turn() {
    kills_at("commit", Want::Text);
}

#[test]
fn around_a_send() {
    kills_at("send", Want::Text);
}

#[test]
fn around_the_note_that_something_was_sent() {
    kills_at("sent", Want::Text);
}
