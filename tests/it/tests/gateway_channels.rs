//! `kill -9` where a message enters and leaves, on every channel; and a restart of all of them at once.

use std::collections::BTreeSet;

use it::platform::{Discord, Email, Platform, Slack, Socket, Telegram};
use it::talk::Want;
use it::{Crowd, Gateway, InFlight, kill_at, sound, talking, until, valid};
use servers::Gate;

/// The places where channels differ.
const SITES: [&str; 10] = [
    "inbox.before:1",
    "inbox.after:1",
    "ack.before:1",
    "ack.after:1",
    "commit.before:1",
    "commit.after:1",
    "send.before:1",
    "send.after:1",
    "sent.before:1",
    "sent.after:1",
];

fn kills_on(platform: impl Fn() -> Option<Box<dyn Platform>>) {
    kills_at(&SITES, platform);
}

fn kills_at(sites: &[&str], platform: impl Fn() -> Option<Box<dyn Platform>>) {
    for site in sites {
        let Some(platform) = platform() else { return };
        kill_at(platform.as_ref(), site, Want::Text);
    }
}

#[test]
fn discord_loses_nothing_wherever_the_gateway_is_killed() {
    kills_on(|| Some(Box::new(Discord::start())));
}

#[test]
fn slack_loses_nothing_wherever_the_gateway_is_killed() {
    kills_on(|| Some(Box::new(Slack::start())));
}

#[test]
fn email_loses_nothing_wherever_the_gateway_is_killed() {
    kills_on(|| Email::start().map(|email| Box::new(email) as Box<dyn Platform>));
}

#[test]
fn websocket_clients_lose_nothing_wherever_the_gateway_is_killed() {
    // Its clients fetch what is theirs: nothing is sent.
    kills_at(&SITES[..6], || Some(Box::new(Socket::new())));
}

#[test]
fn a_restart_in_the_middle_of_ten_turns_on_all_channels_leaves_each_chat_its_one_answer() {
    let (telegram, discord, slack, socket) =
        (Telegram::start(), Discord::start(), Slack::start(), Socket::new());
    let email = Email::start();
    let mut platforms: Vec<&dyn Platform> = vec![&telegram, &discord, &slack, &socket];
    platforms.extend(email.as_ref().map(|email| email as &dyn Platform));
    let gate = Gate::new();
    let (home, server) = talking(&platforms, &gate);
    let mut crowd = Crowd::of(&platforms, 2);
    let follow = |gateway: &Gateway| platforms.iter().for_each(|platform| platform.follow(gateway));

    let first = Gateway::start(&home);
    follow(&first);
    (0..crowd.chats()).for_each(|chat| drop(crowd.say(chat, Want::Text)));
    crowd.wait_answers();
    let before = server.requests().len();
    (0..crowd.chats()).for_each(|chat| drop(crowd.say(chat, Want::Held)));
    until("all turns to run", || (server.requests().len() >= before + crowd.chats()).then_some(()));
    first.kill9();
    let in_flight = InFlight::of(&home);
    assert_eq!(in_flight.parts, 0, "nothing was being sent: {in_flight:?}");
    gate.open();

    let second = Gateway::start(&home);
    follow(&second);
    crowd.wait_answers();
    second.stop();
    let found = crowd.reckon(&in_flight, &[], &BTreeSet::new());
    found.assert_clean();
    assert_eq!((found.answered, found.doubled.len()), (2 * crowd.chats(), 0));
    server.requests().iter().for_each(valid);
    sound(&home);
}
